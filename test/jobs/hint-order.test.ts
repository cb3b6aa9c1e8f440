import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { promote } from '../../src/jobs/poll-now.ts';
import { jobIdOf } from '../../src/jobs/queue.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { type HeldGateway, startHeldGateway } from '../support/service-gateway.ts';
import { setupParts } from '../support/service-parts.ts';
import { aHurriedOrder, seldom } from '../support/service-parts-of-account.ts';

const redis = testRedis();
const leastMs = 2_000;
let gateway: HeldGateway;

beforeAll(async () => {
  gateway = await startHeldGateway();
});
afterAll(() => gateway.close());

test('a hint moves a job earlier or not at all, and polls by hint keep their distance', {
  timeout: 60_000,
}, async () => {
  const { store, queue, enqueue } = setupParts(redis, testPrefix(), gateway.url);
  const begunAt = Date.now() - 1_000_000;
  let orders = 0;

  /** The order's job as a worker would find it: when it is due, or 0 when it waits to be taken. */
  async function dueAt(orderId: string): Promise<number> {
    const score = await redis.zscore(queue.toKey('delayed'), jobIdOf(orderId));
    return score === null ? 0 : Math.floor(Number(score) / 4096);
  }

  async function play(firstPollAfterMs: number, steps: readonly { afterMs: number; isPolled: boolean }[]) {
    orders += 1;
    const orderId = `hinted:${orders}`;
    const schedule = { ...seldom, firstPollAfterMs };
    await enqueue(aHurriedOrder({ orderId, createdAt: begunAt, schedule }));
    let now = begunAt;
    let lastHintAt = Number.NEGATIVE_INFINITY;
    for (const { afterMs, isPolled } of steps) {
      now += afterMs;
      const before = await dueAt(orderId);
      if (isPolled && before <= now) {
        // A worker has come to it: it is asked about again in a minute, or when a hint that came meanwhile says so.
        const record = await store.read(orderId);
        if (record === null) throw new Error('The order is gone.');
        const { progress, history } = record;
        const step = { record, progress, history, query: null, event: null, entry: null };
        await store.settle({ ...step, nextPollAt: now + 60_000 });
        await (await queue.getJob(jobIdOf(orderId)))?.remove();
        await queue.add('poll', { orderId }, { jobId: jobIdOf(orderId), timestamp: now, delay: 60_000 });
        continue;
      }
      const hinted = await store.hint(orderId, now, leastMs);
      if (hinted.outcome === 'promote') await promote(queue, orderId, hinted.at, now);
      expect(await dueAt(orderId)).toBeLessThanOrEqual(before);
      // Served at the latest after the least distance, once a worker has time.
      expect(await dueAt(orderId)).toBeLessThanOrEqual(now + leastMs);
      const hintAt = (await store.read(orderId))?.hintAt ?? Number.NaN;
      if (hintAt !== lastHintAt) expect(hintAt - lastHintAt).toBeGreaterThanOrEqual(leastMs);
      lastHintAt = hintAt;
    }
  }

  const step = fc.record({
    afterMs: fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.constantFrom(0, 1, 1_999, 2_000, 30_000)),
    isPolled: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 20_000 }),
      fc.array(step, { minLength: 1, maxLength: 25 }),
      play,
    ),
    { numRuns: 60 },
  );
});

test('an order that is due is not put off by a hint, and goes before the others that are due', async () => {
  const { store, queue, enqueue } = setupParts(redis, testPrefix(), gateway.url);
  const orderId = 'hinted:due';
  const now = Date.now();
  await enqueue(aHurriedOrder({ orderId, createdAt: now - 5_000, schedule: seldom }));
  // The account is at its limit: the poll that was due, and the hint of a second ago, are still to be served.
  await store.hint(orderId, now - 1_000, leastMs);
  const hinted = await store.hint(orderId, now, leastMs);
  expect(hinted).toEqual({ outcome: 'promote', at: now + 1_000 });
  await promote(queue, orderId, now + 1_000, Date.now());
  expect(await (await queue.getJob(jobIdOf(orderId)))?.getState()).toBe('waiting');
});
