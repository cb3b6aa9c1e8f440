import type { WebhookEndpoint, WebhookFilter } from '../config/webhook-endpoints.ts';
import type { ResultEvent } from '../domain/result-event.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';

const destroyGroupScript = loadScript('destroy-group', import.meta.url);

/**
 * How long results are queued for an endpoint that no process serves any more, and how long what was queued for it is kept. A
 * deployment that restarts, or that was stopped for a weekend, loses nothing.
 */
const queuedForMs = 86_400_000;
const keptForMs = 7 * 86_400_000;

/** An endpoint that some process serves. */
export interface RegisteredEndpoint extends WebhookFilter {
  readonly name: string;
}

/** Registers the endpoints of this process, so that every process queues results for them. Renew it regularly. */
export async function registerEndpoints(
  redis: Redis,
  keys: Keys,
  endpoints: readonly WebhookEndpoint[],
  now: number,
): Promise<void> {
  if (endpoints.length === 0) return;
  const filters = endpoints.flatMap(({ name, accounts, types }) => [
    name,
    JSON.stringify({ accounts, types }),
  ]);
  await redis.hset(keys.webhooks, ...filters);
  await redis.zadd(keys.webhooksRenewed, ...endpoints.flatMap(({ name }) => [now, name]));
}

/** The endpoints that results are queued for: those that a process serves, or has served within a day. */
export async function registeredEndpoints(
  redis: Redis,
  keys: Keys,
  now: number,
): Promise<RegisteredEndpoint[]> {
  const [filters, names] = await Promise.all([
    redis.hgetall(keys.webhooks),
    redis.zrangebyscore(keys.webhooksRenewed, String(now - queuedForMs), '+inf'),
  ]);
  return names.map((name) => ({ name, ...parseFilter(filters[name]) }));
}

/** Removes the consumer group if results are queued for no endpoint. Returns whether it existed. */
export async function destroyUnusedGroup(redis: Redis, keys: Keys, group: string, now: number) {
  const touched = [keys.webhooksRenewed, keys.results];
  return (await destroyGroupScript.run(redis, touched, [group, now - queuedForMs])) === 1;
}

/** True if an endpoint receives a result. */
export function receives({ accounts, types }: WebhookFilter, { type, data }: ResultEvent): boolean {
  return (accounts?.includes(data.account) ?? true) && (types?.includes(type) ?? true);
}

/**
 * Removes endpoints that no process has served for a week, with everything queued for them. Returns the names, and how many
 * orders had undelivered results.
 */
export async function forgetEndpoints(
  redis: Redis,
  keys: Keys,
  now: number,
): Promise<{ readonly name: string; readonly orders: number }[]> {
  const names = await redis.zrangebyscore(keys.webhooksRenewed, '-inf', String(now - keptForMs));
  return Promise.all(
    names.map(async (name) => {
      let orders = 0;
      for (;;) {
        const some = await redis.zrange(keys.webhook(name, 'since'), '0', '499');
        if (some.length === 0) break;
        await Promise.all(some.map((orderId) => redis.del(keys.webhookQueue(name, orderId))));
        await redis.zrem(keys.webhook(name, 'since'), ...some);
        orders += some.length;
      }
      for (const part of ['due', 'attempts', 'state', 'failing', 'failed', 'dead-letters'] as const)
        await redis.unlink(keys.webhook(name, part));
      // Last, so that an interrupted removal is continued.
      await redis.hdel(keys.webhooks, name);
      await redis.zrem(keys.webhooksRenewed, name);
      return { name, orders };
    }),
  );
}

/** A filter that cannot be parsed lets everything through: a result too many is better than one lost. */
function parseFilter(text: string | undefined): WebhookFilter {
  try {
    const { accounts, types } = JSON.parse(text ?? '') as { [name: string]: unknown };
    return { accounts: listOrAll(accounts), types: listOrAll(types) };
  } catch {
    return { accounts: null, types: null };
  }
}

function listOrAll(value: unknown): readonly string[] | null {
  return Array.isArray(value) ? value.map(String) : null;
}
