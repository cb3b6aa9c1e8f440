import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createKeys } from '../../src/redis/keys.ts';
import { startCrashChild } from '../support/crash-child.ts';
import type { CrashPoint } from '../support/crash-worker.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';
import { type HeldGateway, type Said, startHeldGateway } from '../support/service-gateway.ts';
import { setupParts } from '../support/service-parts.ts';
import { aHurriedOrder } from '../support/service-parts-of-account.ts';
import { until } from '../support/waiting.ts';

const redis = testRedis();
let gateway: HeldGateway;
let orders = 0;

beforeAll(async () => {
  gateway = await startHeldGateway();
});
afterAll(() => gateway.close());

async function setup() {
  orders += 1;
  const orderId = `crash:${orders}`;
  const prefix = testPrefix();
  const { store, queue, enqueue, startWorker, events } = setupParts(redis, prefix, gateway.url);
  await enqueue(aHurriedOrder({ orderId }));
  return {
    ...{ orderId, store, queue, startWorker, keys: createKeys(prefix) },
    child: (at: CrashPoint, nth = 1) =>
      startCrashChild({ redisUrl: testRedisUrl(), prefix, gatewayUrl: gateway.url, at, nth }),
    events: () => events(orderId),
    /** Another worker takes over, and the order ends. */
    async takenOver() {
      gateway.release(orderId);
      gateway.say('paid', orderId);
      await startWorker();
      await until('the end of the order', async () => {
        const record = await store.read(orderId);
        return (
          record?.progress.phase === 'closed' && (await queue.getJobCountByTypes('active', 'wait')) === 0
        );
      });
      expect(await events(orderId)).toMatchObject([{ id: `${orderId}:1`, type: 'payment.paid' }]);
      expect(await queue.getJobCountByTypes('failed', 'delayed', 'completed')).toBe(0);
      expect(await redis.zcard(createKeys(prefix).open)).toBe(0);
    },
  };
}

describe('a worker that is killed', () => {
  test('while it asks: another one asks again, and publishes once', async () => {
    const { orderId, child, takenOver, events } = await setup();
    gateway.hold(orderId);
    const asking = child('never');
    await gateway.arrived(orderId, 1);
    await asking.kill();
    expect(await events()).toEqual([]);
    await takenOver();
  });

  test.each<[CrashPoint, Said, number]>([
    ['after the answer', 'paid', 0],
    ['before settling', 'paid', 0],
    ['after settling', 'paid', 1],
    ['after settling', 'pending', 0],
    ['after beginning to delay', 'pending', 0],
  ])('%s, having read %s: exactly one event', async (point, said, published) => {
    const { orderId, child, takenOver, events } = await setup();
    gateway.say(said, orderId);
    await child(point, said === 'pending' ? 2 : 1).died;
    expect(await events()).toHaveLength(published);
    await takenOver();
  });

  test('again and again at every point: its order is never given up', async () => {
    const { child, takenOver, queue, store, orderId } = await setup();
    gateway.say('pending', orderId);
    for (const point of ['after the answer', 'after settling', 'before settling'] as const) {
      await child(point).died;
      expect(await queue.getFailedCount()).toBe(0);
    }
    expect((await store.read(orderId))?.progress.polls).toBe(1);
    await takenOver();
  });
});
