import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { jobIdOf } from '../../src/jobs/queue.ts';
import { createPollWorker, pollOrder } from '../../src/workers/poll-worker.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { type HeldGateway, receiptOf, startHeldGateway } from '../support/service-gateway.ts';
import { setupParts } from '../support/service-parts.ts';
import { aHurriedOrder, hurried, limits, seldom } from '../support/service-parts-of-account.ts';
import { until } from '../support/waiting.ts';

const redis = testRedis();
let gateway: HeldGateway;
let orders = 0;

beforeAll(async () => {
  gateway = await startHeldGateway();
});
afterAll(() => gateway.close());

function setup(fields: Parameters<typeof aHurriedOrder>[0] = {}) {
  orders += 1;
  const orderId = `poll:${orders}`;
  const { store, queue, parts, enqueue, startWorker, events, errors, readings } = setupParts(
    redis,
    testPrefix(),
    gateway.url,
  );
  const order = aHurriedOrder({ orderId, ...fields });
  return {
    ...{ store, queue, parts, enqueue, startWorker, errors, readings, orderId, order },
    events: () => events(orderId),
    emptied: () =>
      until('an empty queue', async () => {
        const types = ['wait', 'delayed', 'active', 'failed', 'completed'] as const;
        return (await queue.getJobCountByTypes(...types)) === 0;
      }),
  };
}

test('a turn that only takes in what was pushed asks nobody, when another turn has taken it in before', async () => {
  const { enqueue, order, orderId, parts, store } = setup({ schedule: seldom });
  await enqueue(order);
  expect(await pollOrder(parts, orderId, true)).toBe((await store.read(orderId))?.nextPollAt);
  expect(await pollOrder(parts, 'unknown', true)).toBeNull();
  expect(gateway.arrivals(orderId)).toEqual([]);
});

describe('one order', () => {
  test('is asked about until it is paid, then never again, and its verdict stands once on the stream', async () => {
    const { enqueue, startWorker, order, orderId, events, emptied, store, errors } = setup();
    await startWorker();
    await enqueue(order);
    await gateway.arrived(orderId, 4);
    gateway.say('paid', orderId);
    await emptied();
    const polls = gateway.arrivals(orderId).length;
    const [event, ...others] = await events();
    expect(others).toEqual([]);
    expect(event).toMatchObject({ id: `${orderId}:1`, type: 'payment.paid' });
    expect(event?.data).toMatchObject({ polls, answeredPolls: polls, receipt: receiptOf(orderId) });
    expect(await store.read(orderId)).toMatchObject({ nextPollAt: null, progress: { phase: 'closed' } });
    expect(errors).toEqual([]);
  });

  test('that is pending uses up no attempt of its job, which stays small', async () => {
    const { enqueue, startWorker, order, orderId, queue } = setup();
    await startWorker();
    await enqueue(order);
    await gateway.arrived(orderId, 20);
    const job = await queue.getJob(jobIdOf(orderId));
    expect(job).toMatchObject({ attemptsMade: 0, data: { orderId } });
    expect(job?.stacktrace).toEqual([]);
    expect(JSON.stringify(job).length).toBeLessThan(1_000);
  });

  test('is asked at its deadline, and published as unresolved only then', async () => {
    const { enqueue, startWorker, order, orderId, events } = setup({
      schedule: { ...seldom, deadlineMs: 2_500 },
    });
    await startWorker();
    await enqueue(order);
    const [event] = await until('a verdict', async () => {
      const all = await events();
      return all.length > 0 && all;
    });
    expect(event?.data).toMatchObject({ status: 'unresolved', reason: 'deadline', polls: 2 });
    expect(gateway.arrivals(orderId).at(-1)).toBeGreaterThanOrEqual(order.createdAt + 2_500);
  });

  test('whose first reading fails softly is asked a second time before a word is said', async () => {
    const { enqueue, startWorker, order, orderId, events } = setup();
    gateway.say('cancelled', orderId);
    await startWorker();
    await enqueue(order);
    const [event] = await until('a verdict', async () => {
      const all = await events();
      return all.length > 0 && all;
    });
    expect(event?.data).toMatchObject({ status: 'failed', reason: 'cancelled' });
    expect(event?.data.polls).toBeGreaterThanOrEqual(2);
    expect(event?.data.evidence).not.toHaveLength(0);
  });

  test('that is asked about by two workers at the same time is published once, and stays consistent', async () => {
    const { enqueue, order, orderId, parts, events, store } = setup();
    await enqueue(order);
    gateway.say('paid', orderId);
    gateway.hold(orderId);
    const turns = Array.from({ length: 10 }, () => pollOrder(parts, orderId));
    await gateway.arrived(orderId, 10);
    gateway.release(orderId);
    expect(await Promise.all(turns)).toEqual(Array.from({ length: 10 }, () => null));
    expect(await events()).toHaveLength(1);
    expect((await store.read(orderId))?.progress).toMatchObject({ polls: 10, stateversion: 1 });
  });

  test('whose record is gone ends with its job', async () => {
    const { enqueue, startWorker, order, emptied, events, orderId } = setup();
    await enqueue(order);
    await redis.del((await setupKeys(orderId)) ?? '');
    await startWorker();
    await emptied();
    expect(await events()).toEqual([]);
  });

  test('that meets a bug or a lost Redis is tried again, and its job does not end', async () => {
    const { enqueue, startWorker, order, orderId, store, events, errors, queue } = setup();
    gateway.say('paid', orderId);
    let failures = 1;
    await startWorker({
      store: {
        ...store,
        async settle(step) {
          if (failures-- > 0) throw new Error('Redis is lost.');
          return store.settle(step);
        },
      },
    });
    await enqueue(order);
    await until('a verdict', async () => (await events()).length > 0);
    expect(errors.map(({ message }) => message)).toEqual(['Redis is lost.']);
    expect(await queue.getFailedCount()).toBe(0);
  });

  test('whose worker was frozen for longer than its lock is asked again when its record says', async () => {
    const { enqueue, startWorker, order, orderId, queue, store } = setup({ schedule: { ...seldom } });
    gateway.hold(orderId);
    await startWorker();
    await enqueue(order);
    await gateway.arrived(orderId, 1);
    // Another worker took the job over, asked, and delayed it for ten minutes.
    const jobId = jobIdOf(orderId);
    await redis.del(`${queue.toKey(jobId)}:lock`);
    await redis.lrem(queue.toKey('active'), 1, jobId);
    await redis.zadd(queue.toKey('delayed'), (Date.now() + 600_000) * 4096, jobId);
    gateway.release(orderId);
    const dueAt = async () => Math.floor(Number(await redis.zscore(queue.toKey('delayed'), jobId)) / 4096);
    const wanted = await until('its settling', async () => {
      const record = await store.read(orderId);
      return record?.progress.polls === 1 && record.nextPollAt;
    });
    await until('the job to follow its record', async () => (await dueAt()) === wanted);
  });

  async function setupKeys(orderId: string): Promise<string | undefined> {
    const [key] = await redis.keys(`*:order:${orderId}`);
    return key;
  }
});

describe('the rate of an account', () => {
  test('holds over two workers', async () => {
    const { startWorker, enqueue, orderId } = setup();
    const [ratePerSecond, startedAt] = [40, Date.now()];
    const half = { ...limits, ratePerSecond };
    await Promise.all([startWorker({ limits: half }), startWorker({ limits: half })]);
    const all = Array.from({ length: 80 }, (_, n) => `${orderId}:${n}`);
    await enqueue(...all.map((id) => aHurriedOrder({ orderId: id, schedule: seldom })));
    await Promise.all(all.map((id) => gateway.arrived(id, 1)));
    const times = all.flatMap((id) => gateway.arrivals(id)).sort((a, b) => a - b);
    // Counted from the beginning: a request that arrives late, and so closer to the next one, exceeds no rate.
    for (const [nth, at] of times.entries())
      expect(nth + 1).toBeLessThanOrEqual(1.2 * ratePerSecond * ((at - startedAt) / 1_000) + 20);
    expect((times.at(-1) ?? 0) - startedAt).toBeGreaterThan(1_500);
  });

  test.each([0.01, 0.5, 1, 2, 9, 10, 24, 25, 49, 50, 99, 100, 333, 1_000, 10_000])(
    'of %d per second is kept in every second, wherever it begins, and nearly used',
    async (ratePerSecond) => {
      const { parts } = setup();
      const worker = createPollWorker({ ...parts, limits: { ...limits, ratePerSecond } });
      const { max = 0, duration = 0 } = worker.opts.limiter ?? {};
      await worker.close();
      // The worst case: all but the first start of a window at its end, then full windows.
      const most = max - 1 + max * Math.ceil(1_000 / duration);
      expect(most).toBeLessThanOrEqual(Math.max(1, ratePerSecond));
      expect((1_000 * max) / duration).toBeGreaterThan(0.9 * ratePerSecond);
    },
  );

  test('a Retry-After puts off the order, and never brings it forward', async () => {
    const { startWorker, enqueue, order, orderId } = setup({ schedule: { ...hurried } });
    gateway.say({ status: 429, headers: { 'retry-after': '1' } }, orderId);
    await startWorker();
    await enqueue(order);
    await gateway.arrived(orderId, 2);
    const [first = 0, second = 0] = gateway.arrivals(orderId);
    expect(second - first).toBeGreaterThanOrEqual(990);
  });
});
