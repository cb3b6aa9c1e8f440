import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createCircuitBreaker } from '../../src/accounts/circuit-breaker.ts';
import type { Reading } from '../../src/domain/order.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { aReading } from '../support/builders.ts';
import { testPrefix, testRedis } from '../support/redis.ts';

const redis = testRedis();
const policy = {
  breakerFailures: 10,
  breakerPauseMs: 5_000,
  breakerMaxPauseMs: 300_000,
  throttlePauseMs: 2_000,
};
const timeoutMs = 10_000;
const intervalMs = 10_000;
const lengthMs = 600_000;

/** The answer about an order, and how long it takes. */
const kinds = {
  good: { reading: aReading.pending(), tookMs: 50 },
  'bad request': { reading: aReading.refused({ credentials: false, httpStatus: 400 }), tookMs: 50 },
  '404': { reading: aReading.unavailable({ httpStatus: 404, aboutOrder: true }), tookMs: 50 },
  hanging: { reading: aReading.unavailable({ httpStatus: null }), tookMs: timeoutMs },
} as const satisfies { [kind: string]: { reading: Reading; tookMs: number } };
type Kind = keyof typeof kinds;

/** Simulates ten minutes of an account. Returns how long each good order waited at the breaker in total. */
async function live(orders: readonly Kind[]): Promise<number[]> {
  const breaker = createCircuitBreaker({
    ...{ redis, keys: createKeys(testPrefix()), account: 'lipia', policy, credentials: 'one' },
    pollMs: 3 * timeoutMs,
  });
  const startedAt = 1_800_000_000_000;
  const waited = orders.map(() => 0);
  const due: { at: number; act(at: number): Promise<void> }[] = [];

  const look = (nth: number) => async (at: number) => {
    const orderId = `ord-${nth}`;
    const kind = kinds[orders[nth] as Kind];
    const admission = await breaker.admit(at);
    const waitUntil =
      'waitUntil' in admission ? admission.waitUntil : await breaker.enter(admission, at, orderId);
    if (waitUntil !== null || 'waitUntil' in admission) {
      waited[nth] = (waited[nth] ?? 0) + Number(waitUntil) - at;
      due.push({ at: Number(waitUntil), act: look(nth) });
      return;
    }
    due.push({
      at: at + kind.tookMs,
      async act(answeredAt) {
        await breaker.report(admission, { ...kind.reading, at }, answeredAt, { orderId });
        due.push({ at: answeredAt + intervalMs, act: look(nth) });
      },
    });
  };

  for (const nth of orders.keys()) due.push({ at: startedAt + 100 * nth, act: look(nth) });
  for (;;) {
    due.sort((a, b) => a.at - b.at);
    const next = due.shift();
    if (next === undefined || next.at > startedAt + lengthMs) break;
    await next.act(next.at);
  }
  return waited.filter((_, nth) => orders[nth] === 'good');
}

const badKind = fc.constantFrom<Kind>('bad request', '404', 'hanging');
const crowd = fc
  .tuple(fc.array(badKind, { maxLength: 25 }), fc.integer({ min: 1, max: 4 }))
  .chain(([bad, good]) =>
    fc.shuffledSubarray<Kind>([...bad, ...Array.from({ length: good }, () => 'good' as const)], {
      minLength: bad.length + good,
    }),
  );

test('bad orders, however many, do not delay good ones: they wait at the circuit breaker for less than one of ten minutes', async () => {
  await fc.assert(
    fc.asyncProperty(crowd, async (orders) => {
      for (const ms of await live(orders)) expect(ms).toBeLessThan(60_000);
      if (!orders.includes('hanging'))
        expect(await live(orders)).toEqual(orders.filter((o) => o === 'good').map(() => 0));
    }),
    { numRuns: 12, examples: [[[...Array.from({ length: 25 }, () => 'hanging' as const), 'good']]] },
  );
});
