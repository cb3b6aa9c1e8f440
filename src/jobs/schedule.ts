import type { Schedule } from '../order.ts';

/** The default schedule of the contract: first poll after 8 s, then 5 s growing by 1.5 to 30 s, deadline after 10 min. */
export const defaultSchedule: Schedule = {
  firstPollAfterMs: 8_000,
  initialIntervalMs: 5_000,
  factor: 1.5,
  maxIntervalMs: 30_000,
  jitter: 0.1,
  deadlineMs: 600_000,
};

/** The slow polls after a verdict that may still turn, counted from the verdict: 2 min, 10 min, 1 h, 6 h, 24 h, 72 h, 7 d. */
export const defaultWatchMs: readonly number[] = [
  120_000, 600_000, 3_600_000, 21_600_000, 86_400_000, 259_200_000, 604_800_000,
];

/** When an order is to hear something even if the provider has said nothing final. */
export function deadlineAt(order: { createdAt: number; schedule: Schedule }): number {
  return order.createdAt + order.schedule.deadlineMs;
}

/** The first poll of an order. Never after its deadline; an order handed over late is polled at once. */
export function firstPollAt(order: { createdAt: number; schedule: Schedule }): number {
  return order.createdAt + Math.min(order.schedule.firstPollAfterMs, order.schedule.deadlineMs);
}

/**
 * The poll after `pollsMade` polls, none of them final.
 *
 * Exponential with jitter, but a poll is always made at the deadline: an interval that would cross it is cut to land on
 * it, and a deadline that passed without its poll wants it at once. `notBefore` (a `Retry-After`) pushes later, never earlier.
 *
 * @param random a number in [0, 1), the source of jitter
 */
export function nextPollAt(
  order: { createdAt: number; schedule: Schedule },
  pollsMade: number,
  now: number,
  random: number,
  notBefore = 0,
): number {
  const usual = now + jittered(intervalMs(order.schedule, pollsMade), order.schedule.jitter, random);
  return Math.max(Math.min(usual, deadlineAt(order)), now, notBefore);
}

/** The interval after `pollsMade` polls (1 or more), before jitter. */
export function intervalMs(schedule: Schedule, pollsMade: number): number {
  const grown = schedule.initialIntervalMs * schedule.factor ** Math.max(0, pollsMade - 1);
  return Math.min(grown, schedule.maxIntervalMs);
}

function jittered(ms: number, jitter: number, random: number): number {
  return Math.round(ms * (1 + jitter * (2 * random - 1)));
}
