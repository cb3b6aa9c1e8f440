import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Schedule } from '../../../src/domain/order.ts';
import { defaultSchedule } from '../../../src/domain/schedule.ts';
import {
  binCount,
  binOf,
  type CompletionTimes,
  noCompletionTimes,
  shareFinal,
  spread,
} from '../../../src/workers/adaptive/completion-times.ts';
import { enoughOrders, type Planning, planPollTimes } from '../../../src/workers/adaptive/plan.ts';
import { exponentialPollTimes, lagOf, pollsPerOrder } from '../../../src/workers/adaptive/poll-times.ts';
import { aSchedule } from '../../support/builders.ts';
import { cpuMs } from '../../support/growth.ts';

/** Orders final within these intervals, each so often. */
function known(never: number, ...seen: readonly (readonly [from: number, to: number, orders: number])[]) {
  const { bins } = noCompletionTimes();
  for (const [from, to, orders] of seen) {
    for (const [bin, share] of spread(from, to)) bins[bin] = (bins[bin] ?? 0) + orders * share;
  }
  return { bins, never } satisfies CompletionTimes;
}

const anyTimes: fc.Arbitrary<CompletionTimes> = fc
  .record({
    never: fc.integer({ min: 0, max: 2_000 }),
    seen: fc.array(
      fc.tuple(
        fc.integer({ min: 0, max: 900_000 }),
        fc.integer({ min: 0, max: 60_000 }),
        fc.integer({ min: 1, max: 3_000 }),
      ),
      { maxLength: 8 },
    ),
  })
  .map(({ never, seen }) =>
    known(never, ...seen.map(([from, width, n]) => [from, from + width, n] as const)),
  );

const anySchedule: fc.Arbitrary<Schedule> = fc.record({
  firstPollAfterMs: fc.integer({ min: 1, max: 120_000 }),
  initialIntervalMs: fc.integer({ min: 500, max: 120_000 }),
  factor: fc.double({ min: 1, max: 4, noNaN: true }),
  maxIntervalMs: fc.integer({ min: 1_000, max: 120_000 }),
  jitter: fc.constant(0),
  deadlineMs: fc.integer({ min: 1, max: 900_000 }),
});

/** A plan at the default schedule's own number of polls, unless the test says otherwise. */
function plan(times: CompletionTimes, other: Partial<Planning> = {}) {
  return planPollTimes({
    ...{ known: times, schedule: defaultSchedule, minIntervalMs: 1_000, budget: null },
    ...other,
  });
}

/** Orders as most accounts see them: half within a few seconds of each other, some late, some never. */
const usual = known(
  40,
  [6_000, 15_000, 800],
  [15_000, 30_000, 700],
  [60_000, 180_000, 300],
  [180_000, 600_000, 60],
);

describe('a budget', () => {
  const final = shareFinal(usual);
  const lag = (share: number, budget: number) =>
    lagOf(share, plan(usual, { budget, minIntervalMs: 2_000 }) ?? [], final);

  test('is not exceeded, and a larger one never makes the median lag longer', () => {
    fc.assert(
      fc.property(fc.double({ min: 1.5, max: 20, noNaN: true }), (budget) => {
        const times = plan(usual, { budget, minIntervalMs: 2_000 }) ?? [];
        expect(times.at(-1)).toBe(defaultSchedule.deadlineMs);
        expect(pollsPerOrder(times, final)).toBeLessThanOrEqual(budget + 1e-9);
      }),
      { numRuns: 25 },
    );
    const lags = [1.5, 2, 3, 5, 8, 12, 20].map((budget) => lag(0.5, budget));
    expect(lags).toEqual(lags.toSorted((a, b) => b - a));
  });

  test('that is ample has the order polled every two seconds while it may become final', () => {
    const times = plan(usual, { budget: 20, minIntervalMs: 2_000 }) ?? [];
    const between = times.filter((at) => at >= 8_000 && at <= 30_000);
    expect(between.length).toBeGreaterThanOrEqual(11);
    expect(lag(0.5, 20)).toBeLessThan(1_100);
    expect(lag(0.95, 20)).toBeLessThan(4_000);
  });

  test('that is scarce still has every order polled once before its deadline, and at it', () => {
    const times = plan(usual, { budget: 1.5, minIntervalMs: 2_000 }) ?? [];
    expect(times.length).toBeGreaterThanOrEqual(2);
    expect(times[0]).toBeLessThan(120_000);
  });

  test('too small for anything gets the fewest polls there are', () => {
    const times = plan(usual, { budget: 0.1 }) ?? [];
    expect(times.at(-1)).toBe(defaultSchedule.deadlineMs);
    expect(pollsPerOrder(times, final)).toBeLessThan(1.3);
  });
});

describe('a plan', () => {
  test('ascends, keeps its distances, ends with the deadline, costs no more, and is better', () => {
    let plans = 0;
    fc.assert(
      fc.property(anyTimes, anySchedule, fc.integer({ min: 1, max: 20_000 }), (times, schedule, least) => {
        const planned = planPollTimes({ known: times, schedule, minIntervalMs: least, budget: null });
        if (planned === null) return;
        plans += 1;
        expect(planned.at(-1)).toBe(schedule.deadlineMs);
        // Only the deadline itself may follow sooner.
        for (const [nth, at] of planned.slice(0, -1).entries()) {
          expect(at - (nth === 0 ? 0 : (planned[nth - 1] ?? 0))).toBeGreaterThanOrEqual(least);
          expect(at).toBeLessThan(schedule.deadlineMs);
        }
        const usual = exponentialPollTimes(schedule, 3_000) ?? [];
        const final = shareFinal(times);
        expect(pollsPerOrder(planned, final)).toBeLessThanOrEqual(pollsPerOrder(usual, final));
        expect(lagOf(0.5, planned, final)).toBeLessThan(lagOf(0.5, usual, final));
        expect(lagOf(0.95, planned, final)).toBeLessThanOrEqual(1.06 * lagOf(0.95, usual, final) + 1);
      }),
      { numRuns: 60 },
    );
    expect(plans).toBeGreaterThan(5);
  });

  test('needs enough orders that were seen final', () => {
    expect(plan(noCompletionTimes())).toBeNull();
    expect(plan(known(10 * enoughOrders, [15_000, 16_000, enoughOrders - 1]))).toBeNull();
    expect(plan(known(0, [15_000, 16_000, enoughOrders - 1]))).toBeNull();
    expect(plan(known(0, [15_000, 16_000, enoughOrders + 1]))).not.toBeNull();
  });

  test('gathers its polls where all orders become final', () => {
    const times = plan(known(0, [30_000, 32_000, 2_000]), { minIntervalMs: 250 }) ?? [];
    const before = times.filter((at) => at < 29_000);
    const within = times.filter((at) => at >= 29_000 && at <= 33_000);
    expect(before).toEqual([]);
    expect(within.length).toBeGreaterThanOrEqual(4);
  });

  test('is kept while it is still good where no new one is found, and given up when it is not', () => {
    // One poll sees all, so no plan can be cheaper.
    const once = aSchedule({ firstPollAfterMs: 20_000 });
    const times = known(0, [10_000, 20_000, 2_000]);
    const following = (former: readonly number[] | null) => plan(times, { schedule: once, former });
    expect(following(null)).toBeNull();
    const former = [18_000, 20_000, once.deadlineMs];
    expect(following(former)).toBe(former);
    expect(following([12_000, 15_000, 18_000, 20_000, once.deadlineMs])).toBeNull();
    expect(following([40_000, once.deadlineMs])).toBeNull();
  });

  test('is not made for a schedule that polls all the time, nor where nothing can be gained', () => {
    const often = aSchedule({ initialIntervalMs: 10, factor: 1, maxIntervalMs: 10 });
    expect(plan(known(0, [15_000, 16_000, 2_000]), { schedule: often })).toBeNull();
    expect(plan(known(2_000, [0, 900, 2_000]), { schedule: aSchedule({ deadlineMs: 500 }) })).toBeNull();
  });

  test('takes a moment only', () => {
    const bins = new Float64Array(binCount).fill(10);
    /** As many steps as a search takes that looks at every pair of bins ten times. */
    const steps = () => {
      let sum = 0;
      for (let nth = 0; nth < 10 * binCount ** 2; nth += 1) sum += Math.sqrt(nth);
      return sum;
    };
    const quickest = (work: () => unknown) => Math.min(...Array.from({ length: 5 }, () => cpuMs(work)));
    // To notice a search that became a hundred times slower.
    expect(quickest(() => plan({ bins, never: 0 }))).toBeLessThan(200 * quickest(steps));
    expect(binOf(defaultSchedule.deadlineMs)).toBeLessThan(binCount);
  });
});
