import { nodeOf } from '../orders/scan-orders.ts';
import { isWrongType, type Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';

/** Keys of Redis looked at per sweep; with more, the next sweep goes on. */
const walkLimit = 20_000;
const scanCount = 1_000;
/** Orders looked at by one script, which other clients of Redis wait for. */
const batchSize = 250;

/** Looks at the records of all orders, a bounded number per call. Closed ones are on no list, so it walks over the keys of Redis. */
export async function walkRecords(
  redis: Redis,
  keys: Keys,
  look: (orderIds: readonly string[]) => Promise<void>,
): Promise<void> {
  const node = await nodeOf(redis, keys.results);
  // Slots are moving: the next sweep knows better.
  if (node === null) return;
  // A place that cannot be read is the beginning: it is written anew at the end.
  const place = await redis.get(keys.resultsCursor).catch((error: unknown) => {
    if (isWrongType(error)) return null;
    throw error;
  });
  let cursor = /^\d{1,19}$/.test(place ?? '') ? String(place) : '0';
  for (let seen = 0; seen < walkLimit; seen += scanCount) {
    const [next, found] = await node.scan(cursor, 'MATCH', keys.order('*'), 'COUNT', scanCount);
    const orderIds = found.map((key) => key.slice(keys.order('').length));
    for (let from = 0; from < orderIds.length; from += batchSize) {
      await look(orderIds.slice(from, from + batchSize));
    }
    cursor = next;
    if (cursor === '0') break;
  }
  await redis.set(keys.resultsCursor, cursor);
}
