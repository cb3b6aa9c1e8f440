import { type Job, Queue, Worker } from 'bullmq';
import { isRefusal, jobIdOf, orderIdOf, type PollQueue, pollJob } from '../jobs/queue.ts';
import { hasten } from '../jobs/wake.ts';
import { readBreaker } from '../orders/account-gate.ts';
import type { Keys } from '../orders/keys.ts';
import type { OrderStore } from '../orders/order-store.ts';
import { forgetUnresolved } from '../orders/statistics.ts';
import type { Redis } from '../redis.ts';
import { trimResults } from '../results/trim-results.ts';
import { createJobPlaces, type JobPlaces } from './job-places.ts';

/** What the sweeper mends. */
export const sweepKinds = [
  /** An open order that no job would ask about: its job is made again. */
  'record-without-job',
  /** A job whose order is unknown or closed: removed. */
  'job-without-order',
  /** A job that BullMQ gave up: tried again. */
  'failed-job',
  /** An open order missing from a list of open orders: put back. */
  'missing-from-open',
  /** Somebody wanted a poll, or pushed an answer, and died before the job was brought forward: it is now. */
  'forgotten-wish',
] as const;
export type SweepKind = (typeof sweepKinds)[number];

export interface SweeperParts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly accounts: readonly string[];
  readonly store: OrderStore;
  queue(account: string): PollQueue;
  readonly intervalMs: number;
  readonly resultsRetentionMs: number;
  /** How long a closed order is kept. */
  readonly retentionMs: number;
  /**
   * As of the poll workers: a sweep whose process died blocks the next one for about this long. With BullMQ's defaults
   * nothing would be mended for up to 90 s.
   */
  readonly lockDurationMs?: number;
  readonly stalledIntervalMs?: number;
  mended(kind: SweepKind, orderId: string): void;
  failed(error: Error): void;
}

/** Orders looked at per sweep besides those that are overdue; with more open orders, the next sweep goes on. */
const walkLimit = 20_000;
const batchSize = 500;

export interface Sweeper {
  close(force?: boolean): Promise<void>;
}

/**
 * Compares the open orders with the queues and mends what is missing, however old. A job scheduler runs it, one at a
 * time whatever the number of processes.
 */
export async function startSweeper(parts: SweeperParts): Promise<Sweeper> {
  const { redis, keys, intervalMs } = parts;
  const options = { connection: redis, prefix: keys.queuePrefix('sweeper') };
  const queue = new Queue('sweeper', { ...options, streams: { events: { maxLen: 10 } } });
  queue.on('error', parts.failed);
  const schedule = async () => {
    await queue.setGlobalConcurrency(1);
    await queue.upsertJobScheduler(
      'sweep',
      { every: intervalMs },
      { name: 'sweep', opts: { removeOnComplete: true, removeOnFail: { count: 10 }, attempts: 1 } },
    );
  };
  await schedule();
  // Somebody may delete the sweeper's own queue by hand.
  const renewal = setInterval(() => void schedule().catch(parts.failed), 10 * intervalMs);
  const { lockDurationMs, stalledIntervalMs } = parts;
  const worker = new Worker('sweeper', () => sweep(parts), {
    ...options,
    ...(lockDurationMs === undefined ? {} : { lockDuration: lockDurationMs }),
    ...(stalledIntervalMs === undefined ? {} : { stalledInterval: stalledIntervalMs }),
    maxStalledCount: 1_000_000,
  });
  worker.on('error', parts.failed);
  worker.on('failed', (_job, error) => parts.failed(error));
  return {
    async close(force = false) {
      clearInterval(renewal);
      await worker.close(force);
      await queue.close();
    },
  };
}

/** What one sweep works with besides: the places of the jobs of each account. */
interface Sweep extends SweeperParts {
  readonly places: ReadonlyMap<string, JobPlaces>;
  /** Accounts that are left alone at present: their wishes wait, and are not forgotten. */
  readonly resting: ReadonlySet<string>;
}

/** One sweep. */
export async function sweep(parts: SweeperParts): Promise<void> {
  const looks = parts.accounts.map((id) => [id, createJobPlaces(parts.redis, parts.queue(id))] as const);
  const resting = await restingAccounts(parts);
  const thisSweep: Sweep = { ...parts, places: new Map(looks), resting };
  await mendOverdue(thisSweep);
  await walkOpen(thisSweep);
  await mendAsking(parts);
  for (const account of parts.accounts) {
    await retryFailed(parts, account);
    await walkJobs(parts, account);
  }
  await trimResults(parts.redis, parts.keys.results, Date.now() - parts.resultsRetentionMs);
  await forgetUnresolved(parts.redis, parts.keys, Date.now() - parts.retentionMs);
}

async function restingAccounts({ redis, keys, accounts }: SweeperParts): Promise<Set<string>> {
  const now = Date.now();
  const breakers = await Promise.all(accounts.map((id) => readBreaker(redis, keys, id, now)));
  return new Set(accounts.filter((_, index) => breakers[index]?.state !== 'closed'));
}

/** Overdue orders are looked at in every sweep, the most overdue first. */
async function mendOverdue(parts: Sweep): Promise<void> {
  const { redis, keys, intervalMs } = parts;
  const before = String(Date.now() - intervalMs);
  const overdue = await redis.zrange(keys.open, '-inf', before, 'BYSCORE', 'LIMIT', 0, walkLimit);
  for (let start = 0; start < overdue.length; start += batchSize) {
    await mendOrders(parts, overdue.slice(start, start + batchSize));
  }
}

/** The oldest of the orders without a verdict: one that is none any more would be shown as the oldest for ever. */
async function mendAsking({ redis, keys, store }: SweeperParts): Promise<void> {
  const oldest = await redis.zrange(keys.asking, '0', String(batchSize - 1));
  await Promise.all(
    oldest.map(async (orderId) => {
      if ((await redis.hget(keys.order(orderId), 'phase')) !== 'asking') await store.relist(orderId);
    }),
  );
}

/** All other open orders, a bounded number per sweep. */
async function walkOpen(parts: Sweep): Promise<void> {
  const { redis, keys } = parts;
  let cursor = (await redis.get(keys.sweepCursor)) ?? '0';
  for (let seen = 0; seen < walkLimit; seen += batchSize) {
    const [next, entries] = await redis.zscan(keys.open, cursor, 'COUNT', batchSize);
    await mendOrders(
      parts,
      entries.filter((_, index) => index % 2 === 0),
    );
    cursor = next;
    if (cursor === '0') break;
  }
  await redis.set(keys.sweepCursor, cursor);
}

/** Makes sure that each of these orders has a job, and is open at all. */
async function mendOrders(parts: Sweep, orderIds: readonly string[]): Promise<void> {
  await Promise.all(orderIds.map((orderId) => mendOrder(parts, orderId)));
}

async function mendOrder(
  { redis, keys, store, places, resting, ...parts }: Sweep,
  orderId: string,
): Promise<void> {
  const [account, nextPollAt, hints, hintsSeen, hintAt] = await redis.hmget(
    keys.order(orderId),
    ...['account', 'nextPollAt', 'hints', 'hintsSeen', 'hintAt'],
  );
  if (account == null || nextPollAt === '') {
    await store.relist(orderId);
    return;
  }
  const place = await places.get(account)?.placeOf(orderId);
  if (place === undefined || place === 'waiting') return;
  const queue = parts.queue(account);
  const now = Date.now();
  if (place === 'delayed') {
    const isForgotten =
      Number(hints ?? 0) > Number(hintsSeen ?? 0) && Number(hintAt) < now - parts.intervalMs;
    if (!isForgotten || resting.has(account)) return;
    await hasten(queue, orderId, now, now);
    parts.mended('forgotten-wish', orderId);
    return;
  }
  const job = await queue.getJob(jobIdOf(orderId));
  const state = job === undefined ? 'missing' : await job.getState();
  if (state !== 'missing' && state !== 'unknown' && state !== 'completed') return;
  // Its last poll may have ended between our two looks: then the record has moved, and nothing is wrong.
  if ((await redis.hget(keys.order(orderId), 'nextPollAt')) !== nextPollAt) return;
  // A job in no list blocks its own id: BullMQ takes a second one for a repetition.
  await job?.remove();
  const lost = pollJob(orderId, Number(nextPollAt), now);
  await queue.add(lost.name, lost.data, lost.opts);
  parts.mended('record-without-job', orderId);
}

async function retryFailed(parts: SweeperParts, account: string): Promise<void> {
  for (const job of await parts.queue(account).getFailed(0, batchSize - 1)) {
    if (await isDone(job.retry())) parts.mended('failed-job', job.data.orderId);
  }
}

/** The queue's delayed jobs, against their records: a bounded number per sweep, from a random place in the order of time. */
async function walkJobs(parts: SweeperParts, account: string): Promise<void> {
  const queue = parts.queue(account);
  const count = await queue.getDelayedCount();
  const start = count <= walkLimit ? 0 : Math.floor(Math.random() * (count - walkLimit));
  for (let from = start; from < Math.min(count, start + walkLimit); from += batchSize) {
    const jobs = await queue.getDelayed(from, from + batchSize - 1);
    await Promise.all(jobs.map((job) => mendJob(parts, job)));
  }
}

async function mendJob({ redis, keys, store, mended }: SweeperParts, job: Job): Promise<void> {
  const orderId = orderIdOf(job.id ?? '');
  if (orderId === null) return;
  const [[nextPollAt, phase], openScore, askingScore] = await Promise.all([
    redis.hmget(keys.order(orderId), 'nextPollAt', 'phase'),
    redis.zscore(keys.open, orderId),
    redis.zscore(keys.asking, orderId),
  ]);
  if (nextPollAt == null || nextPollAt === '') {
    if (await isDone(job.remove())) mended('job-without-order', orderId);
  } else if (openScore === null || (phase === 'asking' && askingScore === null)) {
    await store.relist(orderId);
    mended('missing-from-open', orderId);
  }
}

/** False when the job is no longer what we saw: a worker, or another process, was quicker. The sweep goes on. */
async function isDone(change: Promise<void>): Promise<boolean> {
  try {
    await change;
    return true;
  } catch (error) {
    if (error instanceof Error && (/locked by another worker/.test(error.message) || isRefusal(error))) {
      return false;
    }
    throw error;
  }
}
