import { DelayedError, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { createAsk } from './ask-gateway.ts';
import { addJobs, countPublished, publish, queueName } from './bullmq-queue.ts';
import type { Contender, Load, Place } from './contender.ts';
import { inWorkerProcess } from './in-worker-process.ts';

/** BullMQ as its documentation says to wait: the job is delayed again. No record, no evidence, no exactly-once. */
export const bullmqDelayed: Contender = {
  title: 'BullMQ, moveToDelayed + DelayedError',
  store: 'redis',
  concurrencies: [100, 200, 400, 800],
  settings: 'auto-pipelining, removeOnComplete, event stream of 10 entries, XADD of the final status',
  prepare: (place, load) => addJobs(place, load, { removeOnComplete: true }),
  worker: inWorkerProcess('bullmq-delayed'),
  published: countPublished,
};

export async function startWorker(place: Place, load: Load, concurrency: number) {
  const { ask, close } = createAsk(place.gatewayUrl, concurrency);
  const connection = new Redis(place.storeUrl, { maxRetriesPerRequest: null, enableAutoPipelining: true });
  const worker = new Worker(
    queueName,
    async (job, token) => {
      const { orderId } = job.data as { orderId: string };
      const { isFinal, status, receipt } = await ask(orderId);
      if (!isFinal) {
        await job.moveToDelayed(Date.now() + load.pollEveryMs, token);
        throw new DelayedError();
      }
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
