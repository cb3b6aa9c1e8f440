import { expect, onTestFinished, test } from 'vitest';
import { createCircuitBreaker } from '../../src/accounts/circuit-breaker.ts';
import { eventFields } from '../../src/domain/result-event.ts';
import { createPollQueue, jobIdOf, pollJob } from '../../src/jobs/queue.ts';
import { rangeOf } from '../../src/orders/lookup-index.ts';
import { createOrderIndex } from '../../src/orders/order-index.ts';
import { createOrderStore } from '../../src/orders/store.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { loadScript } from '../../src/redis/script.ts';
import { aResult } from '../results/publish.ts';
import { anOrder, aReading, createdAt } from '../support/builders.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { breakerPolicy } from '../support/service-parts-of-account.ts';

/** Redis does not roll back: what a script wrote before a command failed stays, so it must be harmless on its own. */
const redis = testRedis();
const finishScript = loadScript('finish', new URL('../../src/results/subscribe.ts', import.meta.url).href);

function setup() {
  const keys = createKeys(testPrefix());
  return { keys, store: createOrderStore({ redis, keys, retentionMs: 60_000 }) };
}

test.each(['open', 'asking'] as const)('an order that cannot be put on %s is not accepted', async (list) => {
  const { keys, store } = setup();
  await redis.set(keys[list], 'broken');
  await expect(store.open(anOrder(), createdAt, [])).rejects.toThrow(/WRONGTYPE/);
  expect(await redis.exists(keys.order('ord-1'))).toBe(0);
  await redis.del(keys[list]);
  expect(await store.open(anOrder(), createdAt, [])).toMatchObject({ outcome: 'new' });
});

test('a broken part of the index, which many orders share, refuses none of them', async () => {
  const { keys, store } = setup();
  const range = rangeOf(keys, { kind: 'reference', value: 'a-name' }, 'jenga');
  await redis.set(range.key, 'broken');
  expect(await store.open(anOrder(), createdAt, ['a-name'])).toMatchObject({ outcome: 'new' });
  expect(await redis.exists(keys.order('ord-1'))).toBe(1);
  const record = await store.read('ord-1');
  const index = createOrderIndex({ redis, keys });
  if (record !== null) await index.reindex(record, ['a-name'], []);
  expect(await store.ordersNamed('jenga', ['a-name'])).toEqual(['ord-1']);
});

test('a pushed answer that cannot be stored does not use up its token', async () => {
  const { keys, store } = setup();
  await store.open(anOrder(), createdAt, []);
  await store.beginQuery('ord-1', { id: 'q', sentAt: createdAt });
  await redis.set(keys.inbox('ord-1'), 'broken');
  const pushed = { queryId: 'q', reading: aReading.paid() };
  await expect(store.deliver('ord-1', pushed, true, createdAt)).rejects.toThrow(/WRONGTYPE/);
  expect(await store.orderOfQuery('q')).toBe('ord-1');
  expect(await redis.pttl(keys.query('q'))).toBeGreaterThan(3_600_000);
  await redis.del(keys.inbox('ord-1'));
  expect(await store.deliver('ord-1', pushed, true, createdAt)).toBe('delivered');
  expect(await store.inbox('ord-1')).toHaveLength(1);
  expect(await store.orderOfQuery('q')).toBe('');
});

test('a pushed answer is stored even if the set of open orders is broken', async () => {
  const { keys, store } = setup();
  await store.open(anOrder(), createdAt, []);
  await store.beginQuery('ord-1', { id: 'q', sentAt: createdAt });
  await redis.set(keys.open, 'broken');
  expect(await store.deliver('ord-1', { queryId: 'q', reading: aReading.paid() }, true, createdAt)).toBe(
    'delivered',
  );
  expect(await store.inbox('ord-1')).toHaveLength(1);
});

test('a broken set does not prevent the repair of the other', async () => {
  const { keys, store } = setup();
  await store.open(anOrder(), createdAt, []);
  await redis.del(keys.asking);
  await redis.set(keys.open, 'broken');
  await expect(store.relist('ord-1')).rejects.toThrow(/WRONGTYPE/);
  expect(await redis.zscore(keys.asking, 'ord-1')).toBe(String(createdAt));
});

test('a broken accounts stream does not prevent reports to the breaker', async () => {
  const { keys } = setup();
  await redis.set(keys.accounts, 'broken');
  const policy = { ...breakerPolicy, breakerFailures: 1 };
  const breaker = createCircuitBreaker({
    redis,
    keys,
    account: 'jenga',
    policy,
    credentials: 'c',
    pollMs: 1_000,
  });
  const troubled = { troubled: true, probing: true };
  expect(await breaker.report(troubled, aReading.unavailable(), createdAt)).toBe('degraded');
  expect(await breaker.report(troubled, aReading.pending(), createdAt)).toBe('recovered');
});

test('a result that cannot be parked is not acknowledged', async () => {
  const { keys } = setup();
  const id = (await redis.xadd(keys.results, '*', ...eventFields(aResult('ord-1')))) ?? '';
  await redis.xgroup('CREATE', keys.results, 'g', '0');
  await redis.xreadgroup('GROUP', 'g', 'c', 'COUNT', 1, 'STREAMS', keys.results, '>');
  await redis.set(keys.parked('g'), 'broken');
  const park = () =>
    finishScript.run(
      redis,
      [keys.handled('g', 1), keys.handling('g', 'ord-1'), keys.results, keys.parked('g')],
      ['g', id, 'me', 'ord-1', `1 ${id} ${createdAt}`, 60_000, 'subject', 'ord-1'],
    );
  await expect(park()).rejects.toThrow(/WRONGTYPE/);
  expect((await redis.xpending(keys.results, 'g'))[0]).toBe(1);
  await redis.del(keys.parked('g'));
  expect([await park(), await park()]).toEqual([1, 0]);
  expect(await redis.xlen(keys.parked('g'))).toBe(1);
});

test('a job that could not be added does not block its own id', async () => {
  const { keys } = setup();
  const queue = createPollQueue(redis, keys, 'jenga');
  onTestFinished(() => queue.close());
  const { name, data, opts } = pollJob('ord-1', createdAt, createdAt);
  await redis.set(queue.toKey('delayed'), 'broken');
  await expect(queue.add(name, data, opts)).rejects.toThrow(/WRONGTYPE/);
  expect(await redis.exists(queue.toKey(jobIdOf('ord-1')))).toBe(0);
  await redis.del(queue.toKey('delayed'));
  await queue.add(name, data, opts);
  expect(await redis.zcard(queue.toKey('delayed'))).toBe(1);
});
