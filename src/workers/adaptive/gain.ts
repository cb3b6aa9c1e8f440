import type { Schedule } from '../../domain/order.ts';
import { type CompletionTimes, shareFinal, weightOf } from './completion-times.ts';
import { exponentialPollTimes, lagOf, type PollTimes } from './poll-times.ts';

/** Fewer orders than this say nothing about a median. */
const leastOrders = 50;
const mostPolls = 3_000;

/**
 * The median lag that poll times promise for orders like the known ones, in ms; `null` while too few are known. Pure.
 *
 * @param times `null` for those of the exponential schedule
 */
export function expectedLagMs(
  known: CompletionTimes,
  schedule: Schedule,
  times: PollTimes | null,
): number | null {
  const polled = times ?? exponentialPollTimes(schedule, mostPolls);
  if (polled === null || weightOf(known) - known.never < leastOrders) return null;
  return lagOf(0.5, polled, shareFinal(known));
}
