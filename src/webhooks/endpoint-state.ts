import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { breakerOrders } from './delivery-queue.ts';

/** The state of an endpoint, from Redis. */
export interface EndpointState {
  readonly name: string;
  /** Orders with undelivered results. */
  readonly queued: number;
  /** Since when the oldest of them waits, epoch ms. */
  readonly oldestAt: number | null;
  readonly deadLetters: number;
  readonly isOpen: boolean;
  /** Fingerprint of the URL that answered 410. */
  readonly disabled: string | null;
  readonly deliveredAt: number | null;
  readonly failedAt: number | null;
  /** The last answer, in our words. */
  readonly answer: string | null;
}

/** The states of every endpoint that is registered, by name. */
export async function readEndpointStates(redis: Redis, keys: Keys): Promise<EndpointState[]> {
  const names = await redis.zrange(keys.webhooksRenewed, '0', '-1');
  return Promise.all(names.sort().map((name) => readEndpointState(redis, keys, name)));
}

/** The state of one endpoint. */
export async function readEndpointState(redis: Redis, keys: Keys, name: string): Promise<EndpointState> {
  const [queued, oldest, deadLetters, failing, fields] = await Promise.all([
    redis.zcard(keys.webhook(name, 'due')),
    redis.zrange(keys.webhook(name, 'since'), '0', '0', 'WITHSCORES'),
    redis.zcard(keys.webhook(name, 'failed')),
    redis.scard(keys.webhook(name, 'failing')),
    redis.hgetall(keys.webhook(name, 'state')),
  ]);
  return {
    ...{ name, queued, deadLetters },
    oldestAt: timeOf(oldest[1]),
    isOpen: failing >= breakerOrders,
    disabled: fields.disabled ?? null,
    deliveredAt: timeOf(fields.deliveredAt),
    failedAt: timeOf(fields.failedAt),
    answer: fields.answer ?? null,
  };
}

/** Sends webhooks to an endpoint again that had answered 410. */
export async function enableEndpoint(redis: Redis, keys: Keys, name: string): Promise<void> {
  await redis.hdel(keys.webhook(name, 'state'), 'disabled', 'disabledAt', 'openUntil');
}

function timeOf(text: string | undefined): number | null {
  const time = Number(text);
  return text === undefined || !Number.isFinite(time) ? null : time;
}
