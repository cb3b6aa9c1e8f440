import { expect, test } from 'vitest';
import { createKeys } from '../../src/redis/keys.ts';
import { deliveryStateKey, forgetHandled } from '../../src/results/handled.ts';
import { testPrefix, testRedis } from '../support/redis.ts';

const redis = testRedis();
const everyBucket = 2 ** 17;
const perCall = 2_048;

/** A group whose stream starts at 500-5, with delivery state of some orders. */
async function setup(handled: { readonly [orderId: string]: string }) {
  const keys = createKeys(testPrefix());
  await redis.xadd(keys.results, '500-5', 'field', 'value');
  await redis.xgroup('CREATE', keys.results, 'shop', '0');
  for (const [orderId, note] of Object.entries(handled)) {
    await redis.hset(deliveryStateKey(keys, 'shop', orderId), orderId, note);
  }
  return {
    keys,
    async forget(before: number) {
      let forgotten = 0;
      for (let bucket = 0; bucket < everyBucket; bucket += perCall) {
        forgotten += await forgetHandled(redis, keys, before);
      }
      return forgotten;
    },
    async left() {
      const notes = await Promise.all(
        Object.keys(handled).map(
          async (id) => [id, await redis.hget(deliveryStateKey(keys, 'shop', id), id)] as const,
        ),
      );
      return notes.filter(([, note]) => note !== null).map(([id]) => id);
    },
  };
}

test('removes delivery state that is older than the retention and than the whole stream', async () => {
  const { forget, left } = await setup({
    old: '1 400-9 1',
    'older than the first by its number': '1 500-4 1',
    'the first of the stream': '1 500-5 1',
    'on the stream': '1 501-0 1',
    'no note': 'broken',
  });
  expect(await forget(400)).toBe(1);
  expect(await left()).toHaveLength(4);
  expect(await forget(1_000)).toBe(2);
  expect(await left()).toEqual(['the first of the stream', 'on the stream']);
});

test('one call examines a bounded number of keys, and the next one continues', async () => {
  const { keys } = await setup({});
  const [first, second] = [keys.handled('shop', 3), keys.handled('shop', perCall + 3)];
  for (const key of [first, second]) await redis.hset(key, 'old', '1 1-0 1');
  expect(await forgetHandled(redis, keys, 400)).toBe(1);
  expect(await redis.exists(first, second)).toBe(1);
  expect(await forgetHandled(redis, keys, 400)).toBe(1);
  expect(await redis.exists(first, second)).toBe(0);
});

test('renews the TTL of what is kept, and skips keys of another type', async () => {
  const { keys, left } = await setup({ young: '1 501-0 1' });
  const key = deliveryStateKey(keys, 'shop', 'young');
  await redis.pexpire(key, 60_000);
  await redis.set(keys.handled('shop', 0), 'broken');
  for (let bucket = 0; bucket < everyBucket; bucket += perCall) await forgetHandled(redis, keys, 1_000);
  expect(await left()).toEqual(['young']);
  expect(await redis.pttl(key)).toBeGreaterThan(86_400_000);
});

test('keeps delivery state within the retention when the stream is empty', async () => {
  const { keys, forget, left } = await setup({ a: '1 400-0 1', b: '1 600-0 1' });
  await redis.xtrim(keys.results, 'MAXLEN', 0);
  expect(await forget(500)).toBe(1);
  expect(await left()).toEqual(['b']);
});
