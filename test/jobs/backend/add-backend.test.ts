import { once } from 'node:events';
import { type Job, Queue, Worker } from 'bullmq';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createPollBackend } from '../../../src/jobs/backend/poll-backend.ts';
import {
  createPollQueue,
  jobData,
  jobIdOf,
  type PollQueue,
  pollJob,
  pollJobOptions,
  type QueueJob,
} from '../../../src/jobs/queue.ts';
import { awaitRedis, connectRedis, type Redis } from '../../../src/redis/connection.ts';
import { createKeys } from '../../../src/redis/keys.ts';
import { testPrefix, testRedis } from '../../support/redis.ts';
import { redisServer, startRestartableRedis } from '../../support/restartable-redis.ts';
import { until } from '../../support/waiting.ts';

// Our way of adding jobs must leave Redis as BullMQ's own does, but for what is listed here: a new version of BullMQ with
// other keys or fields fails here.

const shared = testRedis();
const lockDuration = 30_000;
const limiter = { max: 1_000_000, duration: 1_000 };

function setup(redis: Redis = shared, limits = { lockDuration, limiter, isTraced: false, concurrency: 1 }) {
  const keys = createKeys(testPrefix());
  const options = { connection: redis, prefix: keys.queuePrefix('shop') };
  const queue = createPollQueue(redis, keys, 'shop');
  const plain = new Queue<QueueJob>('shop', { ...options, defaultJobOptions: pollJobOptions });
  onTestFinished(async () => void (await Promise.all([queue.close(), plain.close()])));
  const factory = createPollBackend(redis, limits);
  const working = { ...options, lockDuration, limiter, maxStalledCount: 1_000, stalledInterval: 1 };
  const backend = factory('shop', working, { withBlockingConnection: true });
  backend.on('error', () => {});
  onTestFinished(() => backend.close(true));
  return {
    ...{ queue, plain: plain as unknown as PollQueue, backend, key: (name: string) => queue.toKey(name) },
    async take(token: string) {
      await backend.waitForJob(0.01);
      return (await backend.moveToActive(token))[0] as { id: string; opts: object } | null;
    },
    startWorker(work: (job: Job<QueueJob>) => Promise<void>) {
      const settings = { backoffStrategy: () => 10 };
      const worker = new Worker<QueueJob>(
        'shop',
        work,
        { ...options, lockDuration, limiter, settings, drainDelay: 60, removeOnComplete: { count: 0 } },
        factory,
      );
      worker.on('error', (error) => expect.unreachable(error.message));
      onTestFinished(() => worker.close());
      return worker;
    },
    /** Everything that the queue keeps. */
    async kept(): Promise<{ [name: string]: unknown }> {
      await Promise.all([queue.getVersion(), plain.getVersion()]);
      const names = (await redis.keys(`${queue.toKey('')}*`)).sort();
      const entries = names.map(
        async (name) => [name.slice(queue.toKey('').length), await contents(redis, name)] as const,
      );
      return Object.fromEntries(await Promise.all(entries));
    },
  };
}

async function contents(redis: Redis, name: string): Promise<unknown> {
  switch (await redis.type(name)) {
    case 'hash':
      return redis.hgetall(name);
    case 'list':
      return redis.lrange(name, 0, -1);
    case 'zset':
      return redis.zrange(name, '0', '-1', 'WITHSCORES');
    case 'stream':
      return 'a stream';
    default:
      return redis.get(name);
  }
}

const jobs = (orderIds: readonly string[], inMs: number) => {
  const now = Date.now();
  return orderIds.map((orderId) => pollJob(orderId, now + inMs, now));
};

describe('leaves the queue as BullMQ itself does', () => {
  test('but for the events, and what the queue says of every job', async () => {
    const timestamp = Date.now();
    const job = {
      name: 'poll' as const,
      data: jobData('a:1'),
      opts: { jobId: jobIdOf('a:1'), timestamp, delay: 5_000 },
    };
    const [ours, theirs] = [setup(), setup()];
    await ours.queue.addBulk([job]);
    await theirs.plain.addBulk([job]);
    const { meta: ourMeta, ...own } = await ours.kept();
    const { meta, id, events, 'o~a~1': fields, ...same } = await theirs.kept();
    const { opts, priority, ...sameFields } = fields as { [name: string]: string };
    expect(own).toEqual({ ...same, id, 'o~a~1': sameFields });
    expect([id, events, priority]).toEqual(['1', 'a stream', '0']);
    expect(JSON.parse(opts ?? '')).toEqual({ ...pollJobOptions, jobId: 'o~a~1', delay: 5_000, timestamp });
    expect(own).toEqual({
      delayed: ['o~a~1', String((timestamp + 5_000) * 4_096)],
      id: '1',
      marker: ['1', String(timestamp + 5_000)],
      'o~a~1': {
        ...{ name: 'poll', data: '{"orderId":"a:1"}' },
        ...{ timestamp: String(timestamp), delay: '5000' },
      },
    });
  });

  const later = async (queue: PollQueue) => {
    await queue.addBulk(jobs(['a:1'], 60_000));
    return (await queue.getJob('o~a~1')) as Job<QueueJob>;
  };
  const failed = async (queue: PollQueue, { take, backend, plain }: ReturnType<typeof setup>) => {
    await queue.addBulk(jobs(['a:1'], 60_000));
    await (await queue.getJob('o~a~1'))?.promote();
    await take('token');
    const job = { id: 'o~a~1', opts: { attempts: 1 }, queue: plain, attemptsMade: 0 } as unknown as Job;
    await backend.moveToFailed(job, 'a bug', false, 'token', false);
    return (await queue.getJob('o~a~1')) as Job<QueueJob>;
  };

  type Step = (queue: PollQueue, parts: ReturnType<typeof setup>) => Promise<unknown>;
  test.each<[string, Step]>([
    ['is looked for', async (queue) => [(await later(queue)).data, (await later(queue)).delay]],
    ['is asked where it is', async (queue) => (await later(queue)).getState()],
    ['is listed', async (queue) => [(await later(queue)).id, (await queue.getDelayed()).map(({ id }) => id)]],
    ['is promoted', async (queue) => (await later(queue)).promote()],
    ['is brought forward', async (queue) => (await later(queue)).changeDelay(30_000)],
    ['is removed', async (queue) => (await later(queue)).remove()],
    ['failed', async (queue, parts) => (await failed(queue, parts)).failedReason],
    ['failed and is tried again', async (queue, parts) => (await failed(queue, parts)).retry()],
    ['failed and is removed', async (queue, parts) => (await failed(queue, parts)).remove()],
    [
      'is left by a dead worker',
      async (queue, { take, backend, key }) => {
        await (await later(queue)).promote();
        await take('token');
        await backend.moveStalledJobsToWait();
        await shared.del(key('o~a~1:lock'), key('stalled-check'));
        return backend.moveStalledJobsToWait();
      },
    ],
  ])('when a job then %s', async (_, step) => {
    const [ours, theirs] = [setup(), setup()];
    const results = [await step(ours.queue, ours), await step(theirs.plain, theirs)];
    expect(results[0]).toEqual(results[1]);
    expect(timeless(await ours.kept())).toEqual(timeless(await theirs.kept()));
  });

  /** What is kept, without the differences of above and whatever holds a time. */
  function timeless({ meta, id, events, ...kept }: { [name: string]: unknown }) {
    const {
      'o~a~1': fields,
      delayed,
      marker,
      failed,
      'stalled-check': check,
      limiter: count,
      ...others
    } = kept;
    const { opts, priority, timestamp, delay, processedOn, finishedOn, ...rest } = (fields ?? {}) as {
      [name: string]: string;
    };
    const ids = [delayed, failed].map((list) =>
      (list as string[] | undefined)?.filter((_, n) => n % 2 === 0),
    );
    return { ...others, job: rest, isDelayed: Number(delay) > 0, ids };
  }
});

describe('a job that exists', () => {
  const places: [string, (parts: ReturnType<typeof setup>) => Promise<unknown>][] = [
    ['waits for its time', async () => {}],
    ['was promoted', async ({ queue }) => (await queue.getJob('o~a~1'))?.promote()],
    [
      'is held by a worker',
      async ({ take, queue }) => {
        await (await queue.getJob('o~a~1'))?.promote();
        expect((await take('token'))?.id).toBe('o~a~1');
      },
    ],
  ];
  test.each(places)('and %s is not added again: nothing changes', async (_, bring) => {
    const parts = setup();
    await parts.queue.addBulk(jobs(['a:1'], 60_000));
    await bring(parts);
    const before = await parts.kept();
    const [again] = await parts.queue.addBulk(jobs(['a:1'], 1_000));
    expect(again?.id).toBe('o~a~1');
    await parts.queue.add('poll', jobData('a:1'), { jobId: 'o~a~1' });
    expect(await parts.kept()).toEqual(before);
  });

  test('twice in one call is the first of them', async () => {
    const { queue, key } = setup();
    const [first] = jobs(['a:1'], 60_000);
    const [second] = jobs(['a:1'], 5_000);
    await queue.addBulk([first, second] as NonNullable<typeof first>[]);
    expect(await queue.getDelayedCount()).toBe(1);
    expect(await shared.hget(key('o~a~1'), 'delay')).toBe('60000');
  });
});

test('many at once, more than go into one script, are all there, each in its compact form', async () => {
  const { queue, key, take, backend } = setup();
  const orderIds = Array.from({ length: 501 }, (_, nth) => `0d9c7c5e-1f4e-4c1b-9a53-${1e11 + nth}`);
  const added = await queue.addBulk(jobs(orderIds, 0));
  expect(added.map(({ id }) => id)).toEqual(orderIds.map(jobIdOf));
  expect(await queue.getDelayedCount()).toBe(501);
  const [jobKey] = added.map(({ id }) => key(id ?? ''));
  const taken = await Promise.all(orderIds.map((_, nth) => take(`token:${nth}`)));
  expect(new Set(taken.map((job) => job?.id)).size).toBe(501);
  const at = taken.findIndex((job) => job?.id === added[0]?.id);
  await backend.moveToDelayed(added[0]?.id ?? '', Date.now(), 5_000, `token:${at}`, { skipAttempt: true });
  expect(await shared.object('ENCODING', jobKey ?? '')).toBe('listpack');
  expect(await shared.memory('USAGE', jobKey ?? '')).toBeLessThanOrEqual(320);
});

test('a job whose time is no number is due at once, and hinders none of those added with it', async () => {
  const { queue, key } = setup();
  await queue.addBulk([pollJob('broken', Number.NaN, Date.now()), ...jobs(['fine'], 5_000)]);
  expect(await queue.getDelayedCount()).toBe(2);
  expect(await shared.hget(key('o~broken'), 'delay')).toBe('0');
});

test('a job of another kind is added by BullMQ', async () => {
  const { queue, key } = setup();
  const urgent = await queue.add('poll', jobData('urgent'), { jobId: 'o~urgent', priority: 1 });
  const nameless = await queue.add('poll', jobData('nameless'));
  expect([await urgent.getState(), nameless.id]).toEqual(['prioritized', '2']);
  expect(JSON.parse((await shared.hget(key('o~urgent'), 'opts')) ?? '')).toMatchObject({ priority: 1 });
});

describe('a trace', () => {
  const telemetry = { metadata: '{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}' };

  test('is all that is stored of the options; a traced worker goes on with it and knows the others', async () => {
    const { queue, key, take } = setup(shared, { lockDuration, limiter, isTraced: true, concurrency: 1 });
    await queue.add('poll', jobData('a:1'), { jobId: 'o~a~1', telemetry });
    expect(await shared.hget(key('o~a~1'), 'opts')).toBe(JSON.stringify({ tm: telemetry.metadata }));
    expect((await queue.getJob('o~a~1'))?.opts.telemetry).toEqual(telemetry);
    expect((await take('token'))?.opts).toEqual({ ...pollJobOptions, telemetry });
  });

  test('a traced worker takes jobs without one, and those that store all of their options', async () => {
    const { queue, plain, take } = setup(shared, { lockDuration, limiter, isTraced: true, concurrency: 1 });
    await queue.add('poll', jobData('a:1'), { jobId: 'o~a~1' });
    expect((await take('token'))?.opts).toEqual(pollJobOptions);
    await plain.add('poll', jobData('a:2'), { jobId: 'o~a~2', telemetry, stackTraceLimit: 2 });
    expect((await take('other'))?.opts).toMatchObject({ ...pollJobOptions, telemetry, stackTraceLimit: 2 });
  });
});

describe('a worker that waits', () => {
  test('starts a job that is due at once, and one that comes before all others at its time', async () => {
    const { queue, startWorker } = setup();
    const starts = new Map<string, number>();
    const worker = startWorker(async ({ data }) => void starts.set(data.orderId, Date.now()));
    await worker.waitUntilReady();
    // So late that a worker that waits for it would exceed the limit of this test.
    await queue.addBulk(jobs(['last'], 600_000));
    await queue.addBulk(jobs(['now'], 0));
    await until('the one that is due', () => starts.has('now'));
    const now = Date.now();
    await queue.addBulk(jobs(['soon'], 500));
    await until('the one before all others', () => starts.has('soon'));
    expect((starts.get('soon') ?? 0) - now).toBeGreaterThanOrEqual(499);
    expect(starts.size).toBe(2);
  });

  test('at a paused queue takes nothing until it goes on', async () => {
    const { queue, startWorker } = setup();
    await queue.pause();
    const started: string[] = [];
    const worker = startWorker(async ({ data }) => void started.push(data.orderId));
    await worker.waitUntilReady();
    await queue.addBulk(jobs(['a', 'b'], 0));
    await until('its look', async () => (await shared.zcard(queue.toKey('marker'))) === 0);
    expect([started, await queue.getActiveCount()]).toEqual([[], 0]);
    await queue.resume();
    await until('both', () => started.length === 2);
  });

  test('tries a job that throws again, as often as it takes', async () => {
    const { queue, startWorker, kept } = setup();
    const attempts: number[] = [];
    startWorker(async (job) => {
      attempts.push(job.attemptsMade);
      if (attempts.length < 4) throw new Error('Redis was lost');
    });
    await queue.addBulk(jobs(['a:1'], 0));
    await until('its end', () => attempts.length === 4);
    expect(attempts).toEqual([0, 1, 2, 3]);
    await until('its removal', async () => !('o~a~1' in (await kept())));
    expect(await queue.getFailedCount()).toBe(0);
  });
});

describe.runIf(redisServer !== undefined)('what Redis refuses is told as Redis said it', () => {
  async function alone() {
    const server = await startRestartableRedis();
    const redis = connectRedis(server.url, 'patient');
    onTestFinished(() => redis.disconnect());
    return { redis, ...setup(redis) };
  }
  const errorOf = (work: Promise<unknown>) => work.then(() => null).catch((error: Error) => error);

  test('when it is full: nothing is half written', async () => {
    const { redis, queue, kept } = await alone();
    const before = await kept();
    await redis.config('SET', 'maxmemory', '1');
    expect((await errorOf(queue.addBulk(jobs(['a:1', 'a:2'], 0))))?.message).toMatch(/^OOM/);
    await redis.config('SET', 'maxmemory', '0');
    expect(await kept()).toEqual(before);
    await queue.addBulk(jobs(['a:1', 'a:2'], 0));
    expect(await queue.getDelayedCount()).toBe(2);
  });

  test('when it has become a replica: the connection looks for the master', async () => {
    const { redis, queue, kept } = await alone();
    await kept();
    await redis.call('REPLICAOF', '127.0.0.1', '1');
    const reconnected = once(redis, 'reconnecting');
    expect((await errorOf(queue.addBulk(jobs(['a:1'], 0))))?.message).toMatch(/^READONLY/);
    await reconnected;
    await awaitRedis(redis, 'redis', 40_000);
    await redis.call('REPLICAOF', 'NO', 'ONE');
    await queue.addBulk(jobs(['a:1'], 0));
    expect(await queue.getDelayedCount()).toBe(1);
  });
});
