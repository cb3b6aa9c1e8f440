import type { Schedule } from '../../domain/order.ts';
import { intervalMs } from '../../domain/schedule.ts';

/** Poll times of one order, milliseconds since `createdAt`, ascending; the last is the deadline. */
export type PollTimes = readonly number[];

/** The share of all orders that is final at a time. */
export type ShareFinal = (ms: number) => number;

/** The exponential schedule with its first poll and its intervals multiplied; the deadline stays. */
export function stretched(schedule: Schedule, factor: number): Schedule {
  return {
    ...schedule,
    firstPollAfterMs: factor * schedule.firstPollAfterMs,
    initialIntervalMs: factor * schedule.initialIntervalMs,
    maxIntervalMs: factor * schedule.maxIntervalMs,
  };
}

/** The poll times of the exponential schedule, as if every answer came at once; `null` when they are more than `most`. */
export function exponentialPollTimes(schedule: Schedule, most: number): PollTimes | null {
  let last = Math.min(schedule.firstPollAfterMs, schedule.deadlineMs);
  const times = [last];
  while (last < schedule.deadlineMs) {
    if (times.length === most) return null;
    last = Math.min(last + intervalMs(schedule, times.length), schedule.deadlineMs);
    times.push(last);
  }
  return times;
}

/** Polls that an order costs on average until one sees it final, or its deadline comes. */
export function pollsPerOrder(times: PollTimes, shareFinal: ShareFinal): number {
  let polls = 0;
  let before = 0;
  for (const at of times) {
    polls += 1 - shareFinal(before);
    before = at;
  }
  return polls;
}

/** The share of all orders that is seen at most `lagMs` after it became final. */
export function shareSeenWithin(lagMs: number, times: PollTimes, shareFinal: ShareFinal): number {
  let seen = 0;
  let before = 0;
  for (const at of times) {
    seen += shareFinal(at) - shareFinal(Math.max(before, at - lagMs));
    before = at;
  }
  return seen;
}

/** The lag that a share of the orders seen does not exceed, to within a millionth of the deadline. */
export function lagOf(share: number, times: PollTimes, shareFinal: ShareFinal): number {
  let [least, most] = [0, times.at(-1) ?? 0];
  const wanted = share * shareFinal(most);
  for (let round = 0; round < 20; round += 1) {
    const middle = (least + most) / 2;
    if (shareSeenWithin(middle, times, shareFinal) >= wanted) most = middle;
    else least = middle;
  }
  return most;
}
