import { createRandom } from '../../test/support/random.ts';
import { type Behaviour, drawPayment } from './behaviour.ts';

/**
 * What no schedule can beat: how short the median lag could be at a number of polls per order, by any choice of poll
 * times, or any mixture of such choices, made with the distribution known beforehand.
 *
 * For a price per poll, dynamic programming finds the least possible value of
 * (share of orders seen later than a lag) + price × (polls per order). By Lagrangian duality, that value less
 * price × budget bounds the share seen later from below, for every price; the best price gives the bound. Poll times are
 * whole steps of a grid, and a lag is allowed one step more: any schedule, moved up to the grid, costs no more polls
 * and lags by no more than that, so the bound holds for all times, not only for those of the grid. With a least interval it
 * holds for schedules whose polls are so far apart on the grid.
 */
export interface Bound {
  /** No schedule has a shorter median lag, ms, even if the other half of the orders may wait for ever. */
  readonly anyTailMs: number;
  /** No schedule whose p95 and p99 are as good as those given has a shorter one; `null`: not asked for. */
  readonly sameTailMs: number | null;
}

/** A lag that no more than a share of the orders seen may exceed. */
interface Limit {
  readonly lagMs: number;
  readonly share: number;
}

const draws = 400_000;
/** Steps of the grid, ms, up to a time. */
const steps = [
  { untilMs: 40_000, ms: 50 },
  { untilMs: 100_000, ms: 250 },
  { untilMs: 200_000, ms: 500 },
  { untilMs: Number.POSITIVE_INFINITY, ms: 2_000 },
] as const;
/** Any price, and any weights of the two limits on the tail, give a bound; these come near the best one. */
const prices = Array.from({ length: 16 }, (_, nth) => 0.002 * 1.4 ** nth);
const weights = [
  [0.5, 1],
  [1, 2],
  [1, 4],
  [2, 2],
  [2, 4],
] as const;

export function boundOf(
  behaviour: Behaviour,
  deadlineMs: number,
  polls: number,
  lag: { readonly p50: number; readonly p95: number; readonly p99: number },
  withTail: boolean,
  minIntervalMs = 0,
): Bound {
  const final = finalTimes(behaviour);
  const share = (ms: number) => below(final, ms) / draws;
  const grid = gridOf(deadlineMs);
  const seen = share(deadlineMs);
  const limits: Limit[] = [
    { lagMs: lag.p95, share: 0.05 * seen },
    { lagMs: lag.p99, share: 0.01 * seen },
  ];
  const shares = Float64Array.from(grid, share);
  const earliest = earliestAfter(grid, minIntervalMs);
  const late = limits.map(({ lagMs }) => lateTable(grid, lagMs, share));
  const shortest = (choices: readonly (readonly number[])[]) => {
    let [least, most] = [0, lag.p50];
    for (let round = 0; round < 8; round += 1) {
      const lagMs = (least + most) / 2;
      const tables = [lateTable(grid, lagMs, share), ...late];
      const isRuledOut = choices.some((choice) =>
        prices.some((price) => {
          const value = leastValue(shares, tables, [1, ...choice], price, earliest);
          const paid = limits.reduce((sum, limit, nth) => sum + (choice[nth] ?? 0) * limit.share, 0);
          // At least so many orders are seen later than lagMs, or not at all before the deadline.
          return value - price * polls - paid > 0.5 * seen;
        }),
      );
      if (isRuledOut) least = lagMs;
      else most = lagMs;
    }
    return least;
  };
  return { anyTailMs: shortest([[0, 0]]), sameTailMs: withTail ? shortest(weights) : null };
}

/** For each time of the grid, the share of orders that are seen later than the lag by a poll there. */
function lateTable(grid: readonly number[], lagMs: number, share: (ms: number) => number): Float64Array {
  return Float64Array.from(grid, (at, nth) => {
    const step = nth === 0 ? 0 : at - (grid[nth - 1] as number);
    return share(at - lagMs - step);
  });
}

/** The least sum over all schedules. Later polls follow later ones (costs grow with the lag), which shortens the search. */
function leastValue(
  shares: Float64Array,
  tables: readonly Float64Array[],
  weighing: readonly number[],
  price: number,
  earliest: Int32Array,
): number {
  const size = shares.length;
  const least = new Float64Array(size);
  const used = tables.flatMap((table, nth) => {
    const weight = weighing[nth] ?? 0;
    return weight > 0 ? [{ table, weight }] : [];
  });
  let latest = size - 1;
  for (let from = size - 2; from >= 0; from -= 1) {
    const before = shares[from] as number;
    let [best, bestCost] = [latest, Number.POSITIVE_INFINITY];
    for (let to = latest; to >= (earliest[from] as number); to -= 1) {
      let cost = least[to] as number;
      for (const { table, weight } of used) cost += weight * Math.max(0, (table[to] as number) - before);
      if (cost < bestCost) [best, bestCost] = [to, cost];
    }
    latest = best;
    least[from] = bestCost + price * (1 - before);
  }
  return least[0] as number;
}

/** For each time of the grid, the first one at which the next poll may be: the last one, the deadline, always is. */
function earliestAfter(grid: readonly number[], minIntervalMs: number): Int32Array {
  const last = grid.length - 1;
  return Int32Array.from(grid, (at, nth) => {
    const first = grid.findIndex((other, to) => to > nth && other - at >= minIntervalMs);
    return first === -1 ? last : first;
  });
}

function gridOf(deadlineMs: number): number[] {
  const grid = [0];
  for (let at = 0; at < deadlineMs; ) {
    const step = steps.find(({ untilMs }) => at < untilMs)?.ms ?? 1_000;
    at = Math.min(at + step, deadlineMs);
    grid.push(at);
  }
  return grid;
}

function finalTimes(behaviour: Behaviour): Float64Array {
  const random = createRandom(77);
  return Float64Array.from({ length: draws }, () => drawPayment(behaviour, random).finalMs).sort();
}

/** How many of the sorted numbers are not above a limit. */
function below(sorted: Float64Array, limit: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
