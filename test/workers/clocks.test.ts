import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { Order } from '../../src/domain/order.ts';
import { enqueueOrders } from '../../src/jobs/enqueue.ts';
import { jobIdOf } from '../../src/jobs/queue.ts';
import { paymentsWithin } from '../../src/orders/ownership.ts';
import { createAsker } from '../../src/providers/ask.ts';
import { providers } from '../../src/providers/index.ts';
import { createTransport } from '../../src/providers/transport.ts';
import { createRedisClock } from '../../src/redis/clock.ts';
import { pollOrder } from '../../src/workers/poll-worker.ts';
import { startSweeper } from '../../src/workers/sweeper.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { startHeldGateway } from '../support/service-gateway.ts';
import { setupParts } from '../support/service-parts.ts';
import { account, aHurriedOrder, backend, limits, seldom } from '../support/service-parts-of-account.ts';
import { until } from '../support/waiting.ts';

const redis = testRedis();
const realNow = Date.now.bind(Date);

/** This machine's clock goes wrong by so many ms. */
function setClock(offMs: number): void {
  vi.spyOn(Date, 'now').mockImplementation(() => realNow() + offMs);
}

beforeEach(() => setClock(0));
afterEach(() => void vi.restoreAllMocks());

async function setup() {
  const gateway = await startHeldGateway();
  onTestFinished(() => gateway.close());
  const world = setupParts(redis, testPrefix(), gateway.url);
  const clock = createRedisClock(redis, world.keys);
  await clock.start();
  onTestFinished(() => clock.close());
  const provider = providers.get(account);
  if (provider === undefined) throw new Error('No provider.');
  const transport = createTransport({ timeoutMs: 10_000, maxBodyBytes: 100_000, connections: 50 });
  onTestFinished(() => transport.close());
  const settings = provider.settings.parse({ baseUrl: gateway.url, apiKey: 'a-key-of-the-tests' });
  const asker = createAsker({ provider, settings, transport, tokens: null, now: clock.now });
  const { store, queue } = world;
  const enqueued = {
    store,
    queue: () => queue,
    names: () => [],
    payments: ({ account }: Order) => paymentsWithin(account),
    now: clock.now,
  };
  const enqueue = (...orders: Order[]) => enqueueOrders(enqueued, orders);
  return { gateway, world, clock, enqueue, more: { clock, asker } };
}

test('promise 5: a soft failure is not confirmed by a worker whose clock is ahead', async () => {
  const { gateway, world, enqueue, more, clock } = await setup();
  const order = aHurriedOrder({ orderId: 'skewed', createdAt: clock.now(), schedule: seldom });
  gateway.say('cancelled', order.orderId);
  await enqueue(order);
  const confirming = (confirmAfterMs: number) => ({
    ...{ ...world.parts, ...more },
    policy: { confirmAfterMs, watchMs: [60_000] },
  });
  const parts = confirming(60_000);
  const startedAt = performance.now();
  await pollOrder(parts, order.orderId);
  setClock(600_000);
  await pollOrder(parts, order.orderId);
  setClock(-600_000);
  await pollOrder(parts, order.orderId);
  expect(await world.events()).toEqual([]);
  setClock(0);
  await until('the confirmation', async () => {
    await pollOrder(confirming(1_000), order.orderId);
    return (await world.events()).length > 0;
  });
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(950);
});

test.each([5, 1_000])('a worker whose clock is set back goes on at its rate, %d per second', async (rate) => {
  const { gateway, world, enqueue, more, clock } = await setup();
  const orders = (name: string, count: number) =>
    Array.from({ length: count }, (_, n) =>
      aHurriedOrder({ orderId: `${name}-${n}`, createdAt: clock.now(), schedule: seldom }),
    );
  setClock(600_000);
  await world.startWorker({ ...more, limits: { ...limits, ratePerSecond: rate } });
  // At its limit when the clock is put right.
  await enqueue(...orders('before', rate === 5 ? 8 : 200));
  await gateway.arrived('before-0', 1);
  setClock(0);
  await enqueue(...orders('after', 3));
  // One that counted by the clock of before would wait ten minutes.
  await Promise.all([0, 1, 2].map((n) => gateway.arrived(`after-${n}`, 1)));
});

// BullMQ itself goes by this machine's clock (src/jobs/backend/README.md).
test.skipIf(backend === 'bullmq')(
  'the lock of a poll that hangs is kept while the clock is set back',
  async () => {
    const { gateway, world, enqueue, more, clock } = await setup();
    const order = aHurriedOrder({ orderId: 'hanging', createdAt: clock.now(), schedule: seldom });
    gateway.hold(order.orderId);
    const short = { ...limits, lockDurationMs: 1_500, stalledIntervalMs: 100 };
    await world.startWorker({ ...more, limits: short });
    await world.startWorker({ ...more, limits: short });
    await enqueue(order);
    await gateway.arrived(order.orderId, 1);
    setClock(-600_000);
    const lock = `${world.queue.toKey(jobIdOf(order.orderId))}:lock`;
    let left = await redis.pttl(lock);
    for (const renewal of ['a renewal', 'another renewal']) {
      await until(renewal, async () => {
        const before = left;
        left = await redis.pttl(lock);
        return left > before;
      });
    }
    gateway.release(order.orderId);
    await until('its settling', async () => (await world.store.read(order.orderId))?.progress.polls === 1);
    expect(gateway.arrivals(order.orderId)).toHaveLength(1);
    expect(world.errors).toEqual([]);
  },
);

test('sweeps go on while the clock is set back', async () => {
  const { world } = await setup();
  let sweeps = 0;
  const counting = Object.create(world.queue, {
    getDelayedCount: {
      value: () => {
        sweeps += 1;
        return world.queue.getDelayedCount();
      },
    },
  });
  const sweeper = await startSweeper({
    ...{ redis, keys: world.keys, store: world.store, accounts: [account], queue: () => counting },
    ...{ intervalMs: 200, resultsRetentionMs: 60_000, retentionMs: 60_000 },
    ...{ mended: () => {}, damaged: () => {}, failed: (error: Error) => void world.errors.push(error) },
  });
  onTestFinished(() => sweeper.close());
  await until('a sweep', () => sweeps >= 2);
  setClock(-600_000);
  const before = sweeps;
  await until('more sweeps', () => sweeps >= before + 4);
  expect(world.errors).toEqual([]);
});

test.skipIf(backend === 'bullmq')(
  'a job is due at the time of its record, however wrong the clock of its worker is',
  async () => {
    const { gateway, world, enqueue, more, clock } = await setup();
    for (const offMs of [-90_000, 0, 90_000]) {
      const orderId = `due:${offMs}`;
      setClock(offMs);
      const worker = await world.startWorker(more);
      await enqueue(aHurriedOrder({ orderId, createdAt: clock.now() - 1_000, schedule: seldom }));
      await gateway.arrived(orderId, 1);
      await until('the job to be delayed', async () => {
        const jobId = `o~${orderId.replaceAll(':', '~')}`;
        const score = await redis.zscore(world.queue.toKey('delayed'), jobId);
        const wanted = (await world.store.read(orderId))?.nextPollAt ?? 0;
        return score !== null && Math.abs(Number(score) / 4096 - wanted) < 500;
      });
      await worker.close();
    }
  },
);
