import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createFollowingClock } from '../../src/domain/clock.ts';
import { createRedisClock } from '../../src/redis/clock.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { testPrefix, testRedis } from '../support/redis.ts';

const theirsAtZero = 1_700_000_000_000;

/** A machine whose monotonic clock the test moves, and another clock, `ahead` ms ahead of where it was. */
function setup() {
  const at = { machine: 0, ahead: 0 };
  const clock = createFollowingClock(() => at.machine);
  const theirs = () => theirsAtZero + at.machine + at.ahead;
  return {
    at,
    clock,
    theirs,
    /** The question takes one time, the answer another. */
    ask(thereMs: number, backMs: number) {
      const askedAt = at.machine;
      at.machine += thereMs;
      const said = theirs();
      at.machine += backMs;
      clock.learn(askedAt, at.machine, said);
    },
    behindMs: () => theirs() - clock.now(),
  };
}

test('is never ahead, and behind by at most the fastest round trip, however slow the others were', () => {
  const trip = fc.record({
    thereMs: fc.integer({ min: 0, max: 5_000 }),
    backMs: fc.integer({ min: 0, max: 5_000 }),
    laterMs: fc.integer({ min: 0, max: 10_000 }),
  });
  fc.assert(
    fc.property(fc.array(trip, { minLength: 1, maxLength: 20 }), (trips) => {
      const { at, ask, behindMs, clock } = setup();
      let quickest = Number.POSITIVE_INFINITY;
      for (const { thereMs, backMs, laterMs } of trips) {
        at.machine += laterMs;
        ask(thereMs, backMs);
        quickest = Math.min(quickest, thereMs + backMs);
        // Exact times lie within every bound: the answers that follow mend the first guess, and never worsen it.
        expect(behindMs()).toBeGreaterThanOrEqual(0);
        expect(behindMs()).toBeLessThanOrEqual(quickest + 1);
      }
      expect(clock.steadySince()).toBeLessThanOrEqual(clock.now());
    }),
  );
});

test('notices a jump of the remote clock and a suspension of this machine, and follows both', () => {
  const { at, ask, behindMs, clock } = setup();
  ask(1, 1);
  const first = clock.steadySince();
  at.machine += 5_000;
  ask(1, 1);
  expect(clock.steadySince()).toBe(first);
  for (const stepMs of [600_000, -600_000, 250]) {
    at.ahead += stepMs;
    at.machine += 5_000;
    ask(1, 1);
    expect(Math.abs(behindMs())).toBeLessThanOrEqual(2);
    expect(Math.abs(clock.steadySince() - clock.now())).toBeLessThanOrEqual(2);
  }
});

test('reads the clock of a real Redis', async () => {
  const redis = testRedis();
  const clock = createRedisClock(redis, createKeys(testPrefix()));
  const startedAt = performance.now();
  await clock.start();
  // It is wrong by half of the round trip at most, which on a busy machine may be long.
  const errorMs = performance.now() - startedAt + 1;
  try {
    const before = clock.now();
    const [seconds, microseconds] = await redis.time();
    const theirs = Number(seconds) * 1_000 + Number(microseconds) / 1_000;
    expect(theirs).toBeGreaterThan(before - errorMs);
    expect(theirs).toBeLessThan(clock.now() + errorMs);
  } finally {
    clock.close();
  }
});
