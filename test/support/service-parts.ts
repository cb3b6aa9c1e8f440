import { onTestFinished } from 'vitest';
import type { Order } from '../../src/domain/order.ts';
import { enqueueOrders } from '../../src/jobs/enqueue.ts';
import { paymentsWithin } from '../../src/orders/ownership.ts';
import type { Redis } from '../../src/redis/connection.ts';
import { createPollWorker, type PollWorkerParts } from '../../src/workers/poll-worker.ts';
import { buildParts, eventsOf, keepingObserver } from './service-parts-of-account.ts';

/** Parts for one test, closed at its end. */
export function setupParts(redis: Redis, prefix: string, gatewayUrl: string) {
  const kept = keepingObserver();
  const { parts, transport } = buildParts(redis, prefix, gatewayUrl, kept.observer);
  const { keys, store, queue } = parts;
  onTestFinished(async () => {
    await queue.close();
    await transport.close();
  });
  return {
    ...kept,
    parts,
    keys,
    store,
    queue,
    /** Starts a worker of these parts; closed before the parts are. */
    async startWorker(changes: Partial<PollWorkerParts> = {}) {
      const worker = createPollWorker({ ...parts, ...changes });
      onTestFinished(() => worker.close());
      void worker.run().catch((error: Error) => kept.errors.push(error));
      await worker.waitUntilReady();
      return worker;
    },
    async enqueue(...orders: Order[]) {
      const enqueued = {
        store,
        queue: () => queue,
        names: () => [],
        payments: ({ account }: Order) => paymentsWithin(account),
        now: Date.now,
      };
      return enqueueOrders(enqueued, orders);
    },
    events: (orderId?: string) => eventsOf(redis, keys, orderId),
  };
}
