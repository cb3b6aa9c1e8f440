import { limiterOf } from '../../../src/workers/rate-limiter.ts';

/** BullMQ's limiter in virtual time: windows that begin with their first start. */
export interface Limiter {
  /** The earliest time, not before `now`, at which a poll may start. */
  nextAt(now: number): number;
  start(now: number): void;
}

export function createLimiter(ratePerSecond: number): Limiter {
  const { max, duration } = limiterOf(ratePerSecond);
  let [endsAt, started] = [Number.NEGATIVE_INFINITY, 0];
  return {
    nextAt: (now) => (now >= endsAt || started < max ? now : endsAt),
    start(now) {
      if (now >= endsAt) [endsAt, started] = [now + duration, 0];
      started += 1;
    },
  };
}

/** The provider's own limit: how many requests came within any second, and which it turns away. */
export interface ProviderLimit {
  /** Counts a request. False: it is turned away. */
  admit(now: number): boolean;
  /** The most requests that came within one second, wherever it begins. */
  most(): number;
}

export function createProviderLimit(ratePerSecond: number): ProviderLimit {
  const recent: number[] = [];
  let most = 0;
  return {
    admit(now) {
      while (recent.length > 0 && (recent[0] as number) <= now - 1_000) recent.shift();
      recent.push(now);
      most = Math.max(most, recent.length);
      return recent.length <= Math.max(1, Math.ceil(ratePerSecond));
    },
    most: () => most,
  };
}
