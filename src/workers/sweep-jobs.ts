import { isRefusal, jobIdOf, orderIdOf, type PollQueue } from '../jobs/queue.ts';
import { type OrderState, readOrderStates } from '../orders/order-states.ts';
import { isForeign } from './damage.ts';
import { batchSize, headLimit, randomStart, type Sweep, walkLimit } from './sweep-parts.ts';

/**
 * A job; `undefined` where there is none. What is no job, but stands in the place of one, is removed: the order's record is
 * the truth, and its job could not be made again.
 */
export async function readJob({ redis, report }: Sweep, queue: PollQueue, jobId: string) {
  try {
    return await queue.getJob(jobId);
  } catch (error) {
    if (!isForeign(error)) throw error;
    report.note('job', jobId, 'not a job; removed');
    await redis.unlink(queue.toKey(jobId));
    return undefined;
  }
}

/** Has jobs that BullMQ gave up tried again. */
export async function retryFailed(parts: Sweep, account: string): Promise<void> {
  const { redis, report, mended } = parts;
  const queue = parts.queue(account);
  const failed = queue.toKey('failed');
  const start = randomStart(await redis.zcard(failed), headLimit);
  for (const jobId of await redis.zrange(failed, String(start), String(start + headLimit - 1))) {
    await report.tolerate('job', jobId, async () => {
      const job = await readJob(parts, queue, jobId);
      // A name without a job; its order is found by its record.
      if (job === undefined) await redis.zrem(failed, jobId);
      else if (await isDone(job.retry())) mended('failed-job', orderIdOf(jobId) ?? jobId);
    });
  }
}

/** The queue's delayed jobs, against their records: a bounded number per sweep, from a random place in the order of time. */
export async function walkJobs(parts: Sweep, account: string): Promise<void> {
  const { redis, keys, report } = parts;
  const queue = parts.queue(account);
  const count = await queue.getDelayedCount();
  const start = randomStart(count, walkLimit);
  for (let from = start; from < Math.min(count, start + walkLimit); from += batchSize) {
    const jobIds = await redis.zrange(queue.toKey('delayed'), String(from), String(from + batchSize - 1));
    const orderIds = jobIds.map(orderIdOf).filter((orderId) => orderId !== null);
    for (const state of await readOrderStates(redis, keys, orderIds)) {
      // A record that cannot be read is reported by the walk of open orders; its job is the last that leads to it.
      if (state.damage !== null) report.note('order', state.orderId, state.damage);
      else {
        await report.tolerate('job', `of order ${state.orderId}`, () => mendJob(parts, queue, state));
      }
    }
  }
}

async function mendJob(
  parts: Sweep,
  queue: PollQueue,
  { orderId, nextPollAt, phase, isOnOpen, isOnAsking }: OrderState,
): Promise<void> {
  if (nextPollAt === null) {
    const job = await readJob(parts, queue, jobIdOf(orderId));
    if (job !== undefined && (await isDone(job.remove()))) parts.mended('job-without-order', orderId);
  } else if (!isOnOpen || (phase === 'asking' && !isOnAsking)) {
    await parts.store.relist(orderId);
    parts.mended('missing-from-open', orderId);
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
