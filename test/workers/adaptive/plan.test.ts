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
import { enoughOrders, planPollTimes } from '../../../src/workers/adaptive/plan.ts';
import { exponentialPollTimes, lagOf, pollsPerOrder } from '../../../src/workers/adaptive/poll-times.ts';
import { aSchedule } from '../../support/builders.ts';

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

describe('a plan', () => {
  test('ascends, keeps its distances, ends with the deadline, costs no more, and is better', () => {
    let plans = 0;
    fc.assert(
      fc.property(anyTimes, anySchedule, fc.integer({ min: 1, max: 20_000 }), (times, schedule, least) => {
        const plan = planPollTimes(times, schedule, least);
        if (plan === null) return;
        plans += 1;
        expect(plan.at(-1)).toBe(schedule.deadlineMs);
        // Only the deadline itself may follow sooner.
        for (const [nth, at] of plan.slice(0, -1).entries()) {
          expect(at - (nth === 0 ? 0 : (plan[nth - 1] ?? 0))).toBeGreaterThanOrEqual(least);
          expect(at).toBeLessThan(schedule.deadlineMs);
        }
        const usual = exponentialPollTimes(schedule, 3_000) ?? [];
        const final = shareFinal(times);
        expect(pollsPerOrder(plan, final)).toBeLessThanOrEqual(pollsPerOrder(usual, final));
        expect(lagOf(0.5, plan, final)).toBeLessThan(lagOf(0.5, usual, final));
        expect(lagOf(0.95, plan, final)).toBeLessThanOrEqual(1.06 * lagOf(0.95, usual, final) + 1);
      }),
      { numRuns: 60 },
    );
    expect(plans).toBeGreaterThan(5);
  });

  test('needs enough orders that were seen final', () => {
    expect(planPollTimes(noCompletionTimes(), defaultSchedule, 1_000)).toBeNull();
    const few = known(10 * enoughOrders, [15_000, 16_000, enoughOrders - 1]);
    expect(planPollTimes(few, defaultSchedule, 1_000)).toBeNull();
    const enough = known(0, [15_000, 16_000, enoughOrders + 1]);
    expect(planPollTimes(enough, defaultSchedule, 1_000)).not.toBeNull();
  });

  test('gathers its polls where all orders become final', () => {
    const plan = planPollTimes(known(0, [30_000, 32_000, 2_000]), defaultSchedule, 250) ?? [];
    const before = plan.filter((at) => at < 29_000);
    const within = plan.filter((at) => at >= 29_000 && at <= 33_000);
    expect(before).toEqual([]);
    expect(within.length).toBeGreaterThanOrEqual(4);
  });

  test('is kept while it is still good where no new one is found, and given up when it is not', () => {
    // One poll sees all, so no plan can be cheaper.
    const once = aSchedule({ firstPollAfterMs: 20_000 });
    const times = known(0, [10_000, 20_000, 2_000]);
    expect(planPollTimes(times, once, 1_000)).toBeNull();
    const former = [18_000, 20_000, once.deadlineMs];
    expect(planPollTimes(times, once, 1_000, former)).toBe(former);
    expect(planPollTimes(times, once, 1_000, [12_000, 15_000, 18_000, 20_000, once.deadlineMs])).toBeNull();
    expect(planPollTimes(times, once, 1_000, [40_000, once.deadlineMs])).toBeNull();
  });

  test('is not made for a schedule that polls all the time, nor where nothing can be gained', () => {
    const often = aSchedule({ initialIntervalMs: 10, factor: 1, maxIntervalMs: 10 });
    expect(planPollTimes(known(0, [15_000, 16_000, 2_000]), often, 1_000)).toBeNull();
    expect(planPollTimes(known(2_000, [0, 900, 2_000]), aSchedule({ deadlineMs: 500 }), 1_000)).toBeNull();
  });

  test('takes a moment only', () => {
    const bins = new Float64Array(binCount).fill(10);
    planPollTimes({ bins, never: 0 }, defaultSchedule, 1_000);
    const startedAt = performance.now();
    planPollTimes({ bins, never: 0 }, defaultSchedule, 1_000);
    // Some 25 ms on a quiet machine; this is to notice a search that became a hundred times slower.
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(binOf(defaultSchedule.deadlineMs)).toBeLessThan(binCount);
  });
});
