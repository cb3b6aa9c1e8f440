import type { Metrics } from './metrics.ts';
import type { Keys } from './orders/keys.ts';
import type { Redis } from './redis.ts';
import { groupPositions } from './results/trim-results.ts';

/** Measures, for a scrape, what nobody counts as it happens. */
export async function measure(metrics: Metrics, redis: Redis, keys: Keys): Promise<void> {
  const [open, [, due], groups] = await Promise.all([
    redis.zcard(keys.open),
    redis.zrange(keys.open, '0', '0', 'WITHSCORES'),
    groupPositions(redis, keys.results),
  ]);
  metrics.openOrders.set(open);
  metrics.overdueSeconds.set(due === undefined ? 0 : Math.max(0, (Date.now() - Number(due)) / 1_000));
  metrics.groupLag.reset();
  for (const { group, lag, pending } of groups) metrics.groupLag.set({ group }, (lag ?? 0) + pending);
}
