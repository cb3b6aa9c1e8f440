import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dayMs, retryDelayMs } from '../../src/webhooks/retry.ts';

const policy = { firstDelayMs: 5_000, lifeMs: dayMs };
const middle = { retryAfterMs: 0, random: 0.5 };

describe('the delay before a retry', () => {
  test('triples from 5 s to 4 h, until a day after the result', () => {
    const delays: number[] = [];
    for (let ageMs = 0, attempts = 1; ; attempts += 1) {
      const delayMs = retryDelayMs(policy, { ...middle, attempts, ageMs });
      if (delayMs === null) break;
      delays.push(delayMs / 1_000);
      ageMs += delayMs;
    }
    expect(delays.slice(0, 5)).toEqual([5, 15, 45, 135, 405]);
    expect(Math.max(...delays)).toBe(14_400);
    expect(delays.reduce((sum, delay) => sum + delay)).toBe(86_400);
    expect(delays.length).toBeGreaterThan(10);
  });

  test('varies by a fifth, so that results that failed together are not retried together', () => {
    const at = (random: number) => retryDelayMs(policy, { ...middle, random, attempts: 1, ageMs: 0 });
    expect([at(0), at(1)]).toEqual([4_000, 6_000]);
  });

  test('is what the endpoint asks for, if that is longer', () => {
    const at = (retryAfterMs: number) =>
      retryDelayMs(policy, { ...middle, retryAfterMs, attempts: 1, ageMs: 0 });
    expect([at(1_000), at(60_000)]).toEqual([5_000, 60_000]);
  });

  test('is never negative, and never leads past the last attempt', () => {
    const retry = fc.record({
      attempts: fc.integer({ min: 1, max: 1_000 }),
      ageMs: fc.integer({ min: -60_000, max: 2 * dayMs }),
      retryAfterMs: fc.integer({ min: 0, max: 3_600_000 }),
      random: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(retry, (given) => {
        const delayMs = retryDelayMs(policy, given);
        if (given.ageMs >= dayMs) expect(delayMs).toBeNull();
        else {
          expect(delayMs).toBeGreaterThanOrEqual(0);
          expect(given.ageMs + (delayMs ?? 0)).toBeLessThanOrEqual(dayMs);
        }
      }),
    );
  });
});
