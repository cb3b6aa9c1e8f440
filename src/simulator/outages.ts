import type { OutageScript } from './script.ts';
import { type FaultKind, isResultTrouble, type ResultTrouble } from './words.ts';

/** A fault that is due now. */
export interface DueFault {
  readonly kind: FaultKind;
  readonly retryAfterSeconds?: number | undefined;
}

/** The troubles that whole providers are scripted to have. */
export interface Outages {
  add(outage: OutageScript, at: number): void;
  /** The fault that a request to a provider meets now. */
  faultFor(provider: string, at: number, isLogin: boolean): DueFault | undefined;
  /** The trouble that Daraja's results show now. */
  resultTrouble(at: number): ResultTrouble | undefined;
}

interface Window extends Omit<OutageScript, 'kind'> {
  readonly startsAt: number;
  readonly endsAt: number;
  requests: number;
}
type RequestWindow = Window & { readonly kind: FaultKind };
type ResultWindow = Window & { readonly kind: ResultTrouble };

/** Makes an empty list of outages. */
export function createOutages(): Outages {
  const onRequests: RequestWindow[] = [];
  const onResults: ResultWindow[] = [];
  return {
    add(outage, at) {
      const { kind, fromMs, untilMs = Number.POSITIVE_INFINITY } = outage;
      const window = { ...outage, startsAt: at + fromMs, endsAt: at + untilMs, requests: 0 };
      if (isResultTrouble(kind)) onResults.push({ ...window, kind });
      else onRequests.push({ ...window, kind });
    },
    faultFor(provider, at, isLogin) {
      for (const outage of onRequests) {
        if (outage.provider !== provider || (isLogin && !outage.logins) || !isOpen(outage, at)) continue;
        outage.requests += 1;
        if (outage.requests % (outage.every ?? 1) === 0) return outage;
      }
      return undefined;
    },
    resultTrouble(at) {
      return onResults.find((outage) => isOpen(outage, at))?.kind;
    },
  };
}

function isOpen({ startsAt, endsAt }: Window, at: number): boolean {
  return startsAt <= at && at < endsAt;
}
