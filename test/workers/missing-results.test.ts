import { expect, onTestFinished, test } from 'vitest';
import { publishMissing } from '../../src/workers/missing-results.ts';
import { pollOrder } from '../../src/workers/poll-worker.ts';
import { walkRecords } from '../../src/workers/walk-records.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { startHeldGateway } from '../support/service-gateway.ts';
import { setupParts } from '../support/service-parts.ts';
import { aHurriedOrder } from '../support/service-parts-of-account.ts';

const redis = testRedis();
const orderIds = ['gone:1', 'gone:2', 'gone:3'];
const version = Number(/^redis_version:(\d+)/m.exec(await redis.info('server'))?.[1] ?? 0);

/** Three orders with a verdict each: paid, failed, and unresolved with a poll after it. */
async function setup() {
  const gateway = await startHeldGateway();
  onTestFinished(() => gateway.close());
  const { keys, store, parts, enqueue, events } = setupParts(redis, testPrefix(), gateway.url);
  const old = { createdAt: Date.now() - 100_000 };
  await enqueue(...orderIds.map((orderId) => aHurriedOrder({ orderId, ...old })));
  gateway.say('paid', 'gone:1');
  for (const orderId of [...orderIds, 'gone:3']) await pollOrder(parts, orderId);
  const mended: string[] = [];
  return {
    ...{ keys, store, parts, events, mended },
    /** As many sweeps as it takes to see all keys once: other tests have theirs in the same Redis. */
    async sweep(resultsRetentionMs = 60_000) {
      for (let nth = 0; nth < 100; nth += 1) {
        const parts = {
          store,
          resultsRetentionMs,
          mended: (_kind: string, id: string) => void mended.push(id),
        };
        await walkRecords(redis, keys, (some) => publishMissing(parts, some));
        if ((await redis.get(keys.resultsCursor)) === '0') return;
      }
      throw new Error('A hundred sweeps have not seen all keys.');
    },
  };
}

test('what stands on the stream is left alone', async () => {
  const { sweep, events, mended } = await setup();
  await sweep();
  expect([mended, (await events()).length]).toEqual([[], 3]);
});

test('a verdict that was deleted from among others is published again, once; the first counts as trimmed', async () => {
  const { keys, sweep, events, mended } = await setup();
  const [first, second] = await redis.xrange(keys.results, '-', '+');
  const lost = (await events())[1]?.subject ?? '';
  await redis.xdel(keys.results, second?.[0] ?? '');
  await Promise.all([sweep(), sweep(), sweep()]);
  await redis.xdel(keys.results, first?.[0] ?? '');
  await sweep();
  expect(mended).toEqual([lost]);
  expect((await events()).filter(({ subject }) => subject === lost)).toHaveLength(1);
});

test.runIf(version >= 7)(
  'verdicts of a stream that was deleted are all published again, each once',
  async () => {
    const { keys, sweep, events, mended } = await setup();
    const before = await events();
    await redis.del(keys.results);
    await Promise.all([sweep(), sweep(), sweep()]);
    await sweep();
    expect(mended.toSorted()).toEqual(orderIds);
    const again = await events();
    expect(again.map(({ id }) => id).toSorted()).toEqual(before.map(({ id }) => id).toSorted());
    for (const event of before) {
      const other = again.find(({ id }) => id === event.id);
      // The order was asked once more since.
      const polls = event.subject === 'gone:3' ? expect.any(Number) : event.data.polls;
      const counted = { polls, answeredPolls: polls, lastAnsweredAt: expect.any(String) };
      expect(other).toEqual({ ...event, data: { ...event.data, ...counted, evidence: expect.any(Array) } });
    }
  },
);

test.runIf(version >= 7)(
  'a stream that was deleted and has new results already has lost the others',
  async () => {
    const { keys, sweep, mended } = await setup();
    await redis.del(keys.results);
    await redis.xadd(keys.results, '*', 'foreign', 'entry');
    await sweep();
    expect(mended.toSorted()).toEqual(orderIds);
  },
);

test('what was trimmed, or is older than the retention, stays away', async () => {
  const { keys, sweep, mended } = await setup();
  await redis.xtrim(keys.results, 'MAXLEN', 1);
  await sweep();
  await redis.xtrim(keys.results, 'MAXLEN', 0);
  await sweep();
  await redis.del(keys.results);
  await sweep(0);
  expect(mended).toEqual([]);
});

test('a key of another type in the place of the stream, or of an order, stops nothing', async () => {
  const { keys, sweep, mended } = await setup();
  await redis.set(keys.order('foreign'), 'broken');
  await redis.del(keys.results);
  await redis.set(keys.results, 'broken');
  await sweep();
  await redis.del(keys.results);
  await sweep();
  expect(mended.toSorted()).toEqual(orderIds);
});

test('what a worker of an earlier release has published since is not published again', async () => {
  const { keys, sweep, mended } = await setup();
  await redis.del(keys.results);
  for (const orderId of orderIds) {
    const result = (await redis.hget(keys.order(orderId), 'result')) ?? '';
    await redis.hset(keys.order(orderId), 'result', result.replace(/ 1$/, ' 0'));
  }
  await sweep();
  expect(mended).toEqual([]);
});
