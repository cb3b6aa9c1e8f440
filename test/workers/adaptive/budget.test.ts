import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultSchedule } from '../../../src/domain/schedule.ts';
import { providers } from '../../../src/providers/index.ts';
import {
  type Arrivals,
  countedMinutes,
  minuteMs,
  plannedArrivals,
} from '../../../src/workers/adaptive/arrival-rate.ts';
import { hasChanged, leastBudget, mostBudget, pollBudget } from '../../../src/workers/adaptive/budget.ts';
import { noCompletionTimes, shareFinal, weightOf } from '../../../src/workers/adaptive/completion-times.ts';
import { enoughOrders, planPollTimes } from '../../../src/workers/adaptive/plan.ts';
import { lagOf } from '../../../src/workers/adaptive/poll-times.ts';
import { withUsualTimes } from '../../../src/workers/adaptive/prior.ts';

describe('the budget', () => {
  test('is what the account may send in the time in which one order arrives', () => {
    expect(pollBudget({ ratePerSecond: 10, pollShare: 0.5, arrivalsPerSecond: 1 })).toBe(5);
    expect(pollBudget({ ratePerSecond: 2, pollShare: 0.8, arrivalsPerSecond: 0.2 })).toBeCloseTo(8);
  });

  test('is the least where orders crowd, the most where there are none, unknown without a measurement', () => {
    const budget = (arrivalsPerSecond: number | null) =>
      pollBudget({ ratePerSecond: 10, pollShare: 0.5, arrivalsPerSecond });
    expect(budget(100)).toBe(leastBudget);
    expect(budget(0)).toBe(mostBudget);
    expect(budget(null)).toBeNull();
  });

  test('within its bounds never spends more than the share of the limit', () => {
    const rate = fc.double({ min: 0.01, max: 10_000, noNaN: true });
    const share = fc.double({ min: 0.05, max: 1, noNaN: true });
    fc.assert(
      fc.property(rate, share, rate, (ratePerSecond, pollShare, arrivalsPerSecond) => {
        const budget = pollBudget({ ratePerSecond, pollShare, arrivalsPerSecond }) ?? 0;
        if (budget === leastBudget) return;
        expect(budget * arrivalsPerSecond).toBeLessThanOrEqual(ratePerSecond * pollShare * (1 + 1e-9));
      }),
    );
  });

  test('changes the plan only when it has changed noticeably', () => {
    expect([hasChanged(null, null), hasChanged(5, 5.5), hasChanged(5, 4.5)]).toEqual([false, false, false]);
    expect([hasChanged(null, 5), hasChanged(5, null), hasChanged(5, 6), hasChanged(5, 4)]).toEqual([
      ...[true, true, true, true],
    ]);
  });
});

describe('the rate of arrivals', () => {
  const hour = 500_000 * minuteMs;
  const arrivals = (perMinute: (ago: number) => number, sinceMs = 0): Arrivals => {
    const minutes = Array.from({ length: countedMinutes }, (_, ago) => ago);
    return { sinceMs, byMinute: new Map(minutes.map((ago) => [hour / minuteMs - ago, perMinute(ago)])) };
  };

  test('is that of the last minutes', () => {
    const steady = arrivals((ago) => (ago === 0 ? 30 : 60));
    expect(plannedArrivals(steady, hour + minuteMs / 2)).toBeCloseTo(1);
  });

  test('follows a rush within a minute, and forgets it only after ten', () => {
    const rush = arrivals((ago) => (ago <= 1 ? 480 : 60));
    expect(plannedArrivals(rush, hour + minuteMs - 1)).toBeCloseTo(8, 1);
    const over = arrivals((ago) => (ago < 5 ? 60 : 480));
    expect(plannedArrivals(over, hour + minuteMs - 1)).toBeGreaterThan(4);
  });

  test('is unknown at first, and then that of the time since', () => {
    const fresh = arrivals((ago) => (ago === 0 ? 45 : 0), hour);
    expect(plannedArrivals(fresh, hour + 10_000)).toBeNull();
    expect(plannedArrivals(fresh, hour + 45_000)).toBeCloseTo(1);
    expect(plannedArrivals({ sinceMs: null, byMinute: new Map() }, hour)).toBeNull();
  });
});

describe('the usual times of a provider', () => {
  const observed = (orders: number) => {
    const { bins } = noCompletionTimes();
    bins[300] = orders;
    return { bins, never: 0 };
  };
  const usual = [
    [5_000, 0],
    [15_000, 0.9],
  ] as const;

  test('stand in for the orders not observed yet, and fade as they come', () => {
    const shares = [0, 500, 1_000, 2_000].map((orders) => {
      const known = withUsualTimes(observed(orders), usual);
      expect(weightOf(known)).toBeCloseTo(Math.max(orders, enoughOrders), 6);
      return shareFinal(known)(20_000);
    });
    expect(shares).toEqual([expect.closeTo(0.9), expect.closeTo(0.45), 0, 0]);
    expect(withUsualTimes(observed(10), undefined)).toEqual(observed(10));
  });

  test('ascend, and give a new account a plan that is at once better than the exponential schedule', () => {
    const known = [...providers.values()].flatMap(({ id, usualTimes }) =>
      usualTimes ? [{ id, usualTimes }] : [],
    );
    expect(known.length).toBeGreaterThan(5);
    for (const { id, usualTimes } of known) {
      for (const [nth, [ms, share]] of usualTimes.entries()) {
        const [msBefore, shareBefore] = usualTimes[nth - 1] ?? [0, 0];
        expect([id, ms > msBefore, share >= shareBefore, share <= 1]).toEqual([id, true, true, true]);
      }
      const times = withUsualTimes(noCompletionTimes(), usualTimes);
      const plan = planPollTimes({
        ...{ known: times, schedule: defaultSchedule, minIntervalMs: 2_000, budget: mostBudget },
      });
      expect(lagOf(0.5, plan ?? [], shareFinal(times))).toBeLessThan(2_000);
    }
  });
});
