import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { createAsk } from './ask-gateway.ts';
import { addJobs, countPublished, publish, queueName } from './bullmq-queue.ts';
import type { Contender, Load, Place } from './contender.ts';
import { inWorkerProcess } from './in-worker-process.ts';

/** BullMQ as it is mostly used for waiting: the job throws while the payment is pending, and is retried after a backoff. */
export const bullmqRetry: Contender = {
  title: 'BullMQ, throw to retry with backoff',
  store: 'redis',
  concurrencies: [100, 200, 400, 800],
  settings:
    'auto-pipelining, attempts without end, fixed backoff, removeOnComplete, event stream of 10 entries',
  prepare: (place, load) =>
    addJobs(place, load, {
      attempts: 1_000_000,
      backoff: { type: 'fixed', delay: load.pollEveryMs },
      removeOnComplete: true,
    }),
  worker: inWorkerProcess('bullmq-retry'),
  published: countPublished,
};

export async function startWorker(place: Place, _load: Load, concurrency: number) {
  const { ask, close } = createAsk(place.gatewayUrl, concurrency);
  const connection = new Redis(place.storeUrl, { maxRetriesPerRequest: null, enableAutoPipelining: true });
  const worker = new Worker(
    queueName,
    async (job) => {
      const { orderId } = job.data as { orderId: string };
      const { isFinal, status, receipt } = await ask(orderId);
      if (!isFinal) throw new Error('The payment is still pending.');
      await publish(connection, orderId, status, receipt);
    },
    { connection, concurrency },
  );
  worker.on('error', (error) => console.error(error));
  return {
    async close() {
      await worker.close();
      connection.disconnect();
      await close();
    },
  };
}
