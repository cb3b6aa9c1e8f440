import { Queue } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { registerAccounts } from '../../src/accounts/registry.ts';
import { readConfig } from '../../src/config/config.ts';
import { createLog } from '../../src/observability/log.ts';
import { ownAccounts } from '../../src/roles/account-info.ts';
import { startService } from '../../src/service.ts';
import { recordOfVersion2 } from '../support/record-version-2.ts';
import { orderOf, referenceOf, type Story, setupWorld, toldOf } from '../support/service-run.ts';
import { until } from '../support/waiting.ts';

/** Two releases side by side, on what each leaves in Redis. Jobs of version 1 do not name it. */
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

test('what another process left behind reaches its verdict, once', async () => {
  const { leave, start, events, verdicts, redis, keys, store } = await setup();
  await leave('old-paid', [{ afterMs: 0, state: 'paid' }], recordOfVersion2('old-paid'), {
    orderId: 'old-paid',
  });
  // A cancellation that was read once; its confirmation is ours to get.
  const candidate = { kind: 'failed', at: Date.now() - 9_000 };
  const cancelled = recordOfVersion2('old-cancelled', { progress: { candidate } });
  await leave('old-cancelled', [{ afterMs: 0, state: 'failed:cancelled' }], cancelled, {
    orderId: 'old-cancelled',
  });
  // A verdict that was published, and is being watched.
  const verdict = { status: 'unresolved', reason: 'deadline', at: Date.now() - 1_000 };
  const watched = recordOfVersion2('old-watched', {
    fields: { phase: 'watching' },
    progress: { stateversion: 1, verdict },
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
  ['record', 3, { version: '3', shard: 'x' }, (orderId: string) => ({ orderId })],
  ['job', 2, {}, (orderId: string) => ({ orderId, version: 2, shard: 'x' })],
])(
  'a %s of a newer release is left alone, and none the worse for it',
  async (what, version, changes, data) => {
    const { leave, startLogging, follow, verdicts, events, redis, keys, queue, logged, polls } =
      await setup();
    const orderId = `newer-${what}`;
    const record = recordOfVersion2(orderId, { fields: changes });
    await leave(orderId, [{ afterMs: 0, state: 'paid' }], record, data(orderId));
    await startLogging();
    await until('it to be met', () => logged(`order ${orderId} has version ${version}`).length > 0);
    // Others go on beside it.
    const other: Story = { provider: 'jenga', orderId: 'other', timeline: [{ afterMs: 0, state: 'paid' }] };
    await follow(other);
    await verdicts(1);
    await until('it to be met again', () => logged(`order ${orderId} has version ${version}`).length > 1);
    expect(logged('finish the upgrade')[0]).toContain('a poll could not be completed; it is retried');

    expect(await redis.hgetall(keys.order(orderId))).toEqual(record);
    expect(await redis.zscore(keys.open, orderId)).toBe(record.nextPollAt);
    expect(polls(orderId)).toBe(0);
    expect(await events(orderId)).toEqual([]);
    const job = await queue.getJob(`o~${orderId}`);
    expect(job?.data).toEqual(data(orderId));
    expect(['delayed', 'active', 'waiting']).toContain(await job?.getState());

    // The process that knows it comes; here this one is taught.
    await redis.hset(keys.order(orderId), 'version', '2');
    await job?.updateData({ orderId });
    await verdicts(2);
    expect(toldOf(await events(orderId))).toEqual({ [orderId]: ['paid'] });
  },
);

test('what we write has the form that its version stands for: a change of it needs a new version', async () => {
  const { follow, start, verdicts, redis, keys, queue, producer, environment } = await setup();
  await registerAccounts(redis, keys, ownAccounts(readConfig(environment)).accounts);
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
  await until('a poll of the pending one', async () => (await redis.hget(pending, 'progress')) !== '[0,0,0]');
  for (const { orderId } of stories) written.push(await redis.hgetall(keys.order(orderId)));

  const isWhole = (text: string) => /^\d+$/.test(text);
  const isInstant = (text: string) => text === '' || isWhole(text);
  const isLike = (form: RegExp) => (text: string) => form.test(text);
  const isOneOf = (words: readonly string[]) => (text: string) => words.includes(text);
  /** Every field of version 2 that an order has about which nobody called back, and what it holds. */
  const form: { readonly [field: string]: (text: string) => boolean } = {
    version: isOneOf(['2']),
    account: isOneOf(['jenga']),
    reference: (text) => typeof JSON.parse(text) === 'string',
    amountMinor: isOneOf(['10000']),
    currency: isOneOf(['KES']),
    createdAt: isWhole,
    order: isLike(/^\["jenga",\{("basket":7)?\}(,\d+){2},\d+(\.\d+)?,\d+,\d+(\.\d+)?,\d+\]$/),
    phase: isOneOf(['asking', 'watching', 'closed']),
    progress: isLike(
      /^\[\d+,\d+,\d+(,(null|\d{13})){0,2}(,\{"status":"(paid|failed|unresolved)","reason":(null|"[a-z-]+"),"at":\d{13}\},\d{13}(,(null|\{"kind":"failed","at":\d{13}\})(,true)?)?)?\]$/,
    ),
    history: (text) =>
      (JSON.parse(text) as unknown[]).every((entry) =>
        /^\["poll",\d{13},200,"[a-z]+",("[^"]*"|null),("[^"]*"|null),"[\w-]{43}"/.test(JSON.stringify(entry)),
      ),
    revision: isWhole,
    nextPollAt: isInstant,
  };
  /** Fields that were added since, and that a release which does not know them passes over. */
  const added: typeof form = {
    owns: (text) => text !== '',
    shares: isOneOf(['', '1']),
    result: isLike(/^\d+-\d+ \d+$/),
  };
  for (const record of written) {
    const wrong = Object.entries(record).filter(([name, text]) => !{ ...form, ...added }[name]?.(text));
    expect(wrong).toEqual([]);
    const names = Object.keys(record).filter((name) => !(name in added));
    expect(names.sort()).toEqual(Object.keys(form).sort());
  }
  expect(written.map(({ phase }) => phase)).toEqual(['asking', 'closed', 'watching', 'asking']);
  // Its worker takes the order from the data, its sweeper and its board from the id.
  expect(job).toMatchObject({ name: 'poll', id: 'o~fresh', data: { orderId: 'fresh' } });
  // What is the same for all jobs the worker knows: none of it is stored.
  expect(await redis.hkeys(queue.toKey('o~fresh'))).toEqual(['name', 'data', 'timestamp', 'delay']);
  expect(await redis.zscore(keys.open, 'fresh')).toBe(written[0]?.nextPollAt);
});
