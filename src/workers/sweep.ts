import { isRefusal, jobIdOf, orderIdOf, type PollQueue, pollJob } from '../jobs/queue.ts';
import { hasten } from '../jobs/wake.ts';
import { readBreaker } from '../orders/account-gate.ts';
import type { Keys } from '../orders/keys.ts';
import type { OrderStore } from '../orders/order-store.ts';
import { readStandings, type Standing } from '../orders/standings.ts';
import { walkUnresolved } from '../orders/unresolved.ts';
import type { Redis } from '../redis.ts';
import { trimResults } from '../results/trim-results.ts';
import { createJobPlaces, type JobPlace, type JobPlaces } from './job-places.ts';

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
  /** A job that is due long after its record's next poll: brought forward to it. */
  'late-job',
] as const;
export type SweepKind = (typeof sweepKinds)[number];

export interface SweepParts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly accounts: readonly string[];
  readonly store: OrderStore;
  queue(account: string): PollQueue;
  readonly intervalMs: number;
  readonly resultsRetentionMs: number;
  /** How long a closed order is kept. */
  readonly retentionMs: number;
  mended(kind: SweepKind, orderId: string): void;
}

/** Orders looked at per sweep besides those that are overdue; with more open orders, the next sweep goes on. */
const walkLimit = 20_000;
/** Failed jobs, and the oldest orders without a verdict, looked at per sweep. */
const headLimit = 500;
/** A job may be due so long after its record's next poll: an error is tried again within this time. */
const lateLimitMs = 30_000;
/** A query whose answer is to be pushed to us holds its order's job for so long at most. */
const queryLimitMs = 3_600_000;
/** Orders looked at by one script, which other clients of Redis wait for. */
const batchSize = 250;

/** What one sweep works with besides: the places of the jobs of each account. */
interface Sweep extends SweepParts {
  readonly places: ReadonlyMap<string, JobPlaces>;
  /** Accounts that are left alone at present: their wishes wait, and are not forgotten. */
  readonly resting: ReadonlySet<string>;
}

/** Compares open orders with the queues once, and mends what is missing. */
export async function sweep(parts: SweepParts): Promise<void> {
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
  await walkUnresolved(parts.redis, parts.keys, Date.now(), Date.now() - parts.retentionMs);
}

async function restingAccounts({ redis, keys, accounts }: SweepParts): Promise<Set<string>> {
  const now = Date.now();
  const breakers = await Promise.all(accounts.map((id) => readBreaker(redis, keys, id, now)));
  return new Set(accounts.filter((_, index) => breakers[index]?.state !== 'closed'));
}

/** Overdue orders are looked at in every sweep, the most overdue first. */
async function mendOverdue(parts: Sweep): Promise<void> {
  const { redis, keys, intervalMs } = parts;
  const before = String(Date.now() - intervalMs);
  const overdue = await redis.zrange(keys.open, '-inf', before, 'BYSCORE', 'LIMIT', 0, walkLimit);
  for (const batch of batchesOf(overdue)) await mendOrders(parts, batch);
}

/**
 * The oldest of the orders without a verdict: one that is none any more would be shown as the oldest for ever, and to one
 * that has lost both its place among the open ones and its job nothing else leads.
 */
async function mendAsking({ redis, keys, store, mended }: SweepParts): Promise<void> {
  const oldest = await redis.zrange(keys.asking, '0', String(headLimit - 1));
  for (const batch of batchesOf(oldest)) {
    for (const { orderId, phase, nextPollAt, isOnOpen } of await readStandings(redis, keys, batch)) {
      const isLost = nextPollAt !== null && !isOnOpen;
      if (phase === 'asking' && !isLost) continue;
      await store.relist(orderId);
      if (isLost) mended('missing-from-open', orderId);
    }
  }
}

function* batchesOf(orderIds: readonly string[]): Iterable<readonly string[]> {
  for (let from = 0; from < orderIds.length; from += batchSize) yield orderIds.slice(from, from + batchSize);
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
  const standings = await readStandings(parts.redis, parts.keys, orderIds);
  for (const { account, nextPollAt, orderId } of standings) {
    if (account === null || nextPollAt === null) await parts.store.relist(orderId);
  }
  for (const [account, places] of parts.places) {
    const open = standings.filter((standing) => standing.account === account && standing.nextPollAt !== null);
    const found = await places.placesOf(open.map(({ orderId }) => orderId));
    for (const [nth, standing] of open.entries()) await mendOrder(parts, account, standing, found[nth]);
  }
}

async function mendOrder(
  parts: Sweep,
  account: string,
  standing: Standing,
  place: JobPlace | undefined,
): Promise<void> {
  if (place === 'waiting') return;
  const { redis, keys } = parts;
  const { orderId, nextPollAt } = standing;
  const queue = parts.queue(account);
  const now = Date.now();
  if (typeof place === 'object') {
    if (!parts.resting.has(account)) await mendDelayed(parts, queue, standing, place.dueAt, now);
    return;
  }
  const job = await queue.getJob(jobIdOf(orderId));
  const state = job === undefined ? 'missing' : await job.getState();
  if (state !== 'missing' && state !== 'unknown' && state !== 'completed') return;
  // Its last poll may have ended between our two looks: then the record has moved, and nothing is wrong.
  const [again] = await readStandings(redis, keys, [orderId]);
  if (nextPollAt === null || again?.nextPollAt !== nextPollAt) return;
  // A job in no list blocks its own id: BullMQ takes a second one for a repetition.
  await job?.remove();
  const lost = pollJob(orderId, nextPollAt, now);
  await queue.add(lost.name, lost.data, lost.opts);
  parts.mended('record-without-job', orderId);
}

/** Brings a delayed job forward that is due later than its order wants to be polled. */
async function mendDelayed(
  parts: Sweep,
  queue: PollQueue,
  { orderId, nextPollAt, wishAt }: Standing,
  dueAt: number,
  now: number,
): Promise<void> {
  if (wishAt !== null && wishAt < now - parts.intervalMs) {
    await hasten(queue, orderId, now, now);
    parts.mended('forgotten-wish', orderId);
    return;
  }
  if (nextPollAt === null || dueAt <= Math.max(nextPollAt, now) + lateLimitMs) return;
  // Read after we saw the job: its worker may have moved both between our two looks.
  const record = await parts.store.read(orderId);
  if (record?.nextPollAt !== nextPollAt) return;
  if (record.query !== null && dueAt <= record.query.sentAt + queryLimitMs) return;
  await hasten(queue, orderId, nextPollAt, now);
  parts.mended('late-job', orderId);
}

async function retryFailed(parts: SweepParts, account: string): Promise<void> {
  for (const job of await parts.queue(account).getFailed(0, headLimit - 1)) {
    if (await isDone(job.retry())) parts.mended('failed-job', job.data.orderId);
  }
}

/** The queue's delayed jobs, against their records: a bounded number per sweep, from a random place in the order of time. */
async function walkJobs(parts: SweepParts, account: string): Promise<void> {
  const { redis, keys } = parts;
  const queue = parts.queue(account);
  const count = await queue.getDelayedCount();
  const start = count <= walkLimit ? 0 : Math.floor(Math.random() * (count - walkLimit));
  for (let from = start; from < Math.min(count, start + walkLimit); from += batchSize) {
    const jobIds = await redis.zrange(queue.toKey('delayed'), String(from), String(from + batchSize - 1));
    const orderIds = jobIds.map(orderIdOf).filter((orderId) => orderId !== null);
    for (const standing of await readStandings(redis, keys, orderIds)) await mendJob(parts, queue, standing);
  }
}

async function mendJob(
  { store, mended }: SweepParts,
  queue: PollQueue,
  { orderId, nextPollAt, phase, isOnOpen, isOnAsking }: Standing,
): Promise<void> {
  if (nextPollAt === null) {
    const job = await queue.getJob(jobIdOf(orderId));
    if (job !== undefined && (await isDone(job.remove()))) mended('job-without-order', orderId);
  } else if (!isOnOpen || (phase === 'asking' && !isOnAsking)) {
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
