import type { Job } from 'bullmq';
import type { OrderStore } from '../orders/store.ts';
import type { Redis } from '../redis/connection.ts';
import { loadScript } from '../redis/script.ts';
import { isRefusal, jobData, jobIdOf, orderOfJob, type PollQueue, pollJob, type QueueJob } from './queue.ts';

const bringForwardScript = loadScript('bring-forward', import.meta.url);
const promoteAnswerScript = loadScript('promote-answer', import.meta.url);

/** Outcome of a poll request. */
export type PollNowResult =
  /** The order is polled at about `at`. */
  | { readonly outcome: 'woken'; readonly at: number }
  /** An earlier poll request is still pending. */
  | { readonly outcome: 'waiting' }
  | { readonly outcome: 'closed' | 'gone' };

/**
 * Requests a poll now, for a callback or a person. The request is durable when this returns.
 *
 * @param callback SHA-256 of the callback's body, hex, which is kept as evidence
 */
export async function pollNow(
  store: OrderStore,
  queue: PollQueue,
  orderId: string,
  minHintIntervalMs: number,
  callback?: string,
): Promise<PollNowResult> {
  const hinted = await store.hint(orderId, null, minHintIntervalMs, callback);
  if (hinted.outcome !== 'promote') return hinted;
  await promote(queue, orderId, hinted.at, hinted.now ?? hinted.at);
  return { outcome: 'woken', at: hinted.at };
}

/** First delay before retrying while a worker holds the job. */
const retryMs = 50;

/**
 * Promotes an order's job so that it is due at `at`; a job due earlier is left alone.
 *
 * An active job cannot be moved. Its worker sees the hint when it settles, unless it has just settled. To close that gap, a
 * second, durable job promotes the first one as soon as it is delayed again; only the order's own job ever polls.
 */
export async function promote(queue: PollQueue, orderId: string, at: number, now: number): Promise<void> {
  if (
    await bringForward(
      queue,
      orderId,
      async () => at,
      now,
      async () => false,
    )
  )
    return;
  await addPromoteJob(queue, orderId, at, now);
}

/** Promotes an order's job for a pushed answer. Processing it needs no request, so it does not count against the rate limit. */
export async function promoteAnswer(queue: PollQueue, orderId: string, now: number): Promise<void> {
  if (
    await bringForward(
      queue,
      orderId,
      async () => now,
      now,
      async () => true,
    )
  )
    return;
  await addPromoteJob(queue, orderId, now, now);
}

async function addPromoteJob(queue: PollQueue, orderId: string, at: number, now: number): Promise<void> {
  await queue.add('wake', jobData(orderId), {
    ...{ jobId: `w~${jobIdOf(orderId)}`, timestamp: now },
    delay: Math.max(retryMs, at - now),
  });
}

/** Processes the second job. Returns when to try again, `null` when done. */
export async function promoteAgain(
  store: OrderStore,
  queue: PollQueue,
  job: Pick<Job<QueueJob>, 'data' | 'attemptsStarted'>,
  now: number,
): Promise<number | null> {
  const orderId = orderOfJob(job.data);
  const isAnswered = async () => (await store.inbox(orderId)).length > 0;
  if (await bringForward(queue, orderId, () => dueAt(store, orderId, now), now, isAnswered)) return null;
  // Exponential backoff: the worker of a slow poll sees the hint anyway when it settles.
  return now + retryMs * 2 ** Math.min(job.attemptsStarted, 6);
}

/**
 * When the order is to be polled according to its record; `null` if it is closed. Hints count only while pending: the one that
 * the second job was added for may have been served meanwhile.
 */
async function dueAt(store: OrderStore, orderId: string, now: number): Promise<number | null> {
  const record = await store.read(orderId);
  if (record === null || record.nextPollAt === null) return null;
  if (record.hints <= record.hintsSeen) return record.nextPollAt;
  return Math.min(record.hintAt ?? now, record.nextPollAt);
}

/**
 * Brings an order's job forward, or adds it if it is missing. False only while a worker holds the job.
 *
 * @param wanted the time to bring it forward to, `null` for none. Called only after the job was seen delayed, because until
 *   then a worker may have served the hint
 * @param isAnswered whether a pushed answer waits for the job
 */
async function bringForward(
  queue: PollQueue,
  orderId: string,
  wanted: () => Promise<number | null>,
  now: number,
  isAnswered: () => Promise<boolean>,
): Promise<boolean> {
  const jobId = jobIdOf(orderId);
  const job = await queue.getJob(jobId);
  if (job === undefined) {
    const at = await wanted();
    if (at === null) return true;
    const lost = pollJob(orderId, at, now);
    await queue.add(lost.name, lost.data, lost.opts);
    if (await isAnswered()) await moveToFront(queue, jobId, now);
    return true;
  }
  switch (await job.getState()) {
    case 'active':
      return false;
    case 'delayed': {
      const at = await wanted();
      if (at === null) return true;
      if (await isAnswered()) return moveToFront(queue, jobId, now);
      const made = at <= now ? 'due' : await makeEarlier(queue, jobId, at, now);
      // BullMQ's promote puts the job into the wait list, so it is not queued behind all other due jobs.
      return made === 'due' ? moved(job.promote()) : made === 'earlier';
    }
    case 'failed':
      return moved(job.retry());
    case 'waiting':
      return !(await isAnswered()) || moveToFront(queue, jobId, now);
    case 'waiting-children':
    case 'prioritized':
    case 'completed':
    case 'unknown':
      return true;
  }
}

/** False if a worker fetched the job meanwhile. */
async function moveToFront(queue: PollQueue, jobId: string, now: number): Promise<boolean> {
  const redis = (await queue.getBackend().client) as unknown as Redis;
  const keys = ['delayed', 'wait', 'prioritized', 'marker'].map((name) => queue.toKey(name));
  return (await promoteAnswerScript.run(redis, keys, [jobId, now])) === 1;
}

/** `due`: the job was already due. `gone`: a worker fetched the job meanwhile. */
async function makeEarlier(
  queue: PollQueue,
  jobId: string,
  at: number,
  now: number,
): Promise<'earlier' | 'due' | 'gone'> {
  const redis = (await queue.getBackend().client) as unknown as Redis;
  const keys = [queue.toKey('delayed'), queue.toKey('marker'), queue.toKey(jobId)];
  const reply = await bringForwardScript.run(redis, keys, [jobId, at, now]);
  return reply === 2 ? 'due' : reply === 1 ? 'earlier' : 'gone';
}

/** False if the job was fetched or finished meanwhile. */
async function moved(move: Promise<void>): Promise<boolean> {
  try {
    await move;
    return true;
  } catch (error) {
    if (isRefusal(error)) return false;
    throw error;
  }
}
