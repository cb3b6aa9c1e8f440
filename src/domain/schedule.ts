import type { Schedule } from './order.ts';

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

/** Poll times that were made to suit an account's orders, in place of its exponential schedule. */
export interface Plan {
  /** The schedule of the account. An order with intervals of its own keeps to them. */
  readonly schedule: Schedule;
  /** Milliseconds since `createdAt`, ascending. */
  readonly times: readonly number[];
  /** Polls of one order are at least so far apart. */
  readonly minIntervalMs: number;
}

/**
 * The poll after `now` by a plan, `null` where it does not apply: to an order with intervals of its own, and after its last
 * time. As with `nextPollAt`, a poll is always made at the deadline, and `notBefore` pushes later, never earlier.
 *
 * The times are the plan's, wherever the polls before them came to lie; one that is less than half its interval away has
 * been made already, or would come to little.
 *
 * @param random a number in [0, 1), the source of jitter
 */
export function plannedPollAt(
  order: { createdAt: number; schedule: Schedule },
  { schedule, times, minIntervalMs }: Plan,
  now: number,
  random: number,
  notBefore = 0,
): number | null {
  if (!hasSameIntervals(order.schedule, schedule)) return null;
  const elapsedMs = now - order.createdAt;
  const last = times.length - 1;
  for (const [nth, time] of times.entries()) {
    const intervalMs = time - (times[nth - 1] ?? 0);
    if (time <= elapsedMs || (nth < last && time - elapsedMs < intervalMs / 2)) continue;
    // Jitter moves a poll within its interval, or within what is left of it; the last one is for the deadline.
    const restMs = Math.min(intervalMs, time - elapsedMs);
    const movedMs = nth === last ? restMs : jittered(restMs, order.schedule.jitter, random);
    const at = order.createdAt + time - restMs + movedMs;
    return Math.max(Math.min(Math.max(at, now + minIntervalMs), deadlineAt(order)), now, notBefore);
  }
  return null;
}

function hasSameIntervals(own: Schedule, account: Schedule): boolean {
  return (
    own.initialIntervalMs === account.initialIntervalMs &&
    own.factor === account.factor &&
    own.maxIntervalMs === account.maxIntervalMs
  );
}

/** The interval after `pollsMade` polls (1 or more), before jitter. */
export function intervalMs(schedule: Schedule, pollsMade: number): number {
  const grown = schedule.initialIntervalMs * schedule.factor ** Math.max(0, pollsMade - 1);
  return Math.min(grown, schedule.maxIntervalMs);
}

function jittered(ms: number, jitter: number, random: number): number {
  return Math.round(ms * (1 + jitter * (2 * random - 1)));
}
