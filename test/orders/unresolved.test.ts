import { expect, test } from 'vitest';
import { readUnresolved, walkUnresolved } from '../../src/orders/unresolved.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { testPrefix, testRedis } from '../support/redis.ts';

const redis = testRedis();
const now = Date.now();
const dayMs = 86_400_000;

/** Adds `orders` unresolved orders, half of them in each currency. */
async function setup(orders: number, at = now) {
  const keys = createKeys(testPrefix());
  const fill =
    "for i = 1, ARGV[1] do redis.call('HSET', KEYS[1], 'o-' .. i, ARGV[2] .. ' 100 ' .. (i % 2 == 0 and 'KES' or 'UGX') .. ' jenga') end";
  await redis.eval(fill, 1, keys.unresolved, orders, at);
  return keys;
}

/** Counts the commands that read or remove entries, and the most entries that one of them returned. */
function watched() {
  const seen = { commands: 0, most: 0 };
  const watching: typeof redis = Object.create(redis, {
    hscan: {
      value: async (...args: Parameters<typeof redis.hscan>) => {
        const reply = await redis.hscan(...args);
        seen.commands += 1;
        seen.most = Math.max(seen.most, reply[1].length / 2);
        return reply;
      },
    },
    hgetall: {
      value: () => {
        throw new Error('Nobody reads the hash as a whole.');
      },
    },
  });
  return { watching, seen };
}

test('a scan over 150,000 orders is split into calls and short steps; its totals are read without the hash', async () => {
  const keys = await setup(150_000);
  const { watching, seen } = watched();
  await walkUnresolved(watching, keys, now, now - dayMs);
  expect(seen.commands).toBe(100);
  expect(seen.most).toBeLessThan(1_200);
  expect(await readUnresolved(watching, keys, now)).toBeNull();
  expect(seen.commands).toBe(100);
  // Another process continues the scan.
  const next = watched();
  await walkUnresolved(next.watching, keys, now, now - dayMs);
  expect(next.seen.commands).toBeLessThanOrEqual(100);
  const tally = await readUnresolved(next.watching, keys, now);
  expect(tally?.orders).toBe(150_000);
  const half = { orders: 75_000, amountMinor: 7_500_000 };
  expect(tally?.currencies).toMatchObject([
    { currency: 'KES', classes: { '1h': half } },
    { currency: 'UGX', classes: { '1h': half } },
  ]);
  expect(tally?.oldest).toHaveLength(10);
});

test('removes all old entries, however many, except those of existing records', async () => {
  const keys = await setup(20_000, now - 2 * dayMs);
  await redis.hset(keys.order('o-7'), 'revision', '1');
  await redis.hset(keys.unresolved, 'young', `${now} 100 KES jenga`);
  await walkUnresolved(redis, keys, now, now - dayMs);
  expect((await redis.hkeys(keys.unresolved)).sort()).toEqual(['o-7', 'young']);
});

test('an order that gets a new verdict during the scan keeps its entry', async () => {
  const keys = await setup(1, now - 2 * dayMs);
  const entry = `${now} 100 KES jenga`;
  const racing: typeof redis = Object.create(redis, {
    hscan: {
      value: async (...args: Parameters<typeof redis.hscan>) => {
        const reply = await redis.hscan(...args);
        await redis.hset(keys.unresolved, 'o-1', entry);
        return reply;
      },
    },
  });
  await walkUnresolved(racing, keys, now, now - dayMs);
  expect(await redis.hgetall(keys.unresolved)).toEqual({ 'o-1': entry });
});

test('few orders are counted at once, without a scan', async () => {
  const keys = await setup(1_000);
  expect((await readUnresolved(redis, keys, now))?.orders).toBe(1_000);
});

test('an invalid scan state restarts the scan', async () => {
  const keys = await setup(10);
  for (const walk of ['', '{', '[]', '{"cursor":"x","tally":{}}', '{"cursor":7}']) {
    await redis.hset(keys.unresolvedWalk, 'walk', walk);
    await walkUnresolved(redis, keys, now, now - dayMs);
    expect(JSON.parse((await redis.hget(keys.unresolvedWalk, 'tally')) ?? '')).toMatchObject({ orders: 10 });
  }
});
