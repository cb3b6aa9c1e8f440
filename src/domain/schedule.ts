import type { Schedule } from './order.ts';

/** The default schedule: first poll after 8 s, then 5 s growing by 1.5 to 30 s, deadline after 10 min. */
export const defaultSchedule: Schedule = {
  firstPollAfterMs: 8_000,
  initialIntervalMs: 5_000,
  factor: 1.5,
  maxIntervalMs: 30_000,
  jitter: 0.1,
  deadlineMs: 600_000,
};

/** The default watch, counted from the verdict: 2 min, 10 min, 1 h, 6 h, 24 h, 72 h, 7 d. */
export const defaultWatchMs: readonly number[] = [
  120_000, 600_000, 3_600_000, 21_600_000, 86_400_000, 259_200_000, 604_800_000,
];

/** When a verdict is due even if no answer was final. */
export function deadlineAt(order: { createdAt: number; schedule: Schedule }): number {
  return order.createdAt + order.schedule.deadlineMs;
}

/** When to poll an order first: never after its deadline. In the past for an order that is enqueued late. */
export function firstPollAt(order: { createdAt: number; schedule: Schedule }): number {
  return order.createdAt + Math.min(order.schedule.firstPollAfterMs, order.schedule.deadlineMs);
}

/**
 * When to poll next, after `pollsMade` polls, none of them final: exponential backoff with jitter.
 *
 * A poll is always made at the deadline: an interval that would cross it ends there, and a deadline that has passed without
 * a poll is polled at once. `notBefore` (a `Retry-After`) only ever delays the poll.
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

/** Poll times learnt from an account's past orders, which replace its exponential schedule. */
export interface Plan {
  /** The schedule of the account. Orders with other intervals of their own do not follow the plan. */
  readonly schedule: Schedule;
  /** Milliseconds since `createdAt`, ascending. */
  readonly times: readonly number[];
  /** Least interval between polls of one order. */
  readonly minIntervalMs: number;
}

/**
 * When to poll next by a plan; `null` where the plan does not apply: for an order with intervals of its own, and after the
 * plan's last time. As with `nextPollAt`, a poll is always made at the deadline, and `notBefore` only delays.
 *
 * Times are the plan's own, whenever earlier polls happened. A time less than half its interval after the last poll was sent is
 * skipped: that poll was probably this one, with jitter.
 *
 * @param random a number in [0, 1), the source of jitter
 * @param sentAt when the last poll was sent; the least interval counts from then
 */
export function plannedPollAt(
  order: { createdAt: number; schedule: Schedule },
  { schedule, times, minIntervalMs }: Plan,
  now: number,
  random: number,
  notBefore = 0,
  sentAt = now,
): number | null {
  if (!hasSameIntervals(order.schedule, schedule)) return null;
  const sentMs = sentAt - order.createdAt;
  const last = times.length - 1;
  for (const [nth, time] of times.entries()) {
    const intervalMs = time - (times[nth - 1] ?? 0);
    if (time <= now - order.createdAt || (nth < last && time - sentMs < intervalMs / 2)) continue;
    // Jitter applies to the interval, or to what is left of it. The last poll is the deadline's and has none, nor have polls as
    // close together as allowed: it could only make them later.
    const remainingMs = Math.min(intervalMs, time - sentMs);
    const isTight = nth > 0 && intervalMs <= minIntervalMs * 1.1;
    const isExact = nth === last || isTight;
    const jitteredMs = isExact ? remainingMs : jittered(remainingMs, order.schedule.jitter, random);
    const at = order.createdAt + time - remainingMs + jitteredMs;
    return Math.max(Math.min(Math.max(at, sentAt + minIntervalMs), deadlineAt(order)), now, notBefore);
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
