import type { Redis } from '../../redis/connection.ts';
import type { Keys } from '../../redis/keys.ts';
import { loadScript } from '../../redis/script.ts';
import { countedMinutes, plannedArrivals } from './arrival-rate.ts';

const arrivalsScript = loadScript('arrivals', import.meta.url);

/** An account that nobody counted for so long begins anew. */
const lifeMs = 3_600_000;

/**
 * New orders per second of one account, to plan for; `null` while unknown. All processes count in one place, at the cost of two
 * small commands.
 *
 * @param addedKey the counter of the jobs that were added to the account's queue
 */
export async function countArrivals(
  redis: Redis,
  keys: Keys,
  account: string,
  addedKey: string,
): Promise<number | null> {
  const added = Number((await redis.get(addedKey)) ?? 0);
  const args = [Number.isFinite(added) ? added : 0, countedMinutes, lifeMs];
  const reply = (await arrivalsScript.run(redis, [keys.arrivals(account)], args)) as string[];
  const [now, since, ...counted] = reply.map(Number);
  const byMinute = new Map<number, number>();
  for (let nth = 0; nth < counted.length; nth += 2) {
    const [minute = Number.NaN, orders = Number.NaN] = [counted[nth], counted[nth + 1]];
    // What somebody broke counts as nothing.
    if (orders > 0 && Number.isFinite(orders)) byMinute.set(minute, orders);
  }
  return plannedArrivals({ sinceMs: since ?? null, byMinute }, now ?? 0);
}
