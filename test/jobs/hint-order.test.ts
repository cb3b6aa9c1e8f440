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

test('a hint only ever moves a job earlier, and hinted polls keep their least interval', async () => {
  const { store, queue, enqueue } = setupParts(redis, testPrefix(), gateway.url);
  const begunAt = Date.now() - 1_000_000;
  let orders = 0;

  /** When the order's job is due, or 0 if it waits for a worker. */
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
        // A worker polled it: the next poll is in a minute, or when a hint that arrived meanwhile asks for it.
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
      // Served after the least interval at the latest, once a worker is free.
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

test('a hint does not delay an order that is due, and moves it ahead of other due orders', async () => {
  const { store, queue, enqueue } = setupParts(redis, testPrefix(), gateway.url);
  const orderId = 'hinted:due';
  const now = Date.now();
  await enqueue(aHurriedOrder({ orderId, createdAt: now - 5_000, schedule: seldom }));
  // The account is at its rate limit: a due poll and a hint from a second ago are still pending.
  await store.hint(orderId, now - 1_000, leastMs);
  const hinted = await store.hint(orderId, now, leastMs);
  expect(hinted).toEqual({ outcome: 'promote', at: now + 1_000 });
  await promote(queue, orderId, now + 1_000, Date.now());
  expect(await (await queue.getJob(jobIdOf(orderId)))?.getState()).toBe('waiting');
});
