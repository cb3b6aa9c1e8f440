import type { Config } from '../config/config.ts';
import { countUnservedOrders, unservedText } from '../jobs/unserved-orders.ts';
import { awaitRedis, connectRedis } from '../redis/connection.ts';
import { createKeys } from '../redis/keys.ts';
import type { Diagnosis } from './diagnosis.ts';

const subject = 'accounts';

/** Checks for open orders of unserved accounts. */
export async function diagnoseUnserved({ redisUrl, prefix, accounts }: Config): Promise<Diagnosis[]> {
  const redis = connectRedis(redisUrl, 'patient');
  try {
    await awaitRedis(redis, redisUrl, 1_000);
  } catch {
    // The Redis checks have reported it already.
    redis.disconnect();
    return [];
  }
  try {
    const own = new Set(accounts.map(({ id }) => id));
    const found = await countUnservedOrders(redis, createKeys(prefix), own);
    if (found.size === 0)
      return [{ level: 'ok', subject, text: 'all open orders belong to accounts that are served' }];
    return [...found].map(([id, orders]) => ({ level: 'danger', subject, text: unservedText(id, orders) }));
  } finally {
    redis.disconnect();
  }
}
