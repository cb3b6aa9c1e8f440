import { isWrongType, type Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';

/** For how long a contradiction counts: somebody has looked at it by then. */
const shownMs = 86_400_000;
const mostKept = 1_000;

/**
 * Notes that a statement contradicts a paid order, so that running services raise the alarm: a command that reads statements
 * has no metrics of its own. Noted before it is recorded, because an alarm too many is better than one too few.
 */
export async function noteContradicted(redis: Redis, keys: Keys, orderId: string, at: number): Promise<void> {
  await redis.zadd(keys.contradicted, at, orderId);
  await redis.zremrangebyrank(keys.contradicted, 0, -mostKept - 1);
  await redis.pexpire(keys.contradicted, shownMs);
}

/** How many paid orders a statement has contradicted within a day. */
export async function countContradicted(redis: Redis, keys: Keys, now: number): Promise<number> {
  return redis.zcount(keys.contradicted, now - shownMs, '+inf').catch((error: unknown) => {
    if (isWrongType(error)) return 0;
    throw error;
  });
}
