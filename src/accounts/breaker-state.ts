import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { type AccountPause, parsePause } from './pause.ts';

/**
 * State of an account's circuit breaker.
 * - `closed`: polls are allowed.
 * - `resting`: the provider asked for a pause.
 * - `open`: the account failed too often; polls are paused.
 * - `half-open`: the pause is over; one order at a time probes whether the account has recovered.
 * - `locked`: the provider locked the credentials; new ones are needed.
 */
export const breakerStates = ['closed', 'resting', 'open', 'half-open', 'locked'] as const;
export type BreakerState = (typeof breakerStates)[number];

export interface Breaker {
  readonly state: BreakerState;
  /** Distinct orders that failed in a row. */
  readonly failures: number;
  /** Until when polls are paused, `null` when they are not. */
  readonly pausedUntil: number | null;
  /** Why the last failing poll failed, in words; `null` while it does not fail. */
  readonly why: string | null;
  /** Who has paused the account, and why; `null` if nobody has. */
  readonly pause: AccountPause | null;
}

/**
 * Reads the state of an account's circuit breaker without changing it.
 *
 * @param credentials fingerprint of those in use; without it, a locked account counts as locked until other credentials work
 */
export async function readBreaker(
  redis: Redis,
  keys: Keys,
  account: string,
  now: number,
  credentials?: string,
): Promise<Breaker> {
  const names = ['pausedUntil', 'level', 'failures', 'lockedBy', 'locked', 'why', 'pause'] as const;
  const known = await redis.hmget(keys.breaker(account), ...names);
  const [until, level, failures] = known.map(Number) as [number, number, number];
  const isPaused = until > now;
  const isLocked = credentials === undefined ? Boolean(known[3]) : listed(known[4]).includes(credentials);
  return {
    ...{ state: stateOf(isLocked, level > 0, isPaused), failures, pausedUntil: isPaused ? until : null },
    ...{ why: known[5] || null, pause: parsePause(known[6]) },
  };
}

function stateOf(isLocked: boolean, isOpen: boolean, isPaused: boolean): BreakerState {
  if (isLocked) return 'locked';
  if (isOpen) return isPaused ? 'open' : 'half-open';
  return isPaused ? 'resting' : 'closed';
}

/** The items of a list separated by blanks. */
export const listed = (text: string | null | undefined): readonly string[] => (text ?? '').split(' ');
