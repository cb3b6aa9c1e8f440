import { expect, test } from 'vitest';
import { createLagLog, readLag } from '../../src/accounts/lag-log.ts';
import { countWaitingPolls } from '../../src/accounts/waiting-polls.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { testPrefix, testRedis } from '../support/redis.ts';

const redis = testRedis();

test('the lag of the last hour is the median of what all processes noted, beside what was expected', async () => {
  const keys = createKeys(testPrefix());
  const [one, other] = [createLagLog(redis, keys, 'shop'), createLagLog(redis, keys, 'shop')];
  expect(await readLag(redis, keys, 'shop', Date.now())).toBeNull();
  for (let nth = 0; nth < 50; nth += 1) one.note(2_000);
  for (let nth = 0; nth < 50; nth += 1) other.note(4_000);
  await one.write(1_000);
  await other.write(2_000);
  await other.write(2_000);
  const lag = await readLag(redis, keys, 'shop', Date.now());
  expect(lag?.orders).toBe(100);
  // Half of the orders lie between two polls 2 s apart, the others 4 s: the median is 4/3 s.
  expect(lag?.medianMs).toBeGreaterThan(1_150);
  expect(lag?.medianMs).toBeLessThan(1_500);
  expect(lag?.expectedMs).toBeCloseTo(1_500);
  expect(await readLag(redis, keys, 'shop', Date.now() + 2 * 3_600_000)).toBeNull();
});

test('a lag of any length, and what somebody broke, are borne', async () => {
  const keys = createKeys(testPrefix());
  const log = createLagLog(redis, keys, 'shop');
  for (const ms of [0, 1, 100, 7 * 86_400_000]) log.note(ms);
  await log.write(null);
  const lag = await readLag(redis, keys, 'shop', Date.now());
  expect([lag?.orders, lag?.expectedMs]).toEqual([4, null]);
  const [key = ''] = await redis.keys(`${keys.lags('shop', 0).slice(0, -1)}*`);
  await redis.hset(key, { '3': 'x', rubbish: '7' });
  expect(await readLag(redis, keys, 'shop', Date.now())).not.toBeNull();
  expect(await redis.pttl(key)).toBeGreaterThan(0);
});

test('due polls are counted by what their jobs carry, requested ones by BullMQ list', async () => {
  const prefix = testPrefix();
  const toKey = (name: string) => `{${prefix}}:shop:${name}`;
  const now = Date.now();
  const add = (id: string, at: number, patience: number) =>
    redis.zadd(toKey('delayed'), String(at * 4_096 + patience), id);
  await add('watch', now - 5_000, 1_800);
  await add('older', now - 4_000, 120);
  await add('deadline', now - 3_000, 1);
  await add('new', now - 2_000, 0);
  await add('likely', now - 1_000, 5);
  await add('not due', now + 60_000, 5);
  await redis.lpush(toKey('wait'), 'a', 'b');
  expect(await countWaitingPolls(redis, toKey, now)).toEqual({
    ...{ requested: 2, deadline: 1, likely: 2, older: 1, watch: 1 },
  });
});
