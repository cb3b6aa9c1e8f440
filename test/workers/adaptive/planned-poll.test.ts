import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide } from '../../../src/domain/decide.ts';
import { freshProgress } from '../../../src/domain/progress.ts';
import { deadlineAt, nextPollAt, type Plan, plannedPollAt } from '../../../src/domain/schedule.ts';
import { anOrder, aPolicy, aReading, aSchedule, createdAt } from '../../support/builders.ts';

const schedule = aSchedule({ jitter: 0 });
const order = anOrder({ schedule });
const plan: Plan = { schedule, times: [12_000, 15_000, 18_000, 30_000, 600_000], minIntervalMs: 1_000 };
const next = (elapsedMs: number, random = 0.5, notBefore = 0) =>
  (plannedPollAt(order, plan, createdAt + elapsedMs, random, notBefore) ?? Number.NaN) - createdAt;

describe('a planned poll', () => {
  test('is the next of the plan, wherever the last one came to lie', () => {
    expect([0, 12_400, 15_300, 16_000, 18_500, 30_000].map((ms) => next(ms))).toEqual([
      12_000, 15_000, 18_000, 18_000, 30_000, 600_000,
    ]);
  });

  test('that was made a little early is not made twice', () => {
    expect(next(11_700)).toBe(15_000);
    expect(next(29_000)).toBe(600_000);
  });

  test('is pushed later by Retry-After, never earlier', () => {
    expect(next(12_400, 0.5, createdAt + 40_000)).toBe(40_000);
    expect(next(12_400, 0.5, createdAt + 1)).toBe(15_000);
  });

  test('does not apply after its last time, nor to an order with intervals of its own', () => {
    expect(plannedPollAt(order, plan, createdAt + 600_001, 0.5)).toBeNull();
    for (const own of [{ initialIntervalMs: 1 }, { factor: 2 }, { maxIntervalMs: 40_000 }]) {
      const other = anOrder({ schedule: { ...schedule, ...own } });
      expect(plannedPollAt(other, plan, createdAt, 0.5)).toBeNull();
    }
    const sooner = anOrder({ schedule: { ...schedule, firstPollAfterMs: 1, deadlineMs: 14_000 } });
    expect(plannedPollAt(sooner, plan, createdAt + 12_000, 0.5)).toBe(createdAt + 14_000);
  });

  test('lies between now and the deadline, at least the least interval away, jittered within its interval', () => {
    const elapsed = fc.integer({ min: 0, max: 599_999 });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    const jitter = fc.double({ min: 0, max: 0.5, noNaN: true });
    fc.assert(
      fc.property(elapsed, random, jitter, (ms, drawn, share) => {
        const jittered = anOrder({ schedule: { ...schedule, jitter: share } });
        const now = createdAt + ms;
        const at = plannedPollAt(jittered, plan, now, drawn) ?? Number.NaN;
        expect(at).toBeGreaterThanOrEqual(Math.min(now + plan.minIntervalMs, deadlineAt(order)));
        expect(at).toBeLessThanOrEqual(deadlineAt(order));
        const middle = (plannedPollAt(order, plan, now, 0.5) ?? 0) - now;
        expect(Math.abs(at - now - middle)).toBeLessThanOrEqual(share * middle + plan.minIntervalMs);
      }),
    );
  });
});

describe('decide', () => {
  const at = (ms: number) => ({ at: createdAt + ms });
  const policy = aPolicy({ plan });

  test('asks again by the plan', () => {
    const decided = decide(
      order,
      freshProgress,
      aReading.pending(at(12_000)),
      policy,
      createdAt + 12_200,
      0.5,
    );
    expect(decided.nextPollAt).toBe(createdAt + 15_000);
  });

  test('confirms a soft word as without a plan: nothing is left to be found', () => {
    const now = createdAt + 12_200;
    const soft = aReading.failed({ ...at(12_000), certainty: 'soft' });
    const decided = decide(order, freshProgress, soft, policy, now, 0.5);
    const without = decide(order, freshProgress, soft, aPolicy(), now, 0.5);
    expect(decided.progress.candidate).not.toBeNull();
    expect(decided).toEqual(without);
  });

  test('goes by the exponential schedule where there is no plan', () => {
    for (const none of [aPolicy(), aPolicy({ plan: null })]) {
      const now = createdAt + 8_200;
      const decided = decide(order, freshProgress, aReading.pending(at(8_000)), none, now, 0.5);
      expect(decided.nextPollAt).toBe(nextPollAt(order, 1, now, 0.5));
    }
  });
});
