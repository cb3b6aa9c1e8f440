import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { firstPollAt } from '../../src/domain/schedule.ts';
import { createProducer, type ProducerOptions } from '../../src/jobs/producer.ts';
import { createPollQueue, jobIdOf, orderIdOf } from '../../src/jobs/queue.ts';
import type { OrderInput } from '../../src/jobs/validate-order.ts';
import { createOrderStore } from '../../src/orders/store.ts';
import { awaitRedis, connectRedis, type Redis } from '../../src/redis/connection.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { anOrder, createdAt } from '../support/builders.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';
import { openRedisLane } from '../support/redis-lane.ts';
import { registerEveryAccount } from '../support/registered.ts';
import { redisServer, startRestartableRedis } from '../support/restartable-redis.ts';

const shared = testRedis();

/** Registered accounts, and producers that read them from Redis. */
async function setup(redis: Redis = shared, url = testRedisUrl()) {
  const prefix = testPrefix();
  await registerEveryAccount(redis, prefix);
  const keys = createKeys(prefix);
  const queue = createPollQueue(redis, keys, 'jenga');
  const producer = (options: Partial<ProducerOptions> = {}) => {
    const opened = createProducer({ redis: url, prefix, ...options });
    onTestFinished(() => opened.close());
    return opened;
  };
  onTestFinished(() => queue.close());
  return {
    ...{ keys, queue, producer, store: createOrderStore({ redis, keys, retentionMs: 1_000 }) },
    jobs: () => queue.getJobs(['wait', 'delayed', 'active', 'completed', 'failed', 'prioritized']),
    records: async () => (await redis.keys(keys.order('*'))).length,
    /** Everything that Redis holds about an order. */
    all: async (orderId = 'ord-1') => [
      await redis.hgetall(keys.order(orderId)),
      await redis.zrange(keys.open, '0', '-1', 'WITHSCORES'),
      await redis.hgetall(`${keys.queuePrefix('jenga')}:jenga:${jobIdOf(orderId)}`),
    ],
  };
}

function input(fields: Partial<OrderInput> = {}): OrderInput {
  return {
    ...{ orderId: 'ord-1', account: 'jenga', reference: 'OR28922980077', amount: '2.00' },
    ...{ createdAt: Date.now() + 60_000 },
    ...fields,
  };
}

describe('enqueueing an order', () => {
  test('writes its record and a delayed job before it is acknowledged', async () => {
    const { producer, store, jobs } = await setup();
    const at = Date.now() + 60_000;
    expect(await producer().enqueue(input({ createdAt: at }))).toEqual({ orderId: 'ord-1', outcome: 'new' });
    expect((await store.read('ord-1'))?.nextPollAt).toBe(at + 8_000);
    const [job, ...others] = await jobs();
    expect(others).toEqual([]);
    expect(job).toMatchObject({ name: 'poll', data: { orderId: 'ord-1' } });
    expect(Math.abs((job?.timestamp ?? 0) + (job?.delay ?? 0) - at - 8_000)).toBeLessThan(100);
  });

  test('50 times concurrently, through five producers: one record, one job, `new` once', async () => {
    const { producer, jobs, records } = await setup();
    const producers = Array.from({ length: 5 }, () => producer());
    const order = input();
    const results = await Promise.all(Array.from({ length: 50 }, (_, n) => producers[n % 5]?.enqueue(order)));
    expect(results.filter((result) => result?.outcome === 'new')).toHaveLength(1);
    expect(results.filter((result) => result?.outcome === 'same')).toHaveLength(49);
    expect([await records(), (await jobs()).length]).toEqual([1, 1]);
  });

  test('50 times concurrently with two different amounts: one is accepted, the other is a conflict', async () => {
    const { producer, jobs, records, store } = await setup();
    const one = producer();
    const amounts = Array.from({ length: 50 }, (_, n) => (n % 2 === 0 ? '2.00' : '3.00'));
    const results = await Promise.all(amounts.map((amount) => one.enqueue(input({ amount }))));
    const kept = (await store.read('ord-1'))?.order.amountMinor === 200 ? '2.00' : '3.00';
    for (const [n, { outcome }] of results.entries()) {
      expect(outcome === 'conflict').toBe(amounts[n] !== kept);
    }
    expect([await records(), (await jobs()).length]).toEqual([1, 1]);
  });

  test('again with different facts is refused and changes nothing', async () => {
    const { producer, all } = await setup();
    const one = producer();
    await one.enqueue(input());
    const before = await all();
    const result = await one.enqueue(input({ amount: '2.01', metadata: { other: true } }));
    expect(result).toMatchObject({ orderId: 'ord-1', outcome: 'conflict', faults: [{ path: 'orderId' }] });
    expect(await all()).toEqual(before);
  });

  test('again with the same facts changes nothing, not even the time of its job', async () => {
    const { producer, all } = await setup();
    const one = producer();
    await one.enqueue(input());
    const before = await all();
    expect(await one.enqueue(input({ createdAt: Date.now(), amount: 2 }))).toMatchObject({ outcome: 'same' });
    expect(await all()).toEqual(before);
  });

  test('again with its receipt in another spelling is the same order', async () => {
    const { producer, store } = await setup();
    const one = producer();
    const typed = (reference: string) => one.enqueue({ ...same, reference });
    const same = input({ account: 'vexora', createdAt: Date.now() });
    expect(await typed('qwer1234ty ')).toMatchObject({ outcome: 'new' });
    expect((await store.read('ord-1'))?.order.reference).toBe('QWER1234TY');
    for (const other of ['QWER1234TY', 'Qwer 1234 ty']) {
      expect(await typed(other)).toMatchObject({ outcome: 'same' });
    }
    expect(await typed('QWER1234TX')).toMatchObject({ outcome: 'conflict' });
  });

  test('again after a crash between record and job adds the job', async () => {
    const { producer, store, jobs } = await setup();
    const order = anOrder({ createdAt: Date.now() + 60_000 });
    await store.open(order, firstPollAt(order), []);
    expect(await jobs()).toEqual([]);
    expect(await producer().enqueue(input())).toMatchObject({ outcome: 'same' });
    const [job] = await jobs();
    expect(Math.abs((job?.timestamp ?? 0) + (job?.delay ?? 0) - firstPollAt(order))).toBeLessThan(100);
  });

  test('again after it was closed is `same`, and adds no job', async () => {
    const { producer, keys, jobs, queue } = await setup();
    const one = producer();
    await one.enqueue(input());
    await shared.hset(keys.order('ord-1'), 'phase', 'closed', 'nextPollAt', '');
    await (await queue.getJob(jobIdOf('ord-1')))?.remove();
    expect(await one.enqueue(input())).toMatchObject({ outcome: 'same' });
    expect(await jobs()).toEqual([]);
  });

  test('that is invalid writes nothing', async () => {
    const { producer, records, jobs } = await setup();
    const result = await producer().enqueue(input({ amount: '1.234', account: 'nobody' }));
    expect(result).toMatchObject({ outcome: 'invalid' });
    expect('faults' in result && result.faults.map(({ path }) => path).sort()).toEqual(['account', 'amount']);
    expect([await records(), (await jobs()).length]).toEqual([0, 0]);
  });
});

describe('2,000 orders at once', () => {
  test('get their results in order, with faults, repetitions and conflicts in between', async () => {
    const { producer, jobs, records } = await setup();
    const one = producer();
    await one.enqueue(input({ orderId: 'many-7', amount: '9.99' }));
    const orders = Array.from({ length: 2_000 }, (_, n): OrderInput => {
      if (n % 100 === 3) return input({ orderId: `many-${n}`, amount: '0.001' });
      if (n % 100 === 50) return input({ orderId: `many-${n - 1}` });
      return input({ orderId: `many-${n}` });
    });
    const results = await one.enqueueMany(orders);
    const expected = orders.map(({ orderId }, n) => ({
      orderId,
      outcome: n === 7 ? 'conflict' : n % 100 === 3 ? 'invalid' : n % 100 === 50 ? 'same' : 'new',
    }));
    expect(results.map(({ orderId, outcome }) => ({ orderId, outcome }))).toEqual(expected);
    expect([await records(), (await jobs()).length]).toEqual([1_960, 1_960]);
    const again = await one.enqueueMany(orders);
    expect(again.filter(({ outcome }) => outcome === 'same')).toHaveLength(1_979);
    expect([await records(), (await jobs()).length]).toEqual([1_960, 1_960]);
  });

  test('are accepted in order, although chunks run concurrently: of equal ones the first is `new`', async () => {
    const { producer, jobs } = await setup();
    const repeated = new Set([0, 499, 500, 1_001, 1_999]);
    const orders = Array.from({ length: 2_000 }, (_, n) =>
      input({ orderId: repeated.has(n) ? 'again' : `order-${n}` }),
    );
    const results = await producer().enqueueMany(orders);
    const expected = orders.map((_, n) => (n > 0 && repeated.has(n) ? 'same' : 'new'));
    expect(results.map(({ outcome }) => outcome)).toEqual(expected);
    expect(await jobs()).toHaveLength(1_996);
  });

  test('of which some do not reach Redis: those written stay written, nothing is written later, and all can be repeated', async () => {
    const { producer, jobs, records, store } = await setup();
    const lane = await openRedisLane(testRedisUrl());
    const orders = Array.from({ length: 2_000 }, (_, n) => input({ orderId: `order-${n}` }));
    const [cut, tried] = await Promise.allSettled([
      lane.cutAt('order-1234', 'to Redis'),
      producer({ redis: lane.url, timeoutMs: 6_000 }).enqueueMany(orders),
    ]);
    expect([cut.status, tried.status]).toEqual(['fulfilled', 'rejected']);
    const written = await records();
    expect(written).toBeGreaterThanOrEqual(500);
    expect(written).toBeLessThan(2_000);
    expect(await store.read('order-0')).not.toBeNull();
    const again = await producer().enqueueMany(orders);
    expect(again.filter(({ outcome }) => outcome === 'same')).toHaveLength(written);
    expect([await records(), (await jobs()).length]).toEqual([2_000, 2_000]);
  });

  test('of which a later chunk fails first: the error is thrown after the earlier one has ended', async () => {
    const { producer, jobs, keys } = await setup();
    await shared.set(keys.order('order-500'), 'no hash');
    const orders = Array.from({ length: 1_000 }, (_, n) => input({ orderId: `order-${n}` }));
    await expect(producer().enqueueMany(orders)).rejects.toThrow(/WRONGTYPE.*enqueueing it again is safe/);
    expect(await jobs()).toHaveLength(500);
  });

  test('an empty list gives an empty list', async () => {
    expect(await (await setup()).producer().enqueueMany([])).toEqual([]);
  });
});

describe('an order id that BullMQ would reject as a job id', () => {
  const ids = [
    'a:b',
    'a~b'.replace('~', '.'),
    ':',
    '::',
    '12345',
    '0',
    'x'.repeat(128),
    ':'.repeat(128),
    'w-o:a',
  ];

  test.each(ids)('%s has a job id of its own, which converts back to it', async (orderId) => {
    const { producer, jobs } = await setup();
    expect(await producer().enqueue(input({ orderId }))).toEqual({ orderId, outcome: 'new' });
    const [job] = await jobs();
    expect(job?.data).toEqual({ orderId });
    expect(orderIdOf(job?.id ?? '')).toBe(orderId);
  });

  test('no two share a job id', async () => {
    const { producer, jobs } = await setup();
    const similar = ['a:b', 'a.b', 'a-b', 'a_b', 'ab', 'a::b', 'a:', ':a', 'o:a', 'O:a'];
    await producer().enqueueMany(similar.map((orderId) => input({ orderId })));
    expect((await jobs()).map(({ data }) => data.orderId).sort()).toEqual(similar.toSorted());
  });
});

describe('a connection of the caller', () => {
  test('stays open when the producer closes', async () => {
    const { producer } = await setup();
    const own = testRedis();
    const one = producer({ redis: own });
    await one.enqueue(input());
    await one.close();
    expect(await own.ping()).toBe('PONG');
  });
});

describe('when Redis is unavailable', () => {
  const timeoutMs = 600;
  /** For the producer that is to succeed before and afterwards, also on a busy machine. */
  const patientMs = 2_000;
  /** What a call that does not give up would exceed, and none that does. */
  const tooLongMs = 30_000;

  test('with a closed port it throws in time; the message says what to check and contains no password', async () => {
    const one = createProducer({ redis: 'redis://user:hunter2@127.0.0.1:1', timeoutMs });
    onTestFinished(() => one.close());
    const startedAt = Date.now();
    const error = await one.enqueue(input()).catch((thrown: unknown) => thrown);
    expect(Date.now() - startedAt).toBeLessThan(tooLongMs);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toMatch(/127\.0\.0\.1:1 does not answer.*REDIS_URL/);
    expect((error as Error).message).not.toContain('hunter2');
  });

  test.runIf(redisServer)(
    'after a restart: nothing was sent meanwhile, then everything is accepted once',
    async () => {
      const noise = vi.spyOn(console, 'error').mockImplementation(() => {});
      onTestFinished(() => noise.mockRestore());
      const server = await startRestartableRedis();
      const redis = connectRedis(server.url, 'patient');
      onTestFinished(() => redis.disconnect());
      const { producer, jobs, records, store } = await setup(redis, server.url);
      const one = producer({ timeoutMs: patientMs });
      await one.enqueue(input({ orderId: 'before' }));
      // Some fail in flight, others fail to connect; every error says what to do.
      const many = (orderId: string) =>
        Promise.allSettled(Array.from({ length: 20 }, () => one.enqueue(input({ orderId }))));
      const caught = many('caught');
      await server.kill();
      const settled = [...(await caught), ...(await many('during')), ...(await many('during'))];
      const messages = settled.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []));
      expect(messages.length).toBeGreaterThanOrEqual(40);
      for (const message of messages) expect(message).toMatch(/enqueueing it again|check REDIS_URL/);
      await server.start();
      await awaitRedis(redis, server.url, 40_000);
      expect(await store.read('during')).toBeNull();
      expect(await one.enqueue(input({ orderId: 'before' }))).toMatchObject({ outcome: 'same' });
      expect(await one.enqueue(input({ orderId: 'during' }))).toMatchObject({ outcome: 'new' });
      expect((await one.enqueue(input({ orderId: 'caught' }))).outcome).toMatch(/new|same/);
      expect([await records(), (await jobs()).length]).toEqual([3, 3]);
      expect(noise.mock.calls).toEqual([]);
    },
  );

  test.runIf(redisServer)(
    'when it hangs: every attempt times out, and however many were sent, one is recorded',
    async () => {
      const server = await startRestartableRedis();
      const redis = connectRedis(server.url, 'patient');
      onTestFinished(() => redis.disconnect());
      const { producer, jobs, records } = await setup(redis, server.url);
      const one = producer({ timeoutMs });
      await producer().enqueue(input({ orderId: 'before' }));
      const pid = Number(/process_id:(\d+)/.exec(await redis.info('server'))?.[1]);
      process.kill(pid, 'SIGSTOP');
      onTestFinished(() => void process.kill(pid, 'SIGCONT'));
      for (let n = 0; n < 3; n++) {
        const startedAt = Date.now();
        await expect(one.enqueue(input({ orderId: 'during' }))).rejects.toThrow(
          /enqueueing it again is safe/,
        );
        expect(Date.now() - startedAt).toBeLessThan(tooLongMs);
      }
      process.kill(pid, 'SIGCONT');
      expect(await producer().enqueue(input({ orderId: 'during' }))).toMatchObject({ outcome: 'same' });
      expect([await records(), (await jobs()).length]).toEqual([2, 2]);
    },
  );

  test.runIf(redisServer)('a producer can be closed', async () => {
    const server = await startRestartableRedis();
    const redis = connectRedis(server.url, 'patient');
    onTestFinished(() => redis.disconnect());
    const { producer } = await setup(redis, server.url);
    const one = producer({ timeoutMs });
    await one.enqueue(input());
    await server.kill();
    await one.enqueue(input()).catch(() => 'as it must');
    await one.close();
  });
});

test('an order created long ago is polled at once', async () => {
  const { producer, jobs } = await setup();
  await producer().enqueue(input({ createdAt }));
  expect((await jobs())[0]?.delay).toBe(0);
});
