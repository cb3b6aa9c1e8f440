import type { PollTimes, ShareFinal } from './poll-times.ts';

/** What a lag costs, in shares of an order: to be seen `lag` after the final status. All terms grow with the lag. */
export interface LagCost {
  /** The cost of a lag nears 1 at this scale: 1 - e^(-lag / scale). It presses the usual lags. */
  readonly scaleMs: number;
  /** Added per `longMs` of lag, and once more where the lag is longer than `longMs`. It holds the longest lags. */
  readonly longMs: number;
  readonly perLong: number;
  readonly beyondLong: number;
}

/**
 * Finds the poll times of the least cost that take no more than `budget` polls per order, by dynamic programming over all
 * choices of times from `grid` (ascending, the last is the deadline, which is always polled). Pure.
 *
 * An order costs a poll only if it was not final at the poll before; so polls are cheap where few orders are left. The
 * price of a poll is halved and doubled until the budget is used; what then is left over goes, poll by poll, where it
 * saves most. A budget too small for any choice gets the fewest polls there are; one that is never used up leaves polls
 * that save next to nothing unmade.
 */
export function cheapestTimes(
  grid: readonly number[],
  minIntervalMs: number,
  shareFinal: ShareFinal,
  lagCost: LagCost,
  budget: number,
): PollTimes {
  const times = Float64Array.of(0, ...grid);
  const final = times.map(shareFinal);
  const field: Field = {
    times,
    final,
    minIntervalMs,
    costs: costsBetween(times, final, shareFinal, lagCost),
  };
  const most = search(field, cheapest);
  if (pollsOf(most, final) <= budget) return most.map((step) => at(times, step));
  let [low, high] = [cheapest, dearest];
  let kept = search(field, dearest);
  for (let round = 0; round < rounds; round += 1) {
    const price = Math.sqrt(low * high);
    const steps = search(field, price);
    if (pollsOf(steps, final) > budget) low = price;
    else [high, kept] = [price, steps];
  }
  return fill(field, kept, budget).map((step) => at(times, step));
}

/** Prices of a poll, in shares of an order, between which the one that uses the budget is looked for. */
const [cheapest, dearest] = [1e-4, 10];
const rounds = 16;

/** Everything by index into the grid, which begins with 0: the order's creation. */
interface Field {
  readonly times: Float64Array;
  /** The share of orders final at each time. */
  readonly final: Float64Array;
  readonly minIntervalMs: number;
  /** What the orders cost that become final between two polls: `from * times.length + to`. */
  readonly costs: Float64Array;
}

/**
 * The poll times of the least total cost at this price of a poll, from the deadline backwards. A later poll is never best
 * followed by an earlier one, because costs grow with the lag; so each search ends where the one after it found its best.
 */
function search({ times, final, minIntervalMs, costs }: Field, pricePerPoll: number): number[] {
  const size = times.length;
  const least = new Float64Array(size);
  const next = new Int32Array(size).fill(size - 1);
  for (let from = size - 2; from >= 0; from -= 1) {
    const earliest = at(times, from) + minIntervalMs;
    const latest = at(next, from + 1);
    // The deadline is polled however soon it follows.
    let best = latest;
    let bestCost = at(costs, from * size + best) + at(least, best);
    for (let to = latest - 1; to > from && at(times, to) >= earliest; to -= 1) {
      const total = at(costs, from * size + to) + at(least, to);
      if (total < bestCost) [best, bestCost] = [to, total];
    }
    least[from] = bestCost + pricePerPoll * (1 - at(final, from));
    next[from] = best;
  }
  const steps: number[] = [];
  for (let step = at(next, 0); ; step = at(next, step)) {
    steps.push(step);
    if (step === size - 1) return steps;
  }
}

/** Adds the polls that save most for what they cost, as long as the budget allows. */
function fill(
  { times, final, minIntervalMs, costs }: Field,
  steps: readonly number[],
  budget: number,
): number[] {
  const size = times.length;
  const chosen = [0, ...steps];
  let left = budget - pollsOf(steps, final);
  for (;;) {
    let [best, after, bestWorth] = [0, 0, 0];
    for (let nth = 1; nth < chosen.length; nth += 1) {
      const [from, to] = [chosen[nth - 1] as number, chosen[nth] as number];
      for (let step = from + 1; step < to; step += 1) {
        const polls = 1 - at(final, step);
        const isFar =
          at(times, step) - at(times, from) >= minIntervalMs &&
          at(times, to) - at(times, step) >= minIntervalMs;
        if (polls > left || !isFar) continue;
        const saved =
          at(costs, from * size + to) - at(costs, from * size + step) - at(costs, step * size + to);
        const worth = saved / Math.max(polls, 1e-9);
        if (saved > 1e-9 && worth > bestWorth) [best, after, bestWorth] = [step, nth, worth];
      }
    }
    if (bestWorth === 0) return chosen.slice(1);
    chosen.splice(after, 0, best);
    left -= 1 - at(final, best);
  }
}

function pollsOf(steps: readonly number[], final: Float64Array): number {
  return steps.reduce(
    (polls, _, nth) => polls + 1 - (nth === 0 ? 0 : at(final, steps[nth - 1] as number)),
    0,
  );
}

function costsBetween(
  times: Float64Array,
  final: Float64Array,
  shareFinal: ShareFinal,
  { scaleMs, longMs, perLong, beyondLong }: LagCost,
): Float64Array {
  const size = times.length;
  const costs = new Float64Array(size * size);
  const width = times.map((time, nth) => (nth === 0 ? 0 : time - at(times, nth - 1)));
  const share = final.map((value, nth) => (nth === 0 ? 0 : value - at(final, nth - 1)));
  const fading = width.map((ms) => Math.exp(-ms / scaleMs));
  // Orders final within one step of the grid, evenly spread over it: the mean of e^(-lag / scale) at its end.
  const fresh = width.map((ms, nth) =>
    ms === 0 ? 0 : (at(share, nth) * (1 - at(fading, nth)) * scaleMs) / ms,
  );
  const finalLongBefore = times.map((time) => shareFinal(time - longMs));
  for (let from = 0; from < size - 1; from += 1) {
    const before = at(final, from);
    let near = 0;
    let waited = 0;
    for (let to = from + 1; to < size; to += 1) {
      near = near * at(fading, to) + at(fresh, to);
      waited += at(width, to) * (at(final, to - 1) - before + at(share, to) / 2);
      const beyond = Math.max(0, at(finalLongBefore, to) - before);
      costs[from * size + to] =
        at(final, to) - before - near + (perLong * waited) / longMs + beyondLong * beyond;
    }
  }
  return costs;
}

function at(numbers: Float64Array | Int32Array, index: number): number {
  return numbers[index] as number;
}
