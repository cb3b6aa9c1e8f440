import { Queue } from 'bullmq';
import { expect, onTestFinished, test, vi } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';
import { startService } from '../../src/service.ts';
import { orderOf, referenceOf, type Story, setupWorld, toldOf } from '../support/service-run.ts';
import { until } from '../support/service-until.ts';

vi.setConfig({ testTimeout: 90_000 });

/**
 * N−1 and N side by side, on what each leaves in Redis, written out here and never taken from the code: it must stay readable
 * when the code has moved on. The form is that of record version 1 as its first release wrote it, without the fields that
 * came later (`watchedSince`, `lastPolledAt`, `query`, `hints`, `hintsSeen`, `hintAt`), without the list of orders
 * that have no verdict, and with a job that says nothing of its own form.
 */
function oldRecord(orderId: string, changes: { readonly [field: string]: string } = {}) {
  const now = Date.now();
  const seen = new Date(now - 9_000).toISOString();
  const sha = '0'.repeat(64);
  return {
    version: '1',
    account: 'jenga',
    provider: 'jenga',
    reference: JSON.stringify(referenceOf('jenga', orderId).key),
    amountMinor: '10000',
    currency: 'KES',
    createdAt: String(now - 20_000),
    deadlineAt: String(now + 100_000),
    schedule:
      '{"firstPollAfterMs":20,"initialIntervalMs":100,"factor":1,"maxIntervalMs":100,"jitter":0,"deadlineMs":120000}',
    metadata: '{"basket":7}',
    phase: 'asking',
    stateversion: '0',
    status: '',
    reason: '',
    settledAt: '',
    candidate: '',
    moneySeen: '',
    polls: '2',
    answeredPolls: '1',
    lastAnsweredAt: String(now - 9_000),
    history: `[{"source":"poll","at":"${seen}","httpStatus":200,"reading":"pending","providerStatus":"Pending","providerMessage":null,"bodySha256":"${sha}"}]`,
    nextPollAt: String(now + 300),
    revision: '3',
    ...changes,
  };
}

async function setup() {
  const world = await setupWorld({ accounts: 'jenga' });
  const { redis, keys, simulator } = world;
  const queue = new Queue('jenga', { connection: redis, prefix: keys.queuePrefix('jenga') });
  onTestFinished(() => queue.close());
  const lines: string[] = [];
  return {
    ...world,
    queue,
    logged: (text: string) => lines.filter((line) => line.includes(text)),
    /** What another release left of an order, and what the provider will say of it. */
    async leave(
      orderId: string,
      story: Story['timeline'],
      record: { [field: string]: string },
      data: object,
    ) {
      const { key } = referenceOf('jenga', orderId);
      simulator.script({ provider: 'jenga', reference: key, amount: '100.00', timeline: story });
      await redis.hset(keys.order(orderId), record);
      await redis.zadd(keys.open, record.nextPollAt ?? '0', orderId);
      await queue.add('poll', data, {
        jobId: `o~${orderId}`,
        delay: 300,
        attempts: 1_000_000,
        backoff: { type: 'custom' },
        removeOnComplete: true,
        removeOnFail: false,
        stackTraceLimit: 1,
      });
    },
    polls: (orderId: string) =>
      simulator.ledger().find(({ reference }) => reference === referenceOf('jenga', orderId).key)?.polls ?? 0,
    async startLogging() {
      const log = createLog('info', { write: (line: string) => void lines.push(line) });
      const service = await startService(readConfig(world.environment), log);
      onTestFinished(() => service.close());
    },
  };
}

test('what the release before left behind reaches its verdict, once', async () => {
  const { leave, start, events, verdicts, redis, keys, store } = await setup();
  await leave('old-paid', [{ afterMs: 0, state: 'paid' }], oldRecord('old-paid'), { orderId: 'old-paid' });
  // A cancel that the old release had read once; its confirmation is ours to get.
  const candidate = JSON.stringify({ kind: 'failed', at: Date.now() - 9_000 });
  const cancelled = oldRecord('old-cancelled', { candidate });
  await leave('old-cancelled', [{ afterMs: 0, state: 'failed:cancelled' }], cancelled, {
    orderId: 'old-cancelled',
  });
  // A verdict that the old release had published, and was watching.
  const watched = oldRecord('old-watched', {
    ...{ phase: 'watching', stateversion: '1', status: 'unresolved', reason: 'deadline' },
    settledAt: String(Date.now() - 1_000),
  });
  await leave('old-watched', [{ afterMs: 0, state: 'paid' }], watched, { orderId: 'old-watched' });
  await start();

  expect(toldOf(await verdicts(3))).toEqual({
    'old-paid': ['paid'],
    'old-cancelled': ['failed/cancelled'],
    'old-watched': ['paid'],
  });
  const [late] = await events('old-watched');
  expect(late).toMatchObject({ id: 'old-watched:2', stateversion: 2, supersedes: 'old-watched:1' });
  const [paid] = await events('old-paid');
  expect(paid).toMatchObject({
    id: 'old-paid:1',
    data: { polls: 3, answeredPolls: 2, metadata: { basket: 7 } },
  });
  await until('the paid ones to be closed', async () => (await redis.zcard(keys.open)) === 1);
  const record = await store.read('old-paid');
  expect(record?.progress.phase).toBe('closed');
  expect(record?.history.map(({ reading }) => reading)).toEqual(['pending', 'paid']);
  expect(await events()).toHaveLength(3);
});

test.each([
  ['record', { version: '2', shard: 'x' }, (orderId: string) => ({ orderId })],
  ['job', {}, (orderId: string) => ({ orderId, version: 2, shard: 'x' })],
])('a %s of a newer release is left alone, and none the worse for it', async (what, changes, data) => {
  const { leave, startLogging, follow, verdicts, events, redis, keys, queue, logged, polls } = await setup();
  const orderId = `newer-${what}`;
  const record = oldRecord(orderId, changes);
  await leave(orderId, [{ afterMs: 0, state: 'paid' }], record, data(orderId));
  await startLogging();
  await until('it to be met', () => logged(`order ${orderId} has version 2`).length > 0);
  // Others go on beside it.
  const other: Story = { provider: 'jenga', orderId: 'other', timeline: [{ afterMs: 0, state: 'paid' }] };
  await follow(other);
  await verdicts(1);
  await until('it to be met again', () => logged(`order ${orderId} has version 2`).length > 1);
  expect(logged('finish the upgrade')[0]).toContain('a poll could not be completed; it is tried again');

  expect(await redis.hgetall(keys.order(orderId))).toEqual(record);
  expect(await redis.zscore(keys.open, orderId)).toBe(record.nextPollAt);
  expect(polls(orderId)).toBe(0);
  expect(await events(orderId)).toEqual([]);
  const job = await queue.getJob(`o~${orderId}`);
  expect(job?.data).toEqual(data(orderId));
  expect(['delayed', 'active', 'waiting']).toContain(await job?.getState());

  // The process that knows it comes; here this one is taught.
  await redis.hset(keys.order(orderId), 'version', '1');
  await job?.updateData({ orderId });
  await verdicts(2);
  expect(toldOf(await events(orderId))).toEqual({ [orderId]: ['paid'] });
});

test('what we write holds all that the release before reads, in its form', async () => {
  const { follow, start, verdicts, redis, keys, queue, producer } = await setup();
  const stories: Story[] = [
    { provider: 'jenga', orderId: 'paid', timeline: [{ afterMs: 0, state: 'paid' }] },
    { provider: 'jenga', orderId: 'cancelled', timeline: [{ afterMs: 0, state: 'failed:cancelled' }] },
    { provider: 'jenga', orderId: 'pending', timeline: [{ afterMs: 0, state: 'pending' }] },
  ];
  await follow(...stories);
  const fresh: Story = { provider: 'jenga', orderId: 'fresh', timeline: [] };
  await producer.enqueue({
    ...orderOf(fresh),
    metadata: { basket: 7 },
    schedule: { firstPollAfterMs: 60_000 },
  });
  const written = [await redis.hgetall(keys.order('fresh'))];
  const job = await queue.getJob('o~fresh');
  await start();
  await verdicts(2);
  const pending = keys.order('pending');
  await until('a poll of the pending one', async () => Number(await redis.hget(pending, 'polls')) > 0);
  for (const { orderId } of stories) written.push(await redis.hgetall(keys.order(orderId)));

  const isWhole = (text: string) => /^\d+$/.test(text);
  const isInstant = (text: string) => text === '' || isWhole(text);
  const isJson = (text: string) => JSON.parse(text) !== undefined;
  const oneOf =
    (...words: string[]) =>
    (text: string) =>
      words.includes(text);
  /** Every field that the reader of version 1 takes, and what it can make something of. */
  const reader: { readonly [field: string]: (text: string) => boolean } = {
    version: oneOf('1'),
    account: oneOf('jenga'),
    provider: oneOf('jenga'),
    reference: (text) => typeof JSON.parse(text) === 'string',
    amountMinor: oneOf('10000'),
    currency: oneOf('KES'),
    createdAt: isWhole,
    schedule: (text) => Object.values(JSON.parse(text) as object).every(Number.isFinite),
    metadata: isJson,
    phase: oneOf('asking', 'watching', 'closed'),
    stateversion: isWhole,
    status: oneOf('', 'paid', 'failed', 'expired', 'unresolved'),
    reason: (text) => text === '' || /^[a-z-]+$/.test(text),
    settledAt: isInstant,
    candidate: (text) => text === '' || isWhole(String((JSON.parse(text) as { at: number }).at)),
    moneySeen: oneOf('', '1'),
    polls: isWhole,
    answeredPolls: isWhole,
    lastAnsweredAt: isInstant,
    history: (text) => Array.isArray(JSON.parse(text)),
    revision: isWhole,
    nextPollAt: isInstant,
  };
  for (const record of written) {
    const wrong = Object.entries(reader).filter(([field, reads]) => !reads(record[field] ?? 'absent'));
    expect(wrong.map(([field]) => `${field}: ${record[field]}`)).toEqual([]);
  }
  expect(written.map(({ phase }) => phase)).toEqual(['asking', 'closed', 'watching', 'asking']);
  // Its worker takes the order from the data, its sweeper and its board from the id.
  expect(job).toMatchObject({ name: 'poll', id: 'o~fresh', data: { orderId: 'fresh' } });
  // What is the same for all jobs the worker knows: none of it is stored.
  expect(await redis.hkeys(queue.toKey('o~fresh'))).toEqual(['name', 'data', 'timestamp', 'delay']);
  expect(await redis.zscore(keys.open, 'fresh')).toBe(written[0]?.nextPollAt);
});
