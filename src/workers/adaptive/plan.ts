import type { Schedule } from '../../domain/order.ts';
import { cheapestTimes, type LagCost } from './cheapest-times.ts';
import { type CompletionTimes, shareFinal, weightOf } from './completion-times.ts';
import {
  exponentialPollTimes,
  lagOf,
  type PollTimes,
  pollsPerOrder,
  type ShareFinal,
  stretched,
} from './poll-times.ts';

/**
 * Orders that must be known before their times are planned with, observed or estimated (`withUsualTimes`). A hundred place
 * the median well; but the slowest hundredth is known from ten orders in a thousand, and with fewer the long lags come out
 * up to twice as long as the exponential schedule's (docs/notes/performance-lab.md).
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

/** What poll times are planned for. */
export interface Planning {
  /** How long orders take to become final. */
  readonly known: CompletionTimes;
  /** The account's exponential schedule. */
  readonly schedule: Schedule;
  /** Least interval between polls of one order. */
  readonly minIntervalMs: number;
  /** Polls per order on average; `null` for as many as the exponential schedule makes. */
  readonly budget: number | null;
  /** The plan in force, kept where no new one is found and it is still good. */
  readonly former?: PollTimes | null;
}

/**
 * Poll times that spend a budget where the orders become final. `null` while too little is known, or where nothing better
 * was found: a plan is taken only if its median lag is shorter than that of the exponential schedule (stretched until it
 * costs no more than the budget), and the longer ones are as `guarded` says. Pure.
 */
export function planPollTimes({
  known,
  schedule,
  minIntervalMs,
  budget,
  former = null,
}: Planning): PollTimes | null {
  if (weightOf(known) < enoughOrders || known.never > weightOf(known) / 2) return null;
  const final = shareFinal(known);
  const usual = exponentialPollTimes(schedule, mostPolls);
  if (usual === null) return null;
  const usualPolls = thrift * pollsPerOrder(usual, final);
  const polls = budget ?? usualPolls;
  const measure = polls >= usualPolls ? usual : withinBudget(schedule, polls, final);
  const limits = guarded.map(({ share, atMost }) => ({ share, ms: atMost * lagOf(share, measure, final) }));
  const holds = (times: PollTimes, slack: number) =>
    limits.every(({ share, ms }) => lagOf(share, times, final) <= slack * ms);
  const usualMs = lagOf(0.5, measure, final);
  const longMs = lagOf(0.99, measure, final);
  const grid = gridOf(schedule.deadlineMs, minIntervalMs);
  // The median counts most; of plans that hardly differ in it, the one whose long lags are shorter.
  const worth = (times: PollTimes) => lagOf(0.5, times, final) + lagOf(0.95, times, final) / 10;
  let best: PollTimes | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const { scaleMs, ...holding } of attempts) {
    const cost = { scaleMs: scaleMs * usualMs, longMs, ...holding };
    const times = cheapestTimes(grid, minIntervalMs, final, cost, polls);
    const isBetter = lagOf(0.5, times, final) < usualMs && holds(times, 1);
    if (isBetter && worth(times) < least) [best, least] = [times, worth(times)];
  }
  if (best !== null || former === null) return best ?? (measure === usual ? null : measure);
  const isStillGood =
    lagOf(0.5, former, final) < usualMs &&
    pollsPerOrder(former, final) <= patience * polls &&
    holds(former, patience);
  return isStillGood ? former : null;
}

/** The exponential schedule, stretched until it costs no more than the budget; at the least, one poll and the deadline's. */
function withinBudget(schedule: Schedule, budget: number, final: ShareFinal): PollTimes {
  let [fits, costs] = [schedule.deadlineMs / Math.min(schedule.firstPollAfterMs, schedule.deadlineMs), 1];
  const timesAt = (factor: number) =>
    (exponentialPollTimes(stretched(schedule, factor), mostPolls) ?? []).map(Math.round);
  for (let round = 0; round < 20; round += 1) {
    const factor = Math.sqrt(fits * costs);
    if (pollsPerOrder(timesAt(factor), final) > budget) costs = factor;
    else fits = factor;
  }
  return timesAt(fits);
}

/** Up to this many least intervals after its creation an order may be polled at fine steps; later at steps of 3 %. */
const [finestUntil, fineUntil] = [10, 30];
const growth = 1.03;

/**
 * Times at which a poll may be planned. As parts of the least interval as long as polls may follow each other that closely, so
 * that they can; each a little later than the one before from then on. The last is the deadline.
 */
function gridOf(deadlineMs: number, minIntervalMs: number): number[] {
  const grid: number[] = [];
  for (let at = minIntervalMs; at < deadlineMs; ) {
    const rounded = Math.ceil(at);
    if (rounded > (grid.at(-1) ?? 0) && rounded < deadlineMs) grid.push(rounded);
    if (at < finestUntil * minIntervalMs) at += minIntervalMs / 8;
    else if (at < fineUntil * minIntervalMs) at += minIntervalMs / 4;
    else at *= growth;
  }
  return [...grid, deadlineMs];
}
