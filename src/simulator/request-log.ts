import { type ProviderId, providerIds } from './registry.ts';

/** What one provider was asked. */
export interface RequestCounts {
  /** Requests by kind of path: "login", "status" (or a finer name where an API has two), "unknown-path". */
  readonly paths: Record<string, number>;
  /** Requests that met a fault of an order or of an outage. */
  readonly faulted: number;
  /** Requests refused for a wrong token, key, password or signature. */
  readonly refused: number;
  /** The most status requests within any one second. */
  readonly maxPerSecond: number;
  /** The limit set, in status requests per second, and how many came beyond it. */
  readonly limitPerSecond: number | null;
  readonly overLimit: number;
}

/** The running counts of one provider; written on the hot path. */
export interface RequestCounter {
  countPath(kind: string): void;
  /** Counts a status request at an instant; true when it is beyond the limit. */
  countStatus(kind: string, at: number): boolean;
  countFault(): void;
  countRefusal(): void;
  counts(): RequestCounts;
}

/** Makes one counter per provider. */
export function createRequestLog(
  limits: Partial<Record<ProviderId, number>> = {},
): ReadonlyMap<ProviderId, RequestCounter> {
  return new Map(providerIds.map((id) => [id, createCounter(limits[id])]));
}

function createCounter(limitPerSecond: number | undefined): RequestCounter {
  const paths: Record<string, number> = {};
  const inLastSecond = createSecondWindow();
  let [faulted, refused, overLimit, maxPerSecond] = [0, 0, 0, 0];
  const countPath = (kind: string): void => {
    paths[kind] = (paths[kind] ?? 0) + 1;
  };
  return {
    countPath,
    countStatus(kind, at) {
      countPath(kind);
      const now = inLastSecond(at);
      if (now > maxPerSecond) maxPerSecond = now;
      const isOver = limitPerSecond !== undefined && now > limitPerSecond;
      if (isOver) overLimit += 1;
      return isOver;
    },
    countFault() {
      faulted += 1;
    },
    countRefusal() {
      refused += 1;
    },
    counts() {
      return {
        paths: { ...paths },
        faulted,
        refused,
        maxPerSecond,
        limitPerSecond: limitPerSecond ?? null,
        overLimit,
      };
    },
  };
}

// An exact sliding window: the instants of the last second, with a head that moves and is cut off now and then.
function createSecondWindow(): (at: number) => number {
  let instants: number[] = [];
  let head = 0;
  return (at) => {
    instants.push(at);
    while ((instants[head] ?? at) <= at - 1_000) head += 1;
    if (head > 8_192) {
      instants = instants.slice(head);
      head = 0;
    }
    return instants.length - head;
  };
}
