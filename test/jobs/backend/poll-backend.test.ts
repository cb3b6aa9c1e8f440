import { setTimeout as delay } from 'node:timers/promises';
import {
  createRedisBackend,
  DelayedError,
  type Job,
  type JobJson,
  Queue,
  type RedisQueueBackend,
  Worker,
} from 'bullmq';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createPollBackend } from '../../../src/jobs/backend/poll-backend.ts';
import { promoteAnswer } from '../../../src/jobs/poll-now.ts';
import { createPollQueue, jobIdOf, pollJob, pollJobOptions, type QueueJob } from '../../../src/jobs/queue.ts';
import { connectRedis } from '../../../src/redis/connection.ts';
import { createKeys } from '../../../src/redis/keys.ts';
import { createProxy } from '../../support/proxy.ts';
import { testPrefix, testRedis, testRedisUrl } from '../../support/redis.ts';
import { redisServer, startRestartableRedis } from '../../support/restartable-redis.ts';
import { until } from '../../support/waiting.ts';

// Our back end must leave Redis as BullMQ's own does: it is compared with that, call by call, so that a new version of
// BullMQ with other keys or codes fails here.

const shared = testRedis();
const redis = shared;
const unlimited = { max: 1_000_000, duration: 1_000 };
const lockDuration = 30_000;
type Kind = 'ours' | "BullMQ's";
const kinds: readonly Kind[] = ['ours', "BullMQ's"];

/** @param concurrency with one slot nothing is taken ahead */
function setup(limiter = unlimited, concurrency = 1, redis = shared) {
  const keys = createKeys(testPrefix());
  const options = { connection: redis, prefix: keys.queuePrefix('shop'), lockDuration, limiter };
  // Jobs as BullMQ itself adds them; how ours are added is compared in add-backend.test.ts.
  const queue = new Queue<QueueJob>('shop', { ...options, defaultJobOptions: pollJobOptions });
  onTestFinished(() => queue.close());
  const factories = {
    ours: createPollBackend(redis, { lockDuration, limiter, isTraced: false, concurrency }),
    "BullMQ's": createRedisBackend,
  };
  return {
    queue,
    pollQueue() {
      const own = createPollQueue(redis, keys, 'shop');
      onTestFinished(() => own.close());
      return own;
    },
    options,
    factories,
    key: (name: string) => queue.toKey(name),
    /** As a worker makes it. */
    backend(kind: Kind): RedisQueueBackend {
      const backend = factories[kind]('shop', options, { withBlockingConnection: true });
      backend.on('error', () => {});
      onTestFinished(() => backend.close(true));
      return backend;
    },
    async add(orderId: string, inMs: number): Promise<string> {
      const now = Date.now();
      const { name, data, opts } = pollJob(orderId, now + inMs, now);
      await queue.add(name, data, opts);
      return jobIdOf(orderId);
    },
    take,
    letGo,
    /** Everything that the queue keeps, but for its events and what holds a time. */
    async kept(): Promise<object> {
      const names = (await redis.keys(`${queue.toKey('')}*`)).map((name) =>
        name.slice(queue.toKey('').length),
      );
      const lasting = names.filter((name) => name !== 'events' && name !== 'marker').sort();
      const entries = lasting.map(async (name) => [name, await contents(queue.toKey(name))] as const);
      return Object.fromEntries(await Promise.all(entries));
    },
  };
}

/** What a slot of a worker does: it asks for a job, waits for a sign of one, and asks again. */
async function take(backend: RedisQueueBackend, token: string): Promise<JobJson | null> {
  const [job] = await backend.moveToActive(token);
  if (job) return job as JobJson;
  await backend.waitForJob(0.01);
  return (await backend.moveToActive(token))[0] as JobJson | null;
}

/** And when its job is to run again later: it lets the job go and asks for the next one. */
async function letGo(backend: RedisQueueBackend, jobId: string, token: string): Promise<JobJson | null> {
  await backend.moveToDelayed(jobId, Date.now(), 5_000, token, { skipAttempt: true });
  return (await backend.moveToActive(token))[0] as JobJson | null;
}

async function contents(name: string): Promise<unknown> {
  switch (await redis.type(name)) {
    case 'hash': {
      const { processedOn, delay, timestamp, opts, ...rest } = await redis.hgetall(name);
      return rest;
    }
    case 'list':
      return redis.lrange(name, 0, -1);
    case 'set':
      return (await redis.smembers(name)).sort();
    case 'zset':
      return redis.zrange(name, '0', '-1');
    default:
      return name.endsWith(':lock') ? 'held' : redis.get(name);
  }
}

/** What a call came to: its error as code and text, so that both kinds can be compared. */
async function outcomeOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return 'done';
  } catch (error) {
    return { code: (error as { code?: number }).code, message: (error as Error).message };
  }
}

describe('leaves the queue as BullMQ itself does', () => {
  async function both(
    steps: (parts: ReturnType<typeof setup>, backend: RedisQueueBackend) => Promise<unknown>,
    limiter = unlimited,
  ) {
    const results = [];
    for (const kind of kinds) {
      const parts = setup(limiter);
      const result = await steps(parts, parts.backend(kind));
      results.push({ result, kept: await parts.kept() });
    }
    expect(results[0]).toEqual(results[1]);
    return results[0] as { result: unknown; kept: { [name: string]: unknown } };
  }

  test('when a due job is taken', async () => {
    const { kept } = await both(async ({ add, take }, backend) => {
      await add('a:1', -5);
      const job = await take(backend, 'token');
      return { id: job?.id ?? jobIdOf('a:1'), name: job?.name, data: job?.data, ats: job?.attemptsStarted };
    });
    expect(kept.active).toEqual(['o~a~1']);
    expect(kept['o~a~1:lock']).toBe('held');
  });

  test('when a delayed job has become due', async () => {
    const { result } = await both(async ({ add, take, key }, backend) => {
      await add('a:1', 60_000);
      await redis.zadd(key('delayed'), String((Date.now() - 10) * 4_096), 'o~a~1');
      return (await take(backend, 'token'))?.data;
    });
    expect(result).toEqual(expect.stringContaining('a:1'));
  });

  test('when a job is delayed again', async () => {
    const { kept } = await both(async ({ add, take, letGo }, backend) => {
      await add('a:1', -5);
      await take(backend, 'token');
      await letGo(backend, 'o~a~1', 'token');
    });
    expect(kept).toMatchObject({ delayed: ['o~a~1'] });
    expect(kept).not.toHaveProperty('active');
    expect(kept).not.toHaveProperty('o~a~1:lock');
  });

  test('when a job is done', async () => {
    const { kept } = await both(async ({ add, take, queue }, backend) => {
      await add('a:1', -5);
      await take(backend, 'token');
      const job = { id: 'o~a~1', opts: { removeOnComplete: true }, queue } as unknown as Job<QueueJob>;
      const { result } = await backend.moveToCompleted(job, undefined, true, 'token', true);
      return (result as unknown[] | undefined)?.[0] ?? null;
    });
    expect(Object.keys(kept)).toEqual(['id', 'limiter', 'meta']);
  });

  test.each<[string, (parts: ReturnType<typeof setup>) => Promise<unknown>]>([
    ['whose lock another worker holds', ({ key }) => redis.set(key('o~a~1:lock'), 'other')],
    ['whose lock has run out', ({ key }) => redis.del(key('o~a~1:lock'))],
    ['that is in no list of active jobs', ({ key }) => redis.del(key('active'))],
  ])('when a job cannot be let go of %s', async (_, break_) => {
    const { result } = await both(async (parts, backend) => {
      await parts.add('a:1', -5);
      await parts.take(backend, 'token');
      await break_(parts);
      return outcomeOf(parts.letGo(backend, 'o~a~1', 'token'));
    });
    expect(result).toMatchObject({ code: expect.any(Number) });
  });

  test('when the queue is paused, or has as many active jobs as it may', async () => {
    await both(async ({ add, take, queue }, backend) => {
      await add('a:1', -5);
      await add('a:2', -5);
      await queue.pause();
      const paused = await take(backend, 'one');
      await queue.resume();
      await queue.setGlobalConcurrency(1);
      const first = await take(backend, 'two');
      return { paused, first: first?.data, beyond: await take(backend, 'three') };
    });
  });

  test('when the rate is used up', async () => {
    const { result } = await both(
      async ({ add, take, key }, backend) => {
        for (const nth of [1, 2, 3]) await add(`a:${nth}`, -5);
        const taken = [await take(backend, '1'), await take(backend, '2')].map((job) => job?.data);
        const [none, , limitedMs] = await backend.moveToActive('3');
        const counted = await redis.get(key('limiter'));
        return { taken, none, isLimited: limitedMs > 0 && limitedMs <= 60_000, counted };
      },
      { max: 2, duration: 60_000 },
    );
    expect(result).toMatchObject({ none: null, isLimited: true, counted: '2' });
  });
});

test.each<[string, (queue: Queue<QueueJob>) => Promise<unknown>]>([
  ['is paused', (queue) => queue.pause()],
  ['has as many active jobs as it may', (queue) => queue.setGlobalConcurrency(1)],
])('a queue that %s does not have its workers ask again and again because a job is due', async (_, close) => {
  const { add, take, backend, queue, key } = setup(unlimited, 2);
  const one = backend('ours');
  await add('a:1', -5);
  await take(one, 'token');
  await add('a:2', 60_000);
  await redis.zadd(key('delayed'), String((Date.now() - 10) * 4_096), 'o~a~2');
  await redis.del(key('marker'));
  await close(queue);
  await redis.del(key('marker'));
  const waiting = one.waitForJob(10).then(() => 'asks again');
  expect(await Promise.race([waiting, delay(150, 'waits')])).toBe('waits');
  await one.disconnectBlocking(false);
  await expect(waiting).rejects.toThrow('closed');
});

test('a job that somebody deleted while it was worked on: the same error, and nothing of it is left behind', async () => {
  const outcomes = [];
  for (const kind of kinds) {
    const { add, take, letGo, backend, key, kept } = setup();
    const one = backend(kind);
    await add('a:1', -5);
    await take(one, 'token');
    await redis.del(key('o~a~1'));
    outcomes.push(await outcomeOf(letGo(one, 'o~a~1', 'token')));
    if (kind === 'ours') expect(Object.keys(await kept())).toEqual(['id', 'limiter', 'meta']);
  }
  expect(outcomes[0]).toMatchObject({ code: -1 });
  expect(outcomes[0]).toEqual(outcomes[1]);
});

test('many slots at once: each gets a job of its own, each job one slot, and all can be let go at once', async () => {
  const { add, backend, take, letGo, kept } = setup(unlimited, 300);
  const orderIds = Array.from({ length: 250 }, (_, nth) => `many:${nth}`);
  await Promise.all(orderIds.map((orderId) => add(orderId, -5)));
  const ours = backend('ours');
  const jobs = [];
  for (let job = await take(ours, 'token:0'); job !== null; job = await take(ours, `token:${jobs.length}`)) {
    jobs.push(job);
  }
  expect(new Set(jobs.map(({ id }) => id)).size).toBe(250);
  expect(await Promise.all(jobs.map(({ id }, nth) => letGo(ours, id, `token:${nth}`)))).toEqual(
    jobs.map(() => null),
  );
  expect(Object.keys(await kept()).filter((name) => name.endsWith(':lock'))).toEqual([]);
});

test('jobs are taken ahead for free slots, but not for more than there are, and no worker takes all of a burst', async () => {
  const { add, backend, key, letGo } = setup(unlimited, 30);
  for (let nth = 0; nth < 60; nth++) await add(`burst:${nth}`, -5);
  const ours = backend('ours');
  await ours.waitForJob(1);
  expect(await redis.llen(key('active'))).toBe(25);
  const ids = [];
  for (let nth = 0; nth < 25; nth++) ids.push(((await ours.moveToActive(`token:${nth}`))[0] as JobJson).id);
  expect(new Set(ids).size).toBe(25);
  expect((await ours.moveToActive('token:25'))[0]).toBeNull();
  await ours.waitForJob(1);
  expect(await redis.llen(key('active'))).toBe(30);
  // Whoever becomes free gets what has been taken ahead.
  expect((await letGo(ours, ids[0] as string, 'token:0'))?.id).toMatch(/^o~burst~/);
  expect(await redis.llen(key('active'))).toBe(29);
});

test('a worker that closes gives back the jobs that it has taken ahead', async () => {
  const { add, backend, key, kept } = setup(unlimited, 10);
  for (let nth = 0; nth < 5; nth++) await add(`back:${nth}`, -5);
  const ours = backend('ours');
  await ours.waitForJob(1);
  expect(await redis.llen(key('active'))).toBe(5);
  await ours.close();
  expect(await redis.llen(key('active'))).toBe(0);
  expect(await redis.zcard(key('delayed'))).toBe(5);
  expect(Object.keys(await kept()).filter((name) => name.endsWith(':lock'))).toEqual([]);
});

test('a job that could not be released is reported, and the one taken in the same turn is not lost', async () => {
  const { add, backend, take, letGo, key } = setup();
  await add('lost', -5);
  const ours = backend('ours');
  await take(ours, 'token');
  await add('next', -5);
  await redis.set(key('o~lost:lock'), 'other');
  await expect(letGo(ours, 'o~lost', 'token')).rejects.toThrow('Lock mismatch');
  expect((await ours.moveToActive('token'))[0]).toMatchObject({ id: 'o~next' });
});

test('no more jobs are taken than there are slots, also while one of them changes its job', async () => {
  const { add, backend, take, key } = setup(unlimited, 2);
  for (let nth = 0; nth < 10; nth++) await add(`slots:${nth}`, -5);
  const ours = backend('ours');
  const [one, two] = [await take(ours, '1'), await take(ours, '2')];
  await ours.moveToCompleted({ id: two?.id } as Job<QueueJob>, undefined, true, '2', false);
  await Promise.all([
    ours.moveToDelayed(one?.id ?? '', Date.now(), 5_000, '1', { skipAttempt: true }),
    ours.waitForJob(0.1),
    ours.moveToActive('1'),
  ]);
  expect(await redis.llen(key('active'))).toBe(2);
});

test('a worker that begins to close gives back at once what it has taken ahead, or takes at that moment', async () => {
  const { add, backend, key } = setup(unlimited, 10);
  for (let nth = 0; nth < 5; nth++) await add(`closing:${nth}`, -5);
  const [one, other] = [backend('ours'), backend('ours')];
  await one.waitForJob(1);
  await one.disconnectBlocking(false);
  await until('all to be back', async () => (await redis.zcard(key('delayed'))) === 5);
  const taking = other.waitForJob(1);
  await other.disconnectBlocking(false);
  await taking;
  await until('all to be back again', async () => (await redis.zcard(key('delayed'))) === 5);
  expect((await other.moveToActive('token'))[0]).toBeNull();
});

test('a worker that closes gives back all, though another job could not be let go', async () => {
  const { add, backend, take, key } = setup(unlimited, 2);
  const ours = backend('ours');
  await add('lost', -5);
  await take(ours, 'token');
  await add('ahead', -5);
  await ours.waitForJob(1);
  await redis.del(key('o~lost:lock'));
  const told: string[] = [];
  ours.on('error', ({ message }: Error) => void told.push(message));
  await ours.moveToDelayed('o~lost', Date.now(), 5_000, 'token', { skipAttempt: true });
  await ours.close();
  expect(told).toEqual([expect.stringContaining('Missing lock')]);
  expect(await redis.lrange(key('active'), 0, -1)).toEqual(['o~lost']);
});

test('a turn whose reply is lost with its connection strands no job', async () => {
  const proxy = await createProxy(Number(new URL(testRedisUrl()).port));
  const own = connectRedis(`redis://127.0.0.1:${proxy.port}`, 'patient');
  onTestFinished(async () => {
    own.disconnect();
    await proxy.close();
  });
  const { add, backend, key, queue } = setup(unlimited, 40, own);
  // BullMQ prints lost connections that nobody listens to.
  queue.on('error', () => {});
  const ours = backend('ours');
  const active = () => shared.llen(key('active'));
  const taken: string[] = [];
  const takeAll = async () => {
    for (let job = await next(); job !== null; job = await next()) taken.push(job.id);
  };
  const next = async () => (await ours.moveToActive(`token:${taken.length}`))[0] as JobJson | null;
  for (let nth = 0; nth < 3; nth++) await add(`before:${nth}`, -5);
  await ours.waitForJob(1);
  await takeAll();
  for (let nth = 0; nth < 30; nth++) await add(`lost:${nth}`, -5);
  await proxy.turn('deaf');
  const turn = ours.waitForJob(0.01);
  await until('the turn to be taken', async () => (await active()) === 3 + 25);
  await proxy.turn('refuse');
  await proxy.turn('pass');
  await turn;
  await until('the stranded ones to be back', async () => (await active()) === 3 + 5);
  await takeAll();
  for (let round = 0; taken.length < 33 && round < 10; round++) {
    await ours.waitForJob(0.01);
    await takeAll();
  }
  expect(new Set(taken).size).toBe(33);
  expect(taken).toHaveLength(33);
});

test('a job is counted from its turn when BullMQ prolongs its lock', async () => {
  const { add, backend, take } = setup();
  await add('a:1', -5);
  const before = Date.now();
  expect((await take(backend('ours'), 'token'))?.processedOn).toBeGreaterThanOrEqual(before);
});

describe.skipIf(redisServer === undefined)('on a Redis of their own', () => {
  async function ownRedis() {
    const { url } = await startRestartableRedis();
    const own = connectRedis(url, 'patient');
    onTestFinished(() => own.disconnect());
    const parts = setup(unlimited, 1, own);
    return { ...parts, own };
  }

  /** It can be made to want a replica that it does not have. */
  async function refusing() {
    const parts = await ownRedis();
    const ours = parts.backend('ours');
    const told: string[] = [];
    ours.on('error', ({ message }: Error) => void told.push(message));
    const refuse = (replicas: 0 | 1) => parts.own.config('SET', 'min-replicas-to-write', String(replicas));
    return { ...parts, ours, told, refuse };
  }

  test('a sign that comes to a worker without a free slot goes on to another one', async () => {
    const { add, backend, take, key, own } = await ownRedis();
    const blocked = async (count: number) =>
      until('it to wait', async () => (await own.info('clients')).includes(`blocked_clients:${count}`));
    const [busy, free] = [backend('ours'), backend('ours')];
    await add('long', -5);
    expect((await take(busy, 'token'))?.id).toBe('o~long');
    await own.del(key('marker'));
    const first = free.waitForJob(10);
    await blocked(1);
    // The sign that is to end its read goes to the other one, which has been blocked for longer.
    await busy.waitForJob(0.05);
    await first;
    const second = free.waitForJob(10);
    await own.zadd(key('marker'), 0, '0');
    expect(await Promise.race([second.then(() => 'woken'), delay(5_000, 'asleep')])).toBe('woken');
  });

  test('a worker that Redis refuses a turn tells it and asks again', async () => {
    const { add, ours, told, refuse, take } = await refusing();
    await add('a:1', -5);
    await refuse(1);
    await ours.waitForJob(10);
    expect(told).toEqual([expect.stringContaining('NOREPLICAS')]);
    expect((await ours.moveToActive('token'))[0]).toBeNull();
    await refuse(0);
    expect((await take(ours, 'token'))?.id).toBe('o~a~1');
  });

  test('a job that Redis refuses to let go goes as soon as it may, and its slot gets the next one', async () => {
    const { add, ours, told, refuse, take, own, key } = await refusing();
    await add('a:1', -5);
    await take(ours, 'token');
    await add('a:2', -5);
    await refuse(1);
    await ours.moveToDelayed('o~a~1', Date.now(), 5_000, 'token', { skipAttempt: true });
    const next = ours.moveToActive('token');
    await until('the refusal to be told', () => told.length > 0);
    await refuse(0);
    await next;
    expect(await own.zscore(key('delayed'), 'o~a~1')).not.toBeNull();
    expect((await take(ours, 'token'))?.id).toBe('o~a~2');
  });
});

test("locks are prolonged with the worker's own token", async () => {
  const { add, backend, take, key } = setup();
  await add('a:1', -5);
  const ours = backend('ours');
  await take(ours, 'token');
  await redis.pexpire(key('o~a~1:lock'), 1_000);
  expect(await ours.extendLocks(['o~a~1'], ['token'], lockDuration)).toEqual([]);
  expect(await redis.pttl(key('o~a~1:lock'))).toBeGreaterThan(1_000);
  await redis.pexpire(key('o~a~1:lock'), 1_000);
  expect(await ours.extendLock('o~a~1', 'token', lockDuration)).toBe(1);
  expect(await redis.pttl(key('o~a~1:lock'))).toBeGreaterThan(1_000);
});

test('waiting jobs and due ones take turns, so that neither waits for all of the other', async () => {
  const { add, backend, take, key } = setup(unlimited, 20);
  for (let nth = 0; nth < 20; nth++) {
    await add(`waiting:${nth}`, -5);
    await add(`due:${nth}`, 60_000);
    await redis.zadd(key('delayed'), String((Date.now() - 10) * 4_096), jobIdOf(`due:${nth}`));
  }
  const ours = backend('ours');
  const first = [];
  for (let nth = 0; nth < 20; nth++) first.push(await take(ours, `token:${nth}`));
  expect(first.filter((job) => job?.id.startsWith('o~due'))).toHaveLength(10);
});

test('a job that only promotes another one does not count against the rate', async () => {
  const { queue, backend, take, key } = setup({ max: 1, duration: 60_000 });
  await queue.add('wake', { orderId: 'a' }, { jobId: 'w~o~a' });
  expect((await take(backend('ours'), 'token'))?.name).toBe('wake');
  expect(await redis.get(key('limiter'))).toBeNull();
});

test('a job that only takes in a pushed answer comes first, though the rate is used up, and counts against none', async () => {
  const { add, pollQueue, backend, take, key } = setup({ max: 1, duration: 60_000 }, 5);
  await add('due', -5);
  const ours = backend('ours');
  expect(await take(ours, '1')).toMatchObject({ id: jobIdOf('due'), name: 'poll' });
  expect(await redis.get(key('limiter'))).toBe('1');
  await add('waits too', -5);
  await add('waits', -5);
  await add('is delayed', 60_000);
  for (const id of ['waits', 'is delayed', 'has lost its job']) {
    await promoteAnswer(pollQueue(), id, Date.now());
    expect(await take(ours, id)).toMatchObject({ id: jobIdOf(id), name: 'answer' });
  }
  expect(await take(ours, 'one more')).toBeNull();
  expect(await redis.get(key('limiter'))).toBe('1');
});

test('a name without a job is dropped, and the next one is taken', async () => {
  const { add, backend, take, key } = setup(unlimited, 3);
  await redis.lpush(key('wait'), 'o~lost');
  await redis.zadd(key('delayed'), '4096', 'o~gone');
  await add('there', -5);
  const ours = backend('ours');
  const jobs = [await take(ours, '1'), await take(ours, '2'), await take(ours, '3')];
  expect(jobs.filter((job) => job !== null).map(({ id }) => id)).toEqual(['o~there']);
  expect(await redis.zcard(key('delayed'))).toBe(0);
  expect(await redis.lrange(key('active'), 0, -1)).toEqual(['o~there']);
});

test('workers of both kinds share a queue: every job runs as often as it wants, none twice at once', async () => {
  const { options, factories, queue, pollQueue } = setup(unlimited, 20);
  const rounds = 5;
  const runs = new Map<string, number>();
  const running = new Set<string>();
  let clashes = 0;
  const work = async (job: Job<QueueJob>, token?: string): Promise<void> => {
    const { orderId } = job.data;
    if (running.has(orderId)) clashes += 1;
    running.add(orderId);
    const count = (runs.get(orderId) ?? 0) + 1;
    runs.set(orderId, count);
    await redis.ping();
    running.delete(orderId);
    if (count === rounds) return;
    await job.moveToDelayed(Date.now() + 20, token);
    throw new DelayedError();
  };
  const workers = kinds.map(
    (kind) =>
      new Worker(
        'shop',
        work,
        { ...options, concurrency: 20, removeOnComplete: { count: 0 } },
        factories[kind],
      ),
  );
  const served = workers.map((worker) => {
    const ids = new Set<string>();
    worker.on('active', ({ id }) => void ids.add(id ?? ''));
    worker.on('error', (error) => expect.unreachable(error.message));
    return ids;
  });
  onTestFinished(async () => void (await Promise.all(workers.map((worker) => worker.close()))));
  const orderIds = Array.from({ length: 200 }, (_, nth) => `shared:${nth}`);
  const now = Date.now();
  await pollQueue().addBulk(orderIds.map((orderId, nth) => pollJob(orderId, now + (nth % 40), now)));
  await until('all runs', () => [...runs.values()].filter((count) => count === rounds).length === 200);
  await until(
    'an empty queue',
    async () => (await queue.count()) === 0 && (await queue.getActiveCount()) === 0,
  );
  expect([...runs.values()].every((count) => count === rounds)).toBe(true);
  expect(clashes).toBe(0);
  for (const ids of served) expect(ids.size).toBeGreaterThan(0);
});

test('a job that throws is tried again, whatever was thrown before it in its slot', async () => {
  const { options, factories, queue, pollQueue } = setup();
  const thrown: string[] = [];
  const work = async (job: Job<QueueJob>): Promise<void> => {
    thrown.push(job.data.orderId);
    throw new Error('a lost Redis');
  };
  const settings = { backoffStrategy: () => 60_000 };
  const worker = new Worker('shop', work, { ...options, settings, concurrency: 1 }, factories.ours);
  worker.on('error', (error) => expect.unreachable(error.message));
  onTestFinished(() => worker.close());
  const now = Date.now();
  const orderIds = ['thrown:1', 'thrown:2', 'thrown:3'];
  await pollQueue().addBulk(orderIds.map((orderId) => pollJob(orderId, now, now)));
  await until('all to have thrown', () => thrown.length === 3);
  await until('all to wait again', async () => (await queue.getDelayedCount()) === 3);
  expect(thrown.sort()).toEqual(orderIds);
  expect(await queue.getFailedCount()).toBe(0);
});

test('an idle worker starts a job that becomes due, though Redis ends blocking reads only once per tick', async () => {
  const { add, options, factories } = setup();
  const late: number[] = [];
  let dueAt = 0;
  const worker = new Worker(
    'shop',
    async () => void late.push(Date.now() - dueAt),
    { ...options, drainDelay: 60 },
    factories.ours,
  );
  onTestFinished(() => worker.close());
  await worker.waitUntilReady();
  for (let nth = 0; nth < 5; nth++) {
    dueAt = Date.now() + 150;
    await add(`idle:${nth}`, 150);
    await until('its start', () => late.length === nth + 1);
  }
  expect(Math.min(...late)).toBeGreaterThanOrEqual(-2);
});
