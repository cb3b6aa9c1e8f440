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

/** Asks for a poll now: on a callback, or because a person wants it. Durable when it returns. */
export async function pollNow(
  store: OrderStore,
  queue: PollQueue,
  orderId: string,
  minHintIntervalMs: number,
): Promise<PollNowResult> {
  const hinted = await store.hint(orderId, null, minHintIntervalMs);
  if (hinted.outcome !== 'promote') return hinted;
  await promote(queue, orderId, hinted.at, hinted.now ?? hinted.at);
  return { outcome: 'woken', at: hinted.at };
}

/** A worker that holds the job is looked for again after this long. */
const retryMs = 50;

/**
 * Brings an order's job forward to `at`; one that is due before then stays where it is.
 *
 * A job that is being worked on cannot be moved; its worker sees the hint when it settles, unless it has settled just
 * before. That gap is closed by a second, small job that brings the first one forward as soon as it is delayed again:
 * it survives a crash, and only the order's own job ever polls.
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

/** As `promote`, for an answer that was pushed to us: taking it in asks nobody, and does not count against the rate. */
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

/** The work of the second job: returns when it must be tried again, `null` when done. */
export async function promoteAgain(
  store: OrderStore,
  queue: PollQueue,
  job: Pick<Job<QueueJob>, 'data' | 'attemptsStarted'>,
  now: number,
): Promise<number | null> {
  const orderId = orderOfJob(job.data);
  const isAnswered = async () => (await store.inbox(orderId)).length > 0;
  if (await bringForward(queue, orderId, () => wantedAt(store, orderId, now), now, isAnswered)) return null;
  // Ever more seldom: a poll that hangs sees the hint when it settles.
  return now + retryMs * 2 ** Math.min(job.attemptsStarted, 6);
}

/**
 * When the record wants the order polled, `null` when it is closed. A hint counts while no poll has served it; the one that
 * the second job was made for may have been served meanwhile, and is then no reason for another poll.
 */
async function wantedAt(store: OrderStore, orderId: string, now: number): Promise<number | null> {
  const record = await store.read(orderId);
  if (record === null || record.nextPollAt === null) return null;
  if (record.hints <= record.hintsSeen) return record.nextPollAt;
  return Math.min(record.hintAt ?? now, record.nextPollAt);
}

/**
 * False only while a worker holds the job.
 *
 * @param wanted the time to bring it forward to, `null` for none. Asked once the job is seen delayed: a worker may have held
 *   it, and served the hint, just before
 * @param isAnswered whether an answer that was pushed to us waits for the job
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
      // Promoted, it is taken in turn with the jobs that are due, not behind all of them.
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

/** False when a worker took the job between our look and our move. */
async function moveToFront(queue: PollQueue, jobId: string, now: number): Promise<boolean> {
  const redis = (await queue.getBackend().client) as unknown as Redis;
  const keys = ['delayed', 'wait', 'prioritized', 'marker'].map((name) => queue.toKey(name));
  return (await promoteAnswerScript.run(redis, keys, [jobId, now])) === 1;
}

/** `due`: it was already. `gone`: a worker took the job between our look and our move. */
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
