import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Schedule } from '../../src/domain/order.ts';
import {
  deadlineAt,
  defaultSchedule,
  defaultWatchMs,
  firstPollAt,
  intervalMs,
  nextPollAt,
} from '../../src/domain/schedule.ts';
import { anOrder, aSchedule, createdAt } from '../support/builders.ts';

/** The middle of the jitter: the interval as it is. */
const noJitter = 0.5;

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

/** All valid schedules, up to a day. */
const schedules: fc.Arbitrary<Schedule> = fc.record({
  firstPollAfterMs: fc.integer({ min: 1, max: 86_400_000 }),
  initialIntervalMs: fc.integer({ min: 1, max: 86_400_000 }),
  factor: fc.double({ min: 1, max: 10, noNaN: true }),
  maxIntervalMs: fc.integer({ min: 1, max: 86_400_000 }),
  jitter: fc.double({ min: 0, max: 0.5, noNaN: true }),
  deadlineMs: fc.integer({ min: 1, max: 86_400_000 }),
});

const pollsMade = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.constantFrom(1_000, 1_000_000, Number.MAX_SAFE_INTEGER),
);

/** An order and a moment before its deadline. */
const beforeDeadline = schedules.chain((schedule) =>
  fc.record({
    order: fc.constant(anOrder({ schedule })),
    now: fc.integer({ min: 0, max: schedule.deadlineMs - 1 }).map((ms) => createdAt + ms),
  }),
);

const notBefore = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 0, max: 172_800_000 }).map((ms) => createdAt + ms),
);

describe('the default schedule', () => {
  it('has the documented values', () => {
    expect(defaultSchedule).toEqual({
      firstPollAfterMs: 8_000,
      initialIntervalMs: 5_000,
      factor: 1.5,
      maxIntervalMs: 30_000,
      jitter: 0.1,
      deadlineMs: 600_000,
    });
    const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];
    expect(defaultWatchMs).toEqual([
      ...[2 * minute, 10 * minute],
      ...[hour, 6 * hour],
      ...[day, 3 * day, 7 * day],
    ]);
  });

  it.each([
    [1, 5_000],
    [2, 7_500],
    [3, 11_250],
    [4, 16_875],
    [5, 25_313],
    [6, 30_000],
    [7, 30_000],
    [1_000_000, 30_000],
  ])('after poll %i waits %i ms', (polls, waitMs) => {
    const order = anOrder();
    expect(nextPollAt(order, polls, createdAt + 8_000, noJitter)).toBe(createdAt + 8_000 + waitMs);
  });
});

describe('firstPollAt', () => {
  it.each([
    ['after firstPollAfterMs', { firstPollAfterMs: 8_000, deadlineMs: 600_000 }, 8_000],
    ['at the deadline when that comes first', { firstPollAfterMs: 8_000, deadlineMs: 3_000 }, 3_000],
  ])('is %s', (_, schedule, afterMs) => {
    expect(firstPollAt(anOrder({ schedule: aSchedule(schedule) }))).toBe(createdAt + afterMs);
  });

  it('is in the past for an order enqueued late, so that it is polled at once', () => {
    const handedOverAt = createdAt + 3_600_000;
    expect(firstPollAt(anOrder())).toBeLessThan(handedOverAt);
  });

  it('never comes before the order or after its deadline', () => {
    fc.assert(
      fc.property(schedules, (schedule) => {
        const order = anOrder({ schedule });
        expect(firstPollAt(order)).toBeGreaterThanOrEqual(createdAt);
        expect(firstPollAt(order)).toBeLessThanOrEqual(deadlineAt(order));
      }),
    );
  });
});

describe('intervalMs', () => {
  it('is positive, finite and at most maxIntervalMs, after however many polls', () => {
    fc.assert(
      fc.property(schedules, pollsMade, (schedule, polls) => {
        const ms = intervalMs(schedule, polls);
        expect(ms).toBeGreaterThan(0);
        expect(ms).toBeLessThanOrEqual(schedule.maxIntervalMs);
      }),
    );
  });

  it('never shrinks with the number of polls', () => {
    fc.assert(
      fc.property(schedules, pollsMade, pollsMade, (schedule, a, b) => {
        expect(intervalMs(schedule, Math.min(a, b))).toBeLessThanOrEqual(
          intervalMs(schedule, Math.max(a, b)),
        );
      }),
    );
  });

  it('never shrinks when a limit is raised', () => {
    const limit = fc.constantFrom('initialIntervalMs' as const, 'maxIntervalMs' as const, 'factor' as const);
    fc.assert(
      fc.property(
        schedules,
        pollsMade,
        limit,
        fc.integer({ min: 0, max: 1_000 }),
        (schedule, polls, name, by) => {
          const raised = { ...schedule, [name]: schedule[name] + by };
          expect(intervalMs(raised, polls)).toBeGreaterThanOrEqual(intervalMs(schedule, polls));
        },
      ),
    );
  });

  it('stays the same with factor 1', () => {
    fc.assert(
      fc.property(schedules, pollsMade, (schedule, polls) => {
        const { initialIntervalMs, maxIntervalMs } = schedule;
        expect(intervalMs({ ...schedule, factor: 1 }, polls)).toBe(
          Math.min(initialIntervalMs, maxIntervalMs),
        );
      }),
    );
  });
});

describe('nextPollAt', () => {
  it('is a whole millisecond, later than now', () => {
    fc.assert(
      fc.property(beforeDeadline, pollsMade, random, notBefore, ({ order, now }, polls, jitter, later) => {
        const at = nextPollAt(order, polls, now, jitter, later);
        expect(Number.isSafeInteger(at)).toBe(true);
        expect(at).toBeGreaterThan(now);
      }),
    );
  });

  it('never crosses the deadline unless the provider asked for it', () => {
    fc.assert(
      fc.property(beforeDeadline, pollsMade, random, notBefore, ({ order, now }, polls, jitter, later) => {
        const at = nextPollAt(order, polls, now, jitter, later);
        expect(at).toBeLessThanOrEqual(Math.max(deadlineAt(order), later));
      }),
    );
  });

  it('keeps within the jitter around the interval, or lands on the deadline', () => {
    fc.assert(
      fc.property(beforeDeadline, pollsMade, random, ({ order, now }, polls, jitter) => {
        const at = nextPollAt(order, polls, now, jitter);
        const { schedule } = order;
        const ms = intervalMs(schedule, polls);
        // Half a millisecond for rounding.
        expect(at - now).toBeLessThanOrEqual(ms * (1 + schedule.jitter) + 0.5);
        if (at !== deadlineAt(order))
          expect(at - now).toBeGreaterThanOrEqual(ms * (1 - schedule.jitter) - 0.5);
      }),
    );
  });

  it('uses the whole width of the jitter', () => {
    const order = anOrder({ schedule: aSchedule({ initialIntervalMs: 10_000, jitter: 0.5 }) });
    expect(nextPollAt(order, 1, createdAt, 0)).toBe(createdAt + 5_000);
    expect(nextPollAt(order, 1, createdAt, 1 - Number.EPSILON)).toBe(createdAt + 15_000);
  });

  it('is pushed later by Retry-After, never earlier', () => {
    fc.assert(
      fc.property(beforeDeadline, pollsMade, random, notBefore, ({ order, now }, polls, jitter, later) => {
        const usual = nextPollAt(order, polls, now, jitter);
        expect(nextPollAt(order, polls, now, jitter, later)).toBe(Math.max(usual, later));
      }),
    );
  });

  it('never comes earlier when a limit is raised', () => {
    const limit = fc.constantFrom(
      ...(['initialIntervalMs', 'maxIntervalMs', 'factor', 'deadlineMs'] as const),
    );
    fc.assert(
      fc.property(
        ...([beforeDeadline, pollsMade, random, limit, fc.integer({ min: 0, max: 1_000 })] as const),
        ({ order, now }, polls, jitter, name, by) => {
          const schedule = { ...order.schedule, [name]: order.schedule[name] + by };
          expect(nextPollAt({ ...order, schedule }, polls, now, jitter)).toBeGreaterThanOrEqual(
            nextPollAt(order, polls, now, jitter),
          );
        },
      ),
    );
  });

  it('leads from the first poll to one exactly at the deadline', () => {
    const brief = schedules.map((schedule) => ({
      ...schedule,
      initialIntervalMs: 1 + (schedule.initialIntervalMs % 1_000),
      deadlineMs: 1 + (schedule.deadlineMs % 20_000),
    }));
    fc.assert(
      fc.property(brief, random, (schedule, jitter) => {
        const order = anOrder({ schedule });
        let at = firstPollAt(order);
        for (let polls = 1; at < deadlineAt(order); polls += 1) at = nextPollAt(order, polls, at, jitter);
        expect(at).toBe(deadlineAt(order));
      }),
    );
  });

  it('is at once, or when the provider allows, while the poll of a passed deadline is still to be made', () => {
    const order = anOrder();
    const now = deadlineAt(order) + 5_000;
    expect(nextPollAt(order, 9, now, noJitter)).toBe(now);
    expect(nextPollAt(order, 9, now, noJitter, now + 60_000)).toBe(now + 60_000);
  });
});
