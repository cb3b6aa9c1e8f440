import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { limiterOf } from '../../src/workers/rate-limiter.ts';

describe("the queue's limit", () => {
  const rates = fc.oneof(
    fc.integer({ min: 1, max: 300 }),
    fc.double({ min: 0.1, max: 10, noNaN: true }),
    fc.constantFrom(1, 2, 5, 10, 100),
  );
  const shares = fc.array(fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true })), {
    minLength: 1,
    maxLength: 50,
  });

  test('no second sees more requests than the rate, though they are sent up to 30 ms after their start', () => {
    fc.assert(
      fc.property(rates, shares, shares, shares, (ratePerSecond, gaps, places, delays) => {
        const { max, duration } = limiterOf(ratePerSecond);
        const pick = (from: readonly number[], nth: number) => from[nth % from.length] ?? 0;
        const arrived: number[] = [];
        let beginsAt = 0;
        for (let window = 0; arrived.length < 3 * ratePerSecond + 3; window += 1) {
          // A window begins with its first start, and the others are anywhere in it.
          for (let nth = 0; nth < max; nth += 1) {
            const place = nth === 0 ? 0 : pick(places, arrived.length) * (duration - 0.001);
            arrived.push(beginsAt + place + 29.999 * pick(delays, arrived.length));
          }
          // The next one begins at once, or later.
          beginsAt += duration + (pick(gaps, window) > 0.5 ? 100 * pick(gaps, window) : 0);
        }
        arrived.sort((a, b) => a - b);
        const most = Math.ceil(ratePerSecond);
        for (const [nth, at] of arrived.entries()) {
          const next = arrived[nth + most];
          if (next !== undefined) expect(next - at).toBeGreaterThanOrEqual(1_000 - 1e-6);
        }
      }),
    );
  });

  test.each([1, 2, 5, 10, 25, 50, 100, 1_000])(
    'of %d per second, no more than a tenth stays unused',
    (rate) => {
      const { max, duration } = limiterOf(rate);
      expect((1_000 * max) / duration).toBeGreaterThan(0.9 * rate);
      expect((1_000 * max) / duration).toBeLessThan(rate);
    },
  );
});
