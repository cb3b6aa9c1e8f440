import { conclusionOf } from '../../domain/conclusion.ts';
import { isAnswered, type Order, type Reading } from '../../domain/order.ts';
import type { Progress } from '../../domain/progress.ts';
import { deadlineAt } from '../../domain/schedule.ts';

/**
 * How long the orders of one account take from `createdAt` to their final status, as a histogram of bounded size. Times
 * are in milliseconds since `createdAt`.
 */
export interface CompletionTimes {
  /** Orders by bin; fractions, since old orders fade and one order may be spread over several bins. */
  readonly bins: Float64Array;
  /** Orders that were not final at their deadline. */
  readonly never: number;
}

/** What one order tells: it became final after `fromMs` and not after `toMs`, or not before its deadline. */
export type Observation = { readonly fromMs: number; readonly toMs: number } | 'never';

/** Bin n ends here or below; each is 3 % wider than the one before, which is finer than any schedule can use. */
const firstEdgeMs = 10;
const growth = 1.03;
/** The last bin ends after about five days. */
export const binCount = 580;

/** So many orders are remembered: older ones fade as new ones come, and the plan follows a change within about as many. */
export const memoryOrders = 4_000;

const edges = Float64Array.from({ length: binCount }, (_, bin) => firstEdgeMs * growth ** bin);

/** The end of a bin, which belongs to it. */
export function edgeMs(bin: number): number {
  return edges[Math.min(Math.max(bin, 0), binCount - 1)] as number;
}

/** The bin that a time falls in; what is longer than the last bin falls in the last. */
export function binOf(ms: number): number {
  if (ms <= firstEdgeMs) return 0;
  const near = Math.min(Math.ceil(Math.log(ms / firstEdgeMs) / Math.log(growth)), binCount - 1);
  // The logarithm may miss an edge by one in the last place.
  return near > 0 && ms <= edgeMs(near - 1) ? near - 1 : near;
}

export function noCompletionTimes(): CompletionTimes {
  return { bins: new Float64Array(binCount), never: 0 };
}

/** All orders of a histogram. */
export function weightOf({ bins, never }: CompletionTimes): number {
  return bins.reduce((sum, weight) => sum + weight, never);
}

/**
 * What a reading tells about the time at which its order became final; `null` when it is not the first final one, or
 * none. Pure.
 *
 * The final status came after the last answer that did not have it. A callback, where one came, says when.
 * The provider's own time of the payment is not used: it is by another clock, and it is not the time from which on the
 * status API shows it.
 */
export function sightingOf(
  order: Order,
  before: Progress,
  hintAt: number | null,
  reading: Reading,
): Observation | null {
  if (before.phase !== 'asking' || before.candidate !== null) return null;
  if (conclusionOf(reading, before.moneySeen) === null) {
    const isLast = reading.source === 'poll' && reading.at >= deadlineAt(order);
    return isLast && isAnswered(reading) ? 'never' : null;
  }
  const sinceCreated = (at: number) => Math.max(0, at - order.createdAt);
  const fromMs = sinceCreated(before.lastAnsweredAt ?? 0);
  const toMs = Math.max(fromMs, sinceCreated(reading.at));
  const hintMs = hintAt === null ? -1 : sinceCreated(hintAt);
  return hintMs > fromMs && hintMs <= toMs ? { fromMs: hintMs, toMs: hintMs } : { fromMs, toMs };
}

/** One order, spread evenly over the time in which it may have become final: shares by bin. */
export function spread(fromMs: number, toMs: number): Map<number, number> {
  const [first, last] = [binOf(fromMs), binOf(toMs)];
  if (first === last) return new Map([[first, 1]]);
  const shares = new Map<number, number>();
  for (let bin = first; bin <= last; bin += 1) {
    const from = bin === first ? fromMs : edgeMs(bin - 1);
    const to = bin === last ? toMs : edgeMs(bin);
    if (to > from) shares.set(bin, (to - from) / (toMs - fromMs));
  }
  return shares;
}

/** The share of orders that are final at a time; within a bin they are taken to be spread evenly. */
export function shareFinal(times: CompletionTimes): (ms: number) => number {
  const weight = weightOf(times);
  const upTo = new Float64Array(binCount + 1);
  for (const [bin, orders] of times.bins.entries())
    upTo[bin + 1] = (upTo[bin] as number) + (weight === 0 ? 0 : orders / weight);
  return (ms) => {
    if (ms <= 0) return 0;
    const bin = binOf(ms);
    const [before, after] = [upTo[bin] as number, upTo[bin + 1] as number];
    const from = bin === 0 ? 0 : edgeMs(bin - 1);
    return before + (after - before) * Math.min(1, (ms - from) / (edgeMs(bin) - from));
  };
}

/** The chance that an order which was not final at one time is final at a later one. Pure. */
export function chanceFinalOf(times: CompletionTimes): (fromMs: number, toMs: number) => number {
  const final = shareFinal(times);
  return (fromMs, toMs) => {
    const left = 1 - final(fromMs);
    // Sums of fractions miss 1 by a hair.
    return left <= 1e-9 ? 0 : Math.min(1, Math.max(0, final(toMs) - final(fromMs)) / left);
  };
}
