import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { freshProgress } from '../../src/domain/progress.ts';
import { jobIdOf, type PollQueue } from '../../src/jobs/queue.ts';
import { holdPolls } from '../../src/workers/held-polls.ts';
import { createPollPressure } from '../../src/workers/poll-pressure.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { type HeldGateway, startHeldGateway } from '../support/service-gateway.ts';
import { setupParts } from '../support/service-parts.ts';
import { aHurriedOrder, seldom } from '../support/service-parts-of-account.ts';
import { until } from '../support/waiting.ts';

// Nothing waits for its own sake, but the machine may be busy with other things.
vi.setConfig({ testTimeout: 90_000 });

const redis = testRedis();
let gateway: HeldGateway;
beforeAll(async () => {
  gateway = await startHeldGateway();
});
afterAll(() => gateway.close());

/** The due time of an order's job, and the seconds of patience that it carries, once it waits again. */
async function waiting(queue: PollQueue, orderId: string, after: number) {
  return until('the job waits again', async () => {
    const score = Number((await redis.zscore(queue.toKey('delayed'), jobIdOf(orderId))) ?? 0);
    const at = Math.floor(score / 4_096);
    return at > after && { at, patience: score % 4_096 };
  });
}

describe('what a worker lets go of carries its patience', () => {
  test('while a customer may be waiting, and during the watch', async () => {
    const { enqueue, startWorker, queue, store, errors } = setupParts(redis, testPrefix(), gateway.url);
    await startWorker({ backend: 'batch' });
    const asked = aHurriedOrder({ orderId: 'scarce:asked', schedule: seldom });
    await enqueue(asked);
    const likely = await waiting(queue, asked.orderId, Date.now());
    expect(likely.patience).toBe(5);
    expect((await store.read(asked.orderId))?.nextPollAt).toBeCloseTo(likely.at, -3);

    const late = aHurriedOrder({
      ...{ orderId: 'scarce:watched', createdAt: Date.now() - 120_000 },
      schedule: { ...seldom, deadlineMs: 60_000 },
    });
    await enqueue(late);
    await until('the verdict', async () => (await store.read(late.orderId))?.progress.verdict);
    const watched = await waiting(queue, late.orderId, 0);
    expect(watched.patience).toBe(1_800);
    expect(errors).toEqual([]);
  });

  test('not with BullMQ alone, where polls are due when they are while none is late', async () => {
    const { enqueue, startWorker, queue, store } = setupParts(redis, testPrefix(), gateway.url);
    await startWorker({ backend: 'bullmq' });
    const order = aHurriedOrder({ orderId: 'scarce:plain', schedule: seldom });
    await enqueue(order);
    const { at } = await waiting(queue, order.orderId, Date.now());
    // Within the patience of a likely poll, which a delay by class would exceed only for the less valuable ones.
    expect(Math.abs(at - ((await store.read(order.orderId))?.nextPollAt ?? 0))).toBeLessThan(5_500);
  });
});

test('no order is lost between the classes: all get their verdicts though polls are scarce', async () => {
  for (const backend of ['batch', 'bullmq'] as const) {
    const { parts, enqueue, startWorker, events } = setupParts(redis, testPrefix(), gateway.url);
    await startWorker({ backend, limits: { ...parts.limits, ratePerSecond: 25 } });
    const orders = Array.from({ length: 20 }, (_, nth) =>
      aHurriedOrder({
        orderId: `scarce:${backend}:${nth}`,
        // Every other one past its deadline, or an old one.
        createdAt: Date.now() - (nth % 3) * 200_000,
        schedule: { ...seldom, initialIntervalMs: 50, maxIntervalMs: 50, deadlineMs: 300_000 },
      }),
    );
    for (const { orderId } of orders) gateway.say('paid', orderId);
    await enqueue(...orders);
    await until('all verdicts', async () => {
      const verdicts = await events();
      return orders.every(({ orderId }) =>
        verdicts.some(({ subject, data }) => subject === orderId && data.status === 'paid'),
      );
    });
  }
});

describe('with BullMQ alone', () => {
  test('the least valuable polls are made due later while polls begin late, up to their patience', () => {
    const pressure = createPollPressure();
    expect(pressure.shiftMs(120_000)).toBe(0);
    for (let nth = 0; nth < 200; nth += 1) pressure.note(4_000);
    expect(pressure.shiftMs(1_800_000)).toBeGreaterThan(30_000);
    expect(pressure.shiftMs(1_000)).toBe(1_000);
    expect(pressure.shiftMs(0)).toBe(0);
    for (let nth = 0; nth < 200; nth += 1) pressure.note(0);
    expect(pressure.shiftMs(1_800_000)).toBe(0);
  });

  test('a poll that waited for its patience does not count as late', async () => {
    const late: number[] = [];
    const now = Date.now();
    const order = aHurriedOrder({ orderId: 'held', createdAt: now - 10_000, schedule: seldom });
    const record = { order, progress: freshProgress, nextPollAt: now - 6_000 } as never;
    const path = {
      ...{ backend: (() => {}) as never, ranks: false, options: {} as never },
      begin: async () => ({ record, admission: {} as never }),
      finish: async () => ({ outcome: 'gone' }) as never,
    };
    const held = holdPolls(
      path,
      () => now,
      (ms) => late.push(ms),
    );
    onTestFinished(() => held.forget('job'));
    await held.path.begin('job', 'held');
    expect(late).toEqual([1_000]);
    expect(held.patienceOf('job', now)).toBe(5_000);
    held.forget('job');
    expect(held.patienceOf('job', now)).toBe(0);
  });
});
