import { randomUUID } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { decide } from '../../src/domain/decide.ts';
import { remember } from '../../src/domain/evidence.ts';
import { buildEvent } from '../../src/domain/result-event.ts';
import type { OrderRecord } from '../../src/orders/record.ts';
import { createOrderStore, type SettleResult, type Transition } from '../../src/orders/store.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { createKeys, type Keys } from '../../src/redis/keys.ts';
import { anOrder, aPolicy, aReading, createdAt } from '../support/builders.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';
import { eventsOf } from '../support/service-parts-of-account.ts';

/** Redis does not roll back a script when a command fails, so no command may fail between event and record. */
const redis = testRedis();
const version = Number(/^redis_version:(\d+)/m.exec(await redis.info('server'))?.[1] ?? 0);
const retentionMs = 3_600_000;

const readings = {
  'that publishes paid': aReading.paid(),
  'that publishes unresolved': aReading.doubtful('underpaid'),
  'that publishes nothing': aReading.pending(),
} as const;
type StepName = keyof typeof readings;
const steps = Object.keys(readings) as StepName[];

async function setup(url: string = testRedisUrl()) {
  const connection = connectRedis(url, 'patient');
  onTestFinished(() => connection.disconnect());
  const keys = createKeys(testPrefix());
  const admin = createOrderStore({ redis, keys, retentionMs });
  const store = createOrderStore({ redis: connection, keys, retentionMs });
  await admin.open(anOrder(), createdAt, []);
  const read = async () => (await admin.read('ord-1')) as OrderRecord;
  return {
    keys,
    read,
    /** Settles a reading as the worker does. */
    async settle(name: StepName, entry: string | null = null): Promise<SettleResult | Error> {
      return store.settle({ ...aStep(await read(), readings[name]), entry }).catch((error: Error) => error);
    },
    /** The last version according to the record, and the versions on the stream. */
    async published() {
      const isStream = (await redis.type(keys.results)) === 'stream';
      const events = isStream ? await eventsOf(redis, keys) : [];
      return [(await read()).progress.stateversion, events.map(({ stateversion }) => stateversion)] as const;
    },
    /** Puts a pushed answer to the order's query into the inbox. */
    async push(): Promise<string> {
      await admin.beginQuery('ord-1', { id: 'q', sentAt: createdAt });
      await admin.deliver('ord-1', { queryId: 'q', reading: aReading.paid() }, true, createdAt);
      return (await admin.inbox('ord-1'))[0]?.entry ?? '';
    },
    inbox: () => redis.llen(keys.inbox('ord-1')),
  };
}

function aStep(record: OrderRecord, reading: (typeof readings)[StepName]): Transition {
  const { progress, publish, nextPollAt } = decide(
    record.order,
    record.progress,
    reading,
    aPolicy(),
    reading.at,
    0.5,
  );
  const history = remember(record.history, reading);
  const event =
    publish === null ? null : buildEvent(record.order, progress, publish, reading, history, reading.at);
  return { record, progress, history, nextPollAt, query: record.query, event, entry: null };
}

const breakable: { readonly [name: string]: (keys: Keys) => string } = {
  open: (keys) => keys.open,
  asking: (keys) => keys.asking,
  unresolved: (keys) => keys.unresolved,
  used: (keys) => keys.used,
  statistics: (keys) =>
    keys.statistics(new Date(readings['that publishes paid'].at).toISOString().slice(0, 13)),
  results: (keys) => keys.results,
  inbox: (keys) => keys.inbox('ord-1'),
};

describe('a key of another type', () => {
  test.each(Object.keys(breakable).flatMap((name) => steps.map((step) => [name, step] as const)))(
    '%s, at a step %s: the record and the stream agree',
    async (name, step) => {
      const { keys, settle, published, read } = await setup();
      const key = breakable[name]?.(keys) ?? '';
      await redis.set(key, 'broken');
      const { revision } = await read();
      const settled = await settle(step);
      const isEssential = name === 'results' && step !== 'that publishes nothing';
      if (isEssential) {
        expect(settled).toBeInstanceOf(Error);
        expect(await published()).toEqual([0, []]);
        expect(await redis.keys(`{${keys.prefix}}:receipt:*`)).toEqual([]);
        expect(await read()).toMatchObject({ revision, progress: { phase: 'asking' } });
        await redis.del(key);
        expect(await settle(step)).toMatchObject({ outcome: 'settled' });
      } else {
        expect(settled).toMatchObject({ outcome: 'settled' });
      }
      const [told, onStream] = await published();
      expect(onStream).toEqual(told === 0 ? [] : [1]);
      expect(told).toBe(step === 'that publishes nothing' ? 0 : 1);
    },
  );

  test('the result names what could not be written', async () => {
    const { keys, settle } = await setup();
    await redis.set(keys.unresolved, 'broken');
    expect(await settle('that publishes unresolved')).toMatchObject({
      neglected: expect.stringMatching(/^HSET \S+:unresolved: WRONGTYPE/),
    });
  });

  test('an order that fails does not affect the others of its batch', async () => {
    const { keys, settle } = await setup();
    const store = createOrderStore({ redis, keys, retentionMs });
    await store.open(anOrder({ orderId: 'ord-2' }), createdAt, []);
    const other = (await store.read('ord-2')) as OrderRecord;
    await redis.set(keys.results, 'broken');
    const [failed, fine] = await Promise.all([
      settle('that publishes paid'),
      store.settle(aStep(other, readings['that publishes nothing'])),
    ]);
    expect(failed).toBeInstanceOf(Error);
    expect(fine).toMatchObject({ outcome: 'settled' });
  });
});

describe.runIf(version >= 7)('a command that the access list denies', () => {
  const commands = [
    'xadd',
    'hset',
    'hincrby',
    'zadd',
    'zrem',
    'hdel',
    'pexpire',
    'persist',
    'lrem',
    'lrange',
  ];

  async function restricted(command: string) {
    const user = `worker-${randomUUID()}`;
    await redis.acl('SETUSER', user, 'on', '>pw', '~*', '&*', '+@all', `-${command}`);
    onTestFinished(async () => void (await redis.acl('DELUSER', user)));
    const parts = await setup(testRedisUrl().replace('redis://', `redis://${user}:pw@`));
    return { ...parts, allow: () => redis.acl('SETUSER', user, `+${command}`) };
  }

  test.each(commands.flatMap((command) => steps.map((step) => [command, step] as const)))(
    '%s, at a step %s: nothing is written, or all that matters; it goes on when it is allowed again',
    async (command, step) => {
      const { settle, published, allow, read } = await restricted(command);
      const { revision } = await read();
      const settled = await settle(step);
      const [told, onStream] = await published();
      expect(onStream).toEqual(told === 0 ? [] : [1]);
      await allow();
      if (settled instanceof Error) {
        expect(settled.message).toMatch(/not settled.*(?:can't run|permission)/);
        expect((await read()).revision).toBe(revision);
        expect(await settle(step)).toMatchObject({ outcome: 'settled' });
      }
      expect(await published()).toEqual(step === 'that publishes nothing' ? [0, []] : [1, [1]]);
    },
  );

  test.each(commands)(
    '%s, with a pushed answer: the answer is settled once, or stays in the inbox',
    async (command) => {
      const { settle, published, allow, push, inbox } = await restricted(command);
      const entry = await push();
      const settled = await settle('that publishes paid', entry);
      expect(await inbox()).toBe(settled instanceof Error ? 1 : 0);
      await allow();
      if (settled instanceof Error) await settle('that publishes paid', entry);
      expect([await published(), await inbox()]).toEqual([[1, [1]], 0]);
    },
  );
});
