import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createOrderStore } from '../../src/orders/store.ts';
import { awaitRedis, connectRedis } from '../../src/redis/connection.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { isRedisFault } from '../../src/redis/redis-fault.ts';
import { anOrder } from '../support/builders.ts';
import { redisServer, startRestartableRedis } from '../support/restartable-redis.ts';

// Orders go to Redis in batches. What Redis refuses to all of them must reach ioredis as Redis said it: by its first word
// it finds the new master after a failover, and by the same the API tells "come again" from a bug of ours.
describe.runIf(redisServer !== undefined)('what Redis refuses', () => {
  async function setup() {
    const server = await startRestartableRedis();
    const redis = connectRedis(server.url, 'patient');
    onTestFinished(() => redis.disconnect());
    const keys = createKeys('refusals');
    return { redis, keys, store: createOrderStore({ redis, keys, retentionMs: 60_000 }) };
  }

  const errorOf = (work: Promise<unknown>) => work.then(() => null).catch((error: Error) => error);

  test('when Redis is full, open and settle fail with its error, and nothing is partly written', async () => {
    const { redis, keys, store } = await setup();
    await store.open(anOrder(), 1, []);
    const record = await store.read('ord-1');
    if (record === null) throw new Error('The order is there.');
    const before = await redis.hgetall(keys.order('ord-1'));
    await redis.config('SET', 'maxmemory', '1');
    const step = { record, progress: { ...record.progress, polls: 1 }, history: [], query: null };
    const errors = await Promise.all([
      errorOf(store.open(anOrder({ orderId: 'ord-2' }), 1, [])),
      errorOf(store.settle({ ...step, nextPollAt: 5, event: null, entry: null })),
    ]);
    await redis.config('SET', 'maxmemory', '0');
    for (const error of errors) {
      expect(error?.message).toMatch(/^OOM/);
      expect(isRedisFault(error)).toBe(true);
    }
    expect(await redis.hgetall(keys.order('ord-1'))).toEqual(before);
    expect(await redis.exists(keys.order('ord-2'))).toBe(0);
  });

  test.each(['open', 'settle'])(
    'the connection leaves a master that became a replica, on %s',
    async (what) => {
      const { redis, store } = await setup();
      await store.open(anOrder(), 1, []);
      const record = await store.read('ord-1');
      if (record === null) throw new Error('The order is there.');
      const step = { record, progress: record.progress, history: [], query: null };
      const work =
        what === 'open'
          ? () => store.open(anOrder({ orderId: 'ord-2' }), 1, [])
          : () => store.settle({ ...step, nextPollAt: 5, event: null, entry: null });
      await redis.call('REPLICAOF', '127.0.0.1', '1');
      const reconnected = once(redis, 'reconnecting');
      expect((await errorOf(work()))?.message).toMatch(/^READONLY/);
      await reconnected;
      await awaitRedis(redis, 'redis', 10_000);
      await redis.call('REPLICAOF', 'NO', 'ONE');
      expect(await work()).toHaveProperty('outcome');
    },
  );

  test('an error specific to one order fails only that order', async () => {
    const { redis, keys, store } = await setup();
    await redis.set(keys.order('ord-1'), 'no hash');
    const [broken, fine] = await Promise.allSettled([
      store.open(anOrder(), 1, []),
      store.open(anOrder({ orderId: 'ord-2' }), 1, []),
    ]);
    expect(broken).toMatchObject({
      status: 'rejected',
      reason: { message: expect.stringMatching(/^WRONGTYPE/) },
    });
    expect(isRedisFault(broken.status === 'rejected' && broken.reason)).toBe(false);
    expect(fine).toEqual({ status: 'fulfilled', value: { outcome: 'new', nextPollAt: 1 } });
    const [unreadable, read] = await Promise.allSettled([store.read('ord-1'), store.read('ord-2')]);
    expect([unreadable.status, read.status]).toEqual(['rejected', 'fulfilled']);
  });
});
