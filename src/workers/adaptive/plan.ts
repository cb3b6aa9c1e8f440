import type { Schedule } from '../../domain/order.ts';
import { cheapestTimes, type LagCost } from './cheapest-times.ts';
import { binCount, binOf, type CompletionTimes, edgeMs, shareFinal, weightOf } from './completion-times.ts';
import { exponentialPollTimes, lagOf, type PollTimes, pollsPerOrder } from './poll-times.ts';

/**
 * Orders that must have been seen final before their times are planned with. A hundred place the median well; but the
 * slowest hundredth is known from ten orders in a thousand, and with fewer the long lags come out up to twice as long as
 * the exponential schedule's (docs/notes/performance-lab.md).
 */
export const enoughOrders = 1_000;

/** A schedule of more polls than this is left as it is: its polls are closer together than any plan would put them. */
const mostPolls = 3_000;

/** The exponential schedule waits for each answer before its interval begins, and so makes a little fewer polls. */
const thrift = 0.99;

/**
 * What is tried: which lags to press, as parts of the median lag of the exponential schedule, and how hard to hold the
 * long ones. No single choice is best for every distribution.
 */
const attempts: readonly Pick<LagCost, 'scaleMs' | 'perLong' | 'beyondLong'>[] = [
  { scaleMs: 0.3, perLong: 0.6, beyondLong: 2 },
  { scaleMs: 0.3, perLong: 1, beyondLong: 2 },
  { scaleMs: 0.3, perLong: 2, beyondLong: 4 },
  { scaleMs: 0.5, perLong: 0.3, beyondLong: 2 },
  { scaleMs: 0.5, perLong: 0.6, beyondLong: 2 },
  { scaleMs: 0.5, perLong: 1, beyondLong: 2 },
  { scaleMs: 1, perLong: 0.3, beyondLong: 2 },
  { scaleMs: 1, perLong: 1, beyondLong: 2 },
  { scaleMs: 1, perLong: 2, beyondLong: 4 },
  { scaleMs: 2, perLong: 2, beyondLong: 2 },
];

/**
 * How much longer than the exponential schedule's the quantiles of the lag may be in a plan. A little, because they are
 * known only roughly at first; the last a quarter, because it is made by the few orders that took minutes anyway.
 */
const guarded = [
  { share: 0.75, atMost: 1.05 },
  { share: 0.95, atMost: 1.05 },
  { share: 0.99, atMost: 1.25 },
] as const;

/** A plan in force is given up only when it is so much worse than a new one may be: else it would come and go. */
const patience = 1.25;

/**
 * Poll times that suit the times at which orders were seen to become final: on average as many polls per order as the
 * exponential schedule, put where the orders are. `null` while too little is known, or where nothing better was found:
 * a plan is taken only if its median lag is shorter, and the longer ones are as `guarded` says. Pure.
 *
 * @param former the plan in force, kept where no new one is found and it is still good
 */
export function planPollTimes(
  known: CompletionTimes,
  schedule: Schedule,
  minIntervalMs: number,
  former: PollTimes | null = null,
): PollTimes | null {
  if (weightOf(known) - known.never < enoughOrders) return null;
  const usual = exponentialPollTimes(schedule, mostPolls);
  if (usual === null) return null;
  const final = shareFinal(known);
  const budget = thrift * pollsPerOrder(usual, final);
  const limits = guarded.map(({ share, atMost }) => ({ share, ms: atMost * lagOf(share, usual, final) }));
  const holds = (times: PollTimes, slack: number) =>
    limits.every(({ share, ms }) => lagOf(share, times, final) <= slack * ms);
  const usualMs = lagOf(0.5, usual, final);
  const longMs = lagOf(0.99, usual, final);
  const grid = gridOf(schedule.deadlineMs, minIntervalMs);
  let best: PollTimes | null = null;
  let bestMs = usualMs;
  for (const { scaleMs, ...holding } of attempts) {
    const cost = { scaleMs: scaleMs * usualMs, longMs, ...holding };
    const times = cheapestTimes(grid, minIntervalMs, final, cost, budget);
    const medianMs = times === null ? usualMs : lagOf(0.5, times, final);
    if (times !== null && medianMs < bestMs && holds(times, 1)) [best, bestMs] = [times, medianMs];
  }
  if (best !== null || former === null) return best;
  const isStillGood =
    lagOf(0.5, former, final) < usualMs &&
    pollsPerOrder(former, final) <= patience * budget &&
    holds(former, patience);
  return isStillGood ? former : null;
}

/** Times at which a poll may be planned: the ends of the bins, and the deadline. */
function gridOf(deadlineMs: number, minIntervalMs: number): number[] {
  const grid: number[] = [];
  for (let bin = binOf(minIntervalMs); bin < binCount; bin += 1) {
    const at = Math.round(edgeMs(bin));
    if (at >= deadlineMs) break;
    if (at >= minIntervalMs && at > (grid.at(-1) ?? 0)) grid.push(at);
  }
  return [...grid, deadlineMs];
}
