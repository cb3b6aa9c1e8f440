import { crc32 } from 'node:zlib';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';
import { groupPositions } from './trim.ts';

const forgetScript = loadScript('forget-handled', import.meta.url);

const dayMs = 86_400_000;
/** So many hashes hold the notes of one group: up to 16 million orders, each hash is in Redis' compact form. */
const buckets = 2 ** 17;
/** Hashes looked at by one script, and in one call for each group: with a call a minute, each comes up every hour. */
const bucketsPerStep = 128;
const stepsPerCall = 16;

/**
 * How long notes live that nobody renews: those of a group that was removed. The others are renewed, and forgotten one by
 * one, by `forgetHandled`.
 */
export const notesLifeMs = 100 * dayMs;

/** Hash: what a group has handled of this and some other orders. */
export function notesKey(keys: Keys, group: string, orderId: string): string {
  return keys.handled(group, crc32(orderId) % buckets);
}

/**
 * Forgets what groups have handled once it can come no more: it is older than the results' retention, and than everything on
 * the stream. Goes on where the last call stopped. Returns how many notes it has forgotten.
 *
 * @param before epoch ms; younger results may still be published once more, should the stream lose them
 */
export async function forgetHandled(redis: Redis, keys: Keys, before: number): Promise<number> {
  const [first] = await redis.xrange(keys.results, '-', '+', 'COUNT', 1);
  const oldest = first?.[0] ?? `${Number.MAX_SAFE_INTEGER}-0`;
  let forgotten = 0;
  for (const { group } of await groupPositions(redis, keys.results)) {
    const start = Number(await redis.hget(keys.handledWalk, group)) || 0;
    for (let step = 0; step < stepsPerCall; step += 1) {
      const some = Array.from({ length: bucketsPerStep }, (_, nth) =>
        keys.handled(group, (start + step * bucketsPerStep + nth) % buckets),
      );
      forgotten += Number(await forgetScript.run(redis, some, [before, oldest, notesLifeMs]));
    }
    await redis.hset(keys.handledWalk, group, (start + stepsPerCall * bucketsPerStep) % buckets);
  }
  return forgotten;
}
