import { expect, test } from 'vitest';
import { createPollQueue, pollJob } from '../../../src/jobs/queue.ts';
import { createKeys } from '../../../src/redis/keys.ts';
import { countArrivals } from '../../../src/workers/adaptive/arrival-log.ts';
import { testPrefix, testRedis } from '../../support/redis.ts';

const redis = testRedis();

/** An account whose orders have been counted since half an hour ago. */
async function setup() {
  const keys = createKeys(testPrefix());
  const queue = createPollQueue(redis, keys, 'shop');
  const count = () => countArrivals(redis, keys, 'shop', queue.toKey('id'));
  const enqueue = (name: string, orders: number) => {
    const jobs = Array.from({ length: orders }, (_, nth) =>
      pollJob(`${name}:${nth}`, Date.now(), Date.now()),
    );
    return queue.addBulk(jobs);
  };
  const longAgo = () => redis.hset(keys.arrivals('shop'), 'since', String(Date.now() - 1_800_000));
  return { keys, queue, count, enqueue, longAgo };
}

test('new orders are counted once, by whichever process looks', async () => {
  const { queue, count, enqueue, longAgo } = await setup();
  await enqueue('before', 50);
  expect(await count()).toBeNull();
  await longAgo();
  expect(await count()).toBe(0);
  await enqueue('new', 60);
  // The same again, and a job that only promotes another one.
  await enqueue('new', 60);
  await queue.add('wake', { orderId: 'a' }, { jobId: 'w~o~a', delay: 60_000 });
  const rates = await Promise.all([count(), count(), count()]);
  // All within the last minute, or on both sides of its edge.
  for (const rate of rates) expect(rate).toBeCloseTo(1, 1);
  expect(await count()).toBeCloseTo(1, 1);
  await queue.close();
});

test('a counter that begins anew, and what somebody broke, count as nothing', async () => {
  const { keys, queue, count, enqueue, longAgo } = await setup();
  await enqueue('first', 30);
  await count();
  await longAgo();
  await redis.set(queue.toKey('id'), '0');
  expect(await count()).toBe(0);
  await redis.hset(keys.arrivals('shop'), { added: 'x', '12': 'y', rubbish: '7' });
  expect(await count()).toBeNull();
  await redis.set(queue.toKey('id'), 'rubbish');
  await count();
  expect(await redis.pttl(keys.arrivals('shop'))).toBeGreaterThan(0);
  await queue.close();
});

test('the counter does not keep an order out, whatever stands in its place', async () => {
  const { queue, enqueue } = await setup();
  await redis.hset(queue.toKey('id'), 'a', 'b');
  await enqueue('new', 3);
  expect(await queue.getDelayedCount()).toBe(3);
  await queue.close();
});
