import { parseEvent, type ResultEvent } from '../domain/result-event.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';

const batch = 1_000;
const maxBatches = 200;

/**
 * Finds a result on the stream by its event id, among the 200,000 results that follow `since`. `null` if it is not there: it is
 * older than the retention of results.
 *
 * @param since epoch ms, e.g. when its order was created
 */
export async function findResult(
  redis: Redis,
  keys: Keys,
  eventId: string,
  since: number,
): Promise<ResultEvent | null> {
  let from = String(Math.max(0, Math.floor(since)));
  for (let count = 0; count < maxBatches; count += 1) {
    const entries = await redis.xrange(keys.results, from, '+', 'COUNT', batch);
    for (const [, fields] of entries) {
      if (fields[fields.indexOf('id') + 1] !== eventId) continue;
      try {
        return parseEvent(fields);
      } catch {
        return null;
      }
    }
    const last = entries.at(-1)?.[0];
    if (last === undefined || entries.length < batch) return null;
    from = `(${last}`;
  }
  return null;
}
