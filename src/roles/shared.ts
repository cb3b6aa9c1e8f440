import type { Telemetry } from 'bullmq';
import type { Config } from '../config/config.ts';
import { createPollQueue, type PollQueue } from '../jobs/queue.ts';
import type { Log } from '../observability/log.ts';
import { createMetrics, type Metrics } from '../observability/metrics.ts';
import { createOrderStore, type OrderStore } from '../orders/store.ts';
import type { Asker } from '../providers/ask.ts';
import { createRedisClock, type RedisClock } from '../redis/clock.ts';
import type { Redis } from '../redis/connection.ts';
import { createKeys, type Keys } from '../redis/keys.ts';
import { createTelemetry } from '../workers/tracing.ts';
import { type RedisOutage, watchRedis } from './redis-outage.ts';

export type Role = 'worker' | 'api' | 'webhooks';
export const allRoles: readonly Role[] = ['worker', 'api', 'webhooks'];

/** Hooks that wrap parts of the service, for the chaos test, which kills the process there. */
export interface FaultPoints {
  store?(store: OrderStore): OrderStore;
  asker?(asker: Asker): Asker;
}

/** The parts that all roles of one process share. */
export interface Shared {
  readonly config: Config;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly keys: Keys;
  readonly redis: Redis;
  readonly outage: RedisOutage;
  readonly store: OrderStore;
  queue(account: string): PollQueue;
  /** Records that this process is making progress, for readiness. */
  progressed(): void;
  readonly lastProgressAt: () => number;
  readonly telemetry: Telemetry | undefined;
  readonly faultPoints: FaultPoints;
  /** Clock for times that processes compare. Started by the service. */
  readonly clock: RedisClock;
}

/** How long Redis may take to answer at startup. The Redis in the process of the demo shares one core with all else. */
export const redisStartMs = 20_000;

export const dayMs = 86_400_000;

/** Builds the parts that the roles of this process share. */
export function share(config: Config, log: Log, redis: Redis, faultPoints: FaultPoints): Shared {
  const keys = createKeys(config.prefix);
  const { store, queue } = ordersOn(redis, keys, config);
  let lastProgressAt = Date.now();
  return {
    config,
    log,
    metrics: createMetrics(),
    keys,
    redis,
    outage: watchRedis(redis, log),
    store: faultPoints.store?.(store) ?? store,
    queue,
    faultPoints,
    clock: createRedisClock(redis, keys),
    progressed() {
      lastProgressAt = Date.now();
    },
    lastProgressAt: () => lastProgressAt,
    telemetry: config.tracing ? createTelemetry() : undefined,
  };
}

/** Opens the order store and the queues on one connection. */
export function ordersOn(redis: Redis, keys: Keys, config: Config): Pick<Shared, 'store' | 'queue'> {
  const queues = new Map<string, PollQueue>();
  return {
    store: createOrderStore({ redis, keys, retentionMs: config.retentionDays * dayMs }),
    queue(account) {
      const queue = queues.get(account) ?? createPollQueue(redis, keys, account);
      queues.set(account, queue);
      return queue;
    },
  };
}
