import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { ResultEvent } from '../domain/result-event.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { type Subscription, subscribe } from '../results/subscribe.ts';
import { queueDelivery } from './delivery-queue.ts';
import { receives, registeredEndpoints } from './registry.ts';

/** The consumer group that reads results for the webhooks. */
export const webhooksGroup = 'payment-poller-webhooks';

export interface FanOutParts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly deliveriesLifeMs: number;
  now(): number;
  /** Called after a result was queued for an endpoint. */
  queued(endpoint: string): void;
  failed(error: Error): void;
}

const concurrency = 20;
/** How long a result stays with a process that was killed. Queueing one takes milliseconds. */
const retryAfterMs = 10_000;
/** A result is never parked: it is queued sooner or later. */
const maxTries = 1_000_000;
const longestBackoffMs = 5_000;

/**
 * Creates the group, at the end of the stream: new endpoints do not receive old results. Called before the service reports that
 * it is running, so that every result after that is read.
 */
export async function createWebhooksGroup(redis: Redis, keys: Keys): Promise<void> {
  try {
    await redis.xgroup('CREATE', keys.results, webhooksGroup, '$', 'MKSTREAM');
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('BUSYGROUP'))) throw error;
  }
}

/** Queues every result for each endpoint that receives it. A result is acknowledged once it is queued for all of them. */
export function startFanOut(parts: FanOutParts): Subscription {
  const { redis, keys } = parts;
  const closing = new AbortController();
  const consumer = `${hostname()}-${randomUUID().slice(0, 8)}`.replace(/[^A-Za-z0-9._-]/g, '-').slice(-64);
  const subscription = subscribe({
    ...{ redis, prefix: keys.prefix, group: webhooksGroup, consumer, from: '$' },
    ...{ concurrency, retryAfterMs, maxTries },
    onResult: (event) => untilDone(() => queueForAll(parts, event), closing.signal, parts.failed),
    onError: parts.failed,
  });
  return {
    close() {
      closing.abort();
      return subscription.close();
    },
  };
}

async function queueForAll(parts: FanOutParts, event: ResultEvent): Promise<void> {
  const { redis, keys, now, queued } = parts;
  for (const endpoint of await registeredEndpoints(redis, keys, now())) {
    if (!receives(endpoint, event)) continue;
    await queueDelivery(parts, endpoint.name, event);
    queued(endpoint.name);
  }
}

/** Repeats instead of failing: `subscribe` would pass over a result that keeps failing once a newer one of its order succeeds. */
async function untilDone(
  work: () => Promise<void>,
  closing: AbortSignal,
  failed: (error: Error) => void,
): Promise<void> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await work();
    } catch (error) {
      if (closing.aborted) throw error;
      failed(error as Error);
      const backoffMs = Math.min(100 * 2 ** failures, longestBackoffMs);
      await delay(backoffMs, undefined, { signal: closing }).catch(() => {});
    }
  }
}
