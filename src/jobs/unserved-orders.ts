import { readRegistry } from '../accounts/registry.ts';
import { readOrderStates } from '../orders/order-states.ts';
import { providers } from '../providers/index.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { createPollQueue, type PollQueue } from './queue.ts';

/** Open orders examined, most overdue first. Unserved orders are never polled, so they become the most overdue. */
const lookLimit = 500;
/** Orders per script, small so that it does not block Redis for long. */
const batchSize = 250;
/** Most accounts examined. */
const accountLimit = 100;

/**
 * Counts open orders of unserved accounts, by account. The work is bounded: it counts the jobs of registered accounts, and
 * examines the most overdue orders to find accounts that are not registered.
 *
 * @param own accounts that the caller serves, or is about to
 */
export async function countUnservedOrders(
  redis: Redis,
  keys: Keys,
  own: ReadonlySet<string>,
): Promise<ReadonlyMap<string, number>> {
  const { accounts, served } = await readRegistry(redis, keys, providers);
  const isUnserved = (account: string) => !own.has(account) && !served.has(account);
  const seen = await overdueByAccount(redis, keys, isUnserved);
  const candidates = new Set([...seen.keys(), ...[...accounts.keys()].filter(isUnserved)]);
  const found = new Map<string, number>();
  for (const account of [...candidates].slice(0, accountLimit)) {
    const orders = Math.max(seen.get(account) ?? 0, await jobsOf(redis, keys, account));
    if (orders > 0) found.set(account, orders);
  }
  return found;
}

async function overdueByAccount(
  redis: Redis,
  keys: Keys,
  isUnserved: (account: string) => boolean,
): Promise<Map<string, number>> {
  const orderIds = await redis.zrange(keys.open, '0', String(lookLimit - 1));
  const seen = new Map<string, number>();
  for (let from = 0; from < orderIds.length; from += batchSize) {
    for (const { account } of await readOrderStates(redis, keys, orderIds.slice(from, from + batchSize))) {
      if (account !== null && isUnserved(account)) seen.set(account, (seen.get(account) ?? 0) + 1);
    }
  }
  return seen;
}

async function jobsOf(redis: Redis, keys: Keys, account: string): Promise<number> {
  const queue: PollQueue = createPollQueue(redis, keys, account);
  try {
    const counts = await queue.getJobCounts('delayed', 'waiting', 'active', 'failed');
    return Object.values(counts).reduce((sum, jobs) => sum + jobs, 0);
  } finally {
    await queue.close();
  }
}

/** A sentence that says what is wrong and what to do, for the log, `doctor` and readiness. */
export function unservedText(account: string, orders: number): string {
  const which = orders === 1 ? '1 open order' : `${orders} open orders`;
  return `${which} of account ${account}, which no process serves: they are not polled; put ${account} back into ACCOUNTS of a worker until they are closed`;
}
