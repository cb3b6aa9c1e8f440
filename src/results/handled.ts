import { crc32 } from 'node:zlib';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';
import { readerOfGroup } from './http-readers.ts';
import { groupPositions } from './trim.ts';

const forgetScript = loadScript('forget-handled', import.meta.url);

const dayMs = 86_400_000;
/** Hashes per group. With up to 16 million orders, each hash is small enough for Redis' compact encoding. */
const buckets = 2 ** 17;
/** Hashes per script, and scripts per call and group: with a call a minute, each hash is cleaned up about every hour. */
const bucketsPerStep = 128;
const stepsPerCall = 16;

/** TTL of delivery state. `forgetHandled` renews it, so it only expires for groups that were removed. */
export const deliveryStateLifeMs = 100 * dayMs;

/** The key of the hash that holds a group's delivery state of this order, among others. */
export function deliveryStateKey(keys: Keys, group: string, orderId: string): string {
  return keys.handled(group, crc32(orderId) % buckets);
}

/**
 * Removes delivery state of results that cannot be delivered again: older than the retention of results, and than the first
 * entry of the stream. Continues where the last call stopped. Returns how many entries it has removed.
 *
 * @param before epoch ms; younger results may be republished if the stream loses them
 */
export async function forgetHandled(redis: Redis, keys: Keys, before: number): Promise<number> {
  const [first] = await redis.xrange(keys.results, '-', '+', 'COUNT', 1);
  const oldest = first?.[0] ?? `${Number.MAX_SAFE_INTEGER}-0`;
  let forgotten = 0;
  for (const { group } of await groupPositions(redis, keys.results)) {
    // Readers over HTTP keep their own delivery state.
    if (readerOfGroup(group) !== null) continue;
    const start = Number(await redis.hget(keys.handledWalk, group)) || 0;
    for (let step = 0; step < stepsPerCall; step += 1) {
      const some = Array.from({ length: bucketsPerStep }, (_, nth) =>
        keys.handled(group, (start + step * bucketsPerStep + nth) % buckets),
      );
      forgotten += Number(await forgetScript.run(redis, some, [before, oldest, deliveryStateLifeMs]));
    }
    await redis.hset(keys.handledWalk, group, (start + stepsPerCall * bucketsPerStep) % buckets);
  }
  return forgotten;
}
