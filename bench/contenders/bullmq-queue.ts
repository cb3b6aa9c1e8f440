import { type DefaultJobOptions, Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { type Load, orderIdOf, type Place } from './contender.ts';

/** What both BullMQ recipes have in common: one queue, one job an order, verdicts on a stream. */

export const queueName = 'orders';
const stream = 'results';
const perCall = 1_000;

/** Adds one job an order. */
export async function addJobs(place: Place, load: Load, options: DefaultJobOptions): Promise<void> {
  const connection = new Redis(place.storeUrl, { maxRetriesPerRequest: null });
  const queue = new Queue(queueName, { connection, streams: { events: { maxLen: 10 } } });
  for (let from = 0; from < load.orders; from += perCall) {
    const count = Math.min(perCall, load.orders - from);
    await queue.addBulk(
      Array.from({ length: count }, (_, nth) => {
        const orderId = orderIdOf(from + nth);
        return { name: 'poll', data: { orderId }, opts: { ...options, jobId: `o${orderId}` } };
      }),
    );
  }
  await queue.close();
  connection.disconnect();
}

export async function publish(redis: Redis, orderId: string, status: string, receipt: string): Promise<void> {
  await redis.xadd(stream, '*', 'orderId', orderId, 'status', status, 'receipt', receipt);
}

export async function countPublished({ storeUrl }: Place): Promise<number> {
  const redis = new Redis(storeUrl);
  const length = await redis.xlen(stream);
  redis.disconnect();
  return length;
}
