import type { Job } from 'bullmq';
import type { OrderStore } from '../orders/order-store.ts';
import { isRefusal, jobData, jobIdOf, orderOfJob, type PollQueue, pollJob, type QueueJob } from './queue.ts';

/** What became of the wish to have an order polled now. */
export type Woken =
  /** It is polled at about `at`. */
  | { readonly outcome: 'woken'; readonly at: number }
  /** An earlier wish is still to be served. */
  | { readonly outcome: 'waiting' }
  | { readonly outcome: 'closed' | 'gone' };

/** Asks for a poll now: on a callback, or because a person wants it. Durable when it returns. */
export async function wakeOrder(
  store: OrderStore,
  queue: PollQueue,
  orderId: string,
  minHintIntervalMs: number,
): Promise<Woken> {
  const now = Date.now();
  const hinted = await store.hint(orderId, now, minHintIntervalMs);
  if (hinted.outcome !== 'wake') return hinted;
  await hasten(queue, orderId, hinted.at, now);
  return { outcome: 'woken', at: hinted.at };
}

/** A worker that holds the job is looked for again after this long. */
const retryMs = 50;

/**
 * Brings an order's job forward to `at`.
 *
 * A job that is being worked on cannot be moved; its worker sees the hint when it settles, unless it has settled just
 * before. That gap is closed by a second, small job that brings the first one forward as soon as it is delayed again:
 * it survives a crash, and only the order's own job ever polls.
 */
export async function hasten(queue: PollQueue, orderId: string, at: number, now: number): Promise<void> {
  if (await bringForward(queue, orderId, at, now)) return;
  await queue.add('wake', jobData(orderId), {
    jobId: `w~${jobIdOf(orderId)}`,
    delay: Math.max(retryMs, at - now),
  });
}

/** The work of the second job: returns when it must be tried again, `null` when done. */
export async function hastenAgain(
  store: OrderStore,
  queue: PollQueue,
  job: Pick<Job<QueueJob>, 'data' | 'attemptsStarted'>,
  now: number,
): Promise<number | null> {
  const orderId = orderOfJob(job.data);
  const wish = await unservedWish(store, orderId, now);
  // Served by the worker that held the job: bringing it forward now would be one poll more than was wished for.
  if (wish === null) return null;
  const isServed = async () => (await unservedWish(store, orderId, now)) === null;
  if (await bringForward(queue, orderId, wish, now, isServed)) return null;
  // Ever more seldom: a poll that hangs sees the wish when it settles.
  return now + retryMs * 2 ** Math.min(job.attemptsStarted, 6);
}

/**
 * The time of the wish that is left, not of the one that the second job was made for: that may have been served
 * meanwhile. A poll that is due before then serves it, and is not put off.
 */
async function unservedWish(store: OrderStore, orderId: string, now: number): Promise<number | null> {
  const record = await store.read(orderId);
  if (record === null || record.hints <= record.hintsSeen) return null;
  return Math.min(record.hintAt ?? now, record.nextPollAt ?? now);
}

/**
 * False only while a worker holds the job.
 *
 * @param isServed asked once the job is seen delayed: a worker may have held it, and served the wish, just before
 */
async function bringForward(
  queue: PollQueue,
  orderId: string,
  at: number,
  now: number,
  isServed?: () => Promise<boolean>,
): Promise<boolean> {
  const job = await queue.getJob(jobIdOf(orderId));
  if (job === undefined) {
    const lost = pollJob(orderId, at, now);
    await queue.add(lost.name, lost.data, lost.opts);
    return true;
  }
  switch (await job.getState()) {
    case 'active':
      return false;
    case 'delayed':
      if (await isServed?.()) return true;
      return moved(at <= now ? job.promote() : job.changeDelay(at - now));
    case 'failed':
      return moved(job.retry());
    case 'waiting':
    case 'waiting-children':
    case 'prioritized':
    case 'completed':
    case 'unknown':
      return true;
  }
}

/** False when a worker took the job, or it ended, between our look and our move. */
async function moved(move: Promise<void>): Promise<boolean> {
  try {
    await move;
    return true;
  } catch (error) {
    if (isRefusal(error)) return false;
    throw error;
  }
}
