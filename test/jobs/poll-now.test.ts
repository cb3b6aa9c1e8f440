import { Job, UnrecoverableError, Worker } from 'bullmq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Schedule } from '../../src/domain/order.ts';
import { pollNow, promote, promoteAgain } from '../../src/jobs/poll-now.ts';
import { jobIdOf, type PollQueue } from '../../src/jobs/queue.ts';
import type { OrderStore } from '../../src/orders/store.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { type HeldGateway, startHeldGateway } from '../support/service-gateway.ts';
import { setupParts } from '../support/service-parts.ts';
import { aHurriedOrder, seldom } from '../support/service-parts-of-account.ts';
import { until } from '../support/waiting.ts';

const redis = testRedis();
const minHintMs = 300;
let gateway: HeldGateway;
let orders = 0;

beforeAll(async () => {
  gateway = await startHeldGateway();
});
afterAll(() => gateway.close());

/** An order whose next scheduled poll is in a minute. */
function setup(schedule: Partial<Schedule> = {}) {
  orders += 1;
  const orderId = `wake:${orders}`;
  const { store, queue, enqueue, startWorker } = setupParts(redis, testPrefix(), gateway.url);
  const order = aHurriedOrder({ orderId, schedule: { ...seldom, ...schedule } });
  return {
    store,
    queue,
    enqueue,
    startWorker,
    orderId,
    order,
    wake: (through: OrderStore = store) => pollNow(through, queue, orderId, minHintMs),
    /** Resolves when only the next scheduled poll is left. */
    atRest: () =>
      until('the order at rest', async () => {
        const { wait = 0, active = 0, delayed = 0 } = await queue.getJobCounts('wait', 'active', 'delayed');
        const record = await store.read(orderId);
        return wait + active === 0 && delayed === 1 && record !== null && record.hints === record.hintsSeen;
      }),
  };
}

describe('a poll request', () => {
  test('while its job is delayed: it is polled at once', async () => {
    const { enqueue, startWorker, wake, order, orderId, atRest } = setup();
    await startWorker();
    await enqueue(order);
    await gateway.arrived(orderId, 1);
    await atRest();
    expect(await wake()).toMatchObject({ outcome: 'woken' });
    await gateway.arrived(orderId, 2);
    await atRest();
    expect(gateway.arrivals(orderId)).toHaveLength(2);
  });

  test('before its first poll: it is polled at once, and once', async () => {
    const { enqueue, startWorker, wake, order, orderId, atRest } = setup({ firstPollAfterMs: 50_000 });
    await startWorker();
    await enqueue(order);
    await wake();
    await gateway.arrived(orderId, 1);
    await atRest();
    expect(gateway.arrivals(orderId)).toHaveLength(1);
  });

  test('while its job waits for a worker: that poll serves it', async () => {
    const { enqueue, startWorker, wake, order, orderId, queue, atRest } = setup();
    await enqueue(order);
    await wake();
    expect(await (await queue.getJob(jobIdOf(orderId)))?.getState()).toBe('waiting');
    await startWorker();
    await gateway.arrived(orderId, 1);
    await atRest();
    expect(gateway.arrivals(orderId)).toHaveLength(1);
  });

  test('during a poll: it is polled once more right after, never concurrently', async () => {
    const { enqueue, startWorker, wake, order, orderId, atRest } = setup();
    gateway.hold(orderId);
    await startWorker();
    await enqueue(order);
    await gateway.arrived(orderId, 1);
    const woken = await Promise.all(Array.from({ length: 10 }, () => wake()));
    expect(woken.filter(({ outcome }) => outcome === 'woken').length).toBeGreaterThan(0);
    gateway.release(orderId);
    await gateway.arrived(orderId, 2);
    await atRest();
    // Ten requests: one poll now, perhaps one more after the least interval.
    expect(gateway.arrivals(orderId).length).toBeLessThanOrEqual(3);
    expect(gateway.maxAtOnce(orderId)).toBe(1);
  });

  test('one request during a poll leads to one more poll, not two', async () => {
    const { enqueue, startWorker, wake, order, orderId, atRest, queue } = setup();
    gateway.hold(orderId);
    await startWorker();
    await enqueue(order);
    await gateway.arrived(orderId, 1);
    await wake();
    gateway.release(orderId);
    await gateway.arrived(orderId, 2);
    await atRest();
    expect(await queue.getDelayedCount()).toBe(1);
    expect(gateway.arrivals(orderId)).toHaveLength(2);
  });

  test('between settling and delaying the job: it is not lost, and served once', async () => {
    const { enqueue, startWorker, wake, order, orderId, store, atRest } = setup();
    let hinted = 0;
    const inTheGap: OrderStore = {
      ...store,
      async settle(step) {
        const settled = await store.settle(step);
        hinted += 1;
        if (hinted === 1) await wake();
        return settled;
      },
    };
    await startWorker({ store: inTheGap });
    await enqueue(order);
    await gateway.arrived(orderId, 2);
    await atRest();
    expect(gateway.arrivals(orderId)).toHaveLength(2);
    expect(gateway.maxAtOnce(orderId)).toBe(1);
  });

  test('between settling and delaying of every poll: none is lost, none polls concurrently or too early', async () => {
    const { enqueue, startWorker, wake, order, orderId, store, atRest } = setup();
    const dueAt: number[] = [];
    const inTheGap: OrderStore = {
      ...store,
      async settle(step) {
        const settled = await store.settle(step);
        if (dueAt.length < 5) {
          await wake();
          dueAt.push((await store.read(orderId))?.hintAt ?? Number.NaN);
        }
        return settled;
      },
    };
    await startWorker({ store: inTheGap });
    await enqueue(order);
    await gateway.arrived(orderId, 6);
    await atRest();
    const times = gateway.arrivals(orderId);
    expect(times).toHaveLength(6);
    for (const [nth, due] of dueAt.entries()) {
      expect(times[nth + 1]).toBeGreaterThanOrEqual(due);
      if (nth > 0) expect(due - (dueAt[nth - 1] ?? 0)).toBeGreaterThanOrEqual(minHintMs);
    }
    expect(gateway.maxAtOnce(orderId)).toBe(1);
  });

  test('200 requests at once lead to at most one poll per least interval, and the last one is served', async () => {
    const { enqueue, startWorker, wake, order, orderId, store, atRest } = setup();
    await startWorker();
    await enqueue(order);
    await gateway.arrived(orderId, 1);
    const startedAt = Date.now();
    let last = 0;
    for (let n = 0; n < 200; n++) {
      last = Date.now();
      await wake();
    }
    await atRest();
    const [, ...byHint] = gateway.arrivals(orderId);
    const allowed = Math.ceil((Date.now() - startedAt) / minHintMs) + 1;
    expect(byHint.length).toBeLessThanOrEqual(allowed);
    expect(byHint.at(-1)).toBeGreaterThanOrEqual(last);
    expect((await store.read(orderId))?.hints).toBe(200);
  });

  test('after an early scheduled poll has served the one before: it does not wait for the schedule', async () => {
    const { enqueue, startWorker, wake, order, orderId, atRest, store } = setup();
    await startWorker();
    await enqueue(order);
    await gateway.arrived(orderId, 1);
    await atRest();
    await wake();
    await gateway.arrived(orderId, 2);
    await atRest();
    await wake(); // Scheduled for later, but served early by the poll below:
    const record = await store.read(orderId);
    if (record === null) throw new Error('The order is gone.');
    await store.settle({
      ...{ record, progress: record.progress, history: record.history, query: null, event: null },
      ...{ nextPollAt: Date.now() + 50_000, entry: null },
    });
    await wake();
    await gateway.arrived(orderId, 3);
  });

  test('for a lost job adds it again', async () => {
    const { enqueue, startWorker, wake, order, orderId, queue } = setup({ firstPollAfterMs: 50_000 });
    await enqueue(order);
    await queue.obliterate({ force: true });
    await startWorker();
    await wake();
    await gateway.arrived(orderId, 1);
  });

  test('for a failed job retries it', async () => {
    const { enqueue, startWorker, wake, order, orderId, queue } = setup();
    await enqueue(order);
    await failJob(queue, orderId);
    await startWorker();
    expect(gateway.arrivals(orderId)).toHaveLength(0);
    await wake();
    await gateway.arrived(orderId, 1);
  });

  test('for a job that a worker fetches and delays meanwhile is no error, and is not lost', async () => {
    const { enqueue, startWorker, order, orderId, queue, store } = setup({ firstPollAfterMs: 50_000 });
    await enqueue(order);
    const inBetween: PollQueue = Object.create(queue, {
      getJob: {
        value: async (id: string) => {
          const job = await queue.getJob(id);
          if (job !== undefined) job.promote = () => takenAndGivenBack(queue, job);
          return job;
        },
      },
    });
    expect(await pollNow(store, inBetween, orderId, minHintMs)).toMatchObject({ outcome: 'woken' });
    await startWorker();
    await gateway.arrived(orderId, 1);
  });

  test('for a closed or unknown order does nothing', async () => {
    const { enqueue, startWorker, wake, order, orderId, queue, store } = setup();
    expect(await wake()).toEqual({ outcome: 'gone' });
    gateway.say('paid', orderId);
    await startWorker();
    await enqueue(order);
    await until('the verdict', async () => (await store.read(orderId))?.progress.phase === 'closed');
    await until('an empty queue', async () => (await queue.count()) + (await queue.getActiveCount()) === 0);
    expect(await wake()).toEqual({ outcome: 'closed' });
    expect(await queue.getJobCountByTypes('wait', 'delayed', 'active', 'failed', 'completed')).toBe(0);
  });
});

describe('a poll request for an order whose poll hangs', () => {
  test('is retried with increasing delays', async () => {
    const { enqueue, startWorker, wake, order, orderId } = setup();
    gateway.hold(orderId);
    const worker = await startWorker();
    const looks: number[] = [];
    worker.on('active', (job) => {
      if (job.name === 'wake') looks.push(Date.now());
    });
    await enqueue(order);
    await gateway.arrived(orderId, 1);
    await wake();
    await until('five looks', () => looks.length >= 5);
    expect((looks[4] ?? 0) - (looks[3] ?? 0)).toBeGreaterThan(300);
    gateway.release(orderId);
    await gateway.arrived(orderId, 2);
  });
});

describe('promote', () => {
  test('on retry does not delay a poll that is due earlier', async () => {
    const { enqueue, orderId, queue, store } = setup();
    const schedule = { ...seldom, firstPollAfterMs: 20_000 };
    await enqueue(aHurriedOrder({ orderId, schedule }));
    const now = Date.now();
    await store.hint(orderId, now, 40_000);
    await store.hint(orderId, now + 1, 40_000);
    const due = async () => (await queue.getJob(jobIdOf(orderId)))?.delay;
    const looking = { data: { orderId }, attemptsStarted: 1 };
    expect(await promoteAgain(store, queue, looking, now)).toBeNull();
    expect(await due()).toBeLessThanOrEqual(20_000);
  });

  test('on retry leaves a job alone that was polled meanwhile', async () => {
    const { enqueue, orderId, queue, store } = setup();
    const schedule = { ...seldom, firstPollAfterMs: 20_000 };
    await enqueue(aHurriedOrder({ orderId, schedule }));
    const now = Date.now();
    await store.hint(orderId, now, minHintMs);
    const servedMeanwhile: PollQueue = Object.create(queue, {
      getJob: {
        value: async (id: string) => {
          const record = await store.read(orderId);
          if (record === null) throw new Error('The order is gone.');
          const { progress, history } = record;
          const step = { record, progress, history, query: null, event: null, entry: null };
          await store.settle({ ...step, nextPollAt: now + 20_000 });
          return queue.getJob(id);
        },
      },
    });
    const looking = { data: { orderId }, attemptsStarted: 1 };
    expect(await promoteAgain(store, servedMeanwhile, looking, now)).toBeNull();
    expect(await (await queue.getJob(jobIdOf(orderId)))?.getState()).toBe('delayed');
  });

  test('to a later time leaves a waiting job alone', async () => {
    const { enqueue, order, orderId, queue } = setup();
    await enqueue(order);
    await until('a waiting job', async () => {
      const job = await queue.getJob(jobIdOf(orderId));
      if ((await job?.getState()) === 'delayed') await job?.promote();
      return (await job?.getState()) === 'waiting';
    });
    await promote(queue, orderId, Date.now() + 5_000, Date.now());
    expect(await (await queue.getJob(jobIdOf(orderId)))?.getState()).toBe('waiting');
  });
});

/** Fetches the job as a worker would, and fails it for good. */
async function failJob(queue: PollQueue, orderId: string): Promise<void> {
  const { worker, job } = await take(queue, orderId);
  await job.moveToFailed(new UnrecoverableError('A bug.'), 'a-token');
  await worker.close();
}

/** A worker fetches the job just before it is moved, and has delayed it again by the retry. */
async function takenAndGivenBack(queue: PollQueue, job: Job): Promise<void> {
  const promote = Job.prototype.promote.bind(job);
  await promote();
  const { worker, job: taken } = await take(queue, job.data.orderId);
  try {
    await promote();
  } finally {
    await taken.moveToDelayed(Date.now() + 50_000, 'a-token');
    await worker.close();
  }
}

async function take(queue: PollQueue, orderId: string) {
  const worker = new Worker(queue.name, null, { connection: redis, prefix: queue.opts.prefix ?? '' });
  const job = await until('the job', () => worker.getNextJob('a-token', { block: false }));
  expect(job.data.orderId).toBe(orderId);
  return { worker, job };
}
