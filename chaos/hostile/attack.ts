import { setTimeout as delay } from 'node:timers/promises';
import type { KnownPayment } from '../forged-callbacks.ts';

/** What an attacker knows of the service, and what was stolen. On loopback only. */
export interface Target {
  readonly port: number;
  readonly prefix: string;
  readonly callbackToken: string;
  /** The API key of a client that takes all it can get. */
  readonly greedyKey: string;
  /** An operator who does more than the board allows. */
  readonly operator: { readonly username: string; readonly password: string };
  /** A Redis user with the rights of a subscriber; `null` where this Redis has no such rights to give. */
  readonly subscriberUrl: string | null;
  readonly orders: readonly (KnownPayment & { readonly orderId: string })[];
}

/** One way to do harm, repeated until the signal is given. */
export interface Attack {
  readonly name: string;
  /** The answers of a service that resists, besides those of one that is busy. */
  readonly resisted: RegExp;
  /** @param heard is called with each answer: a status, an error's code, or a short text */
  run(target: Target, heard: (answer: string) => void, stop: AbortSignal): Promise<void>;
}

/** Answers by attack, counted. */
export type Tally = { [attack: string]: { [answer: string]: number } };

/** A busy service says so or hangs up, and no attack may expect better. */
const busy = /^(?:503|408|closed|[A-Z][A-Z_]+)$/;

/** Whether an answer shows that an attack was resisted. */
export function isResisted({ resisted }: Pick<Attack, 'resisted'>, answer: string): boolean {
  return resisted.test(answer) || busy.test(answer);
}

/** Acts so often a second; while so many are under way, the others are left out. */
export async function atRate(
  perSecond: number,
  mostInFlight: number,
  stop: AbortSignal,
  act: () => Promise<void>,
): Promise<void> {
  const inFlight = new Set<Promise<void>>();
  while (!stop.aborted) {
    if (inFlight.size < mostInFlight) {
      const one = act().finally(() => inFlight.delete(one));
      inFlight.add(one);
    }
    await delay(1_000 / perSecond, undefined, { signal: stop }).catch(() => {});
  }
  await Promise.allSettled(inFlight);
}
