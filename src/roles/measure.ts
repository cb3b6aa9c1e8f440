import type { Overview } from '../api/ui/overview.ts';
import type { OwnMetrics } from '../observability/metrics.ts';
import { type Intake, readIntake } from '../orders/intake.ts';
import { readStatistics } from '../orders/statistics.ts';
import { type VerdictFigures, verdictFigures } from '../orders/verdict-figures.ts';
import { isWrongType } from '../redis/connection.ts';
import { readMemoryShare } from '../redis/memory.ts';
import { readEndpointStates } from '../webhooks/endpoint-state.ts';
import type { Shared } from './shared.ts';
import { updateGauges, updateWebhookGauges } from './update-gauges.ts';

/** Sets every gauge whose figure comes from Redis, for a scrape or for the alerts. */
export async function measure(
  { redis, keys, clock }: Shared,
  metrics: OwnMetrics,
  overview: (now: number) => Promise<Overview>,
): Promise<void> {
  const now = clock.now();
  const [seen, endpoints, intake, hours, results, memoryShare] = await Promise.all([
    overview(now),
    readEndpointStates(redis, keys),
    readIntake(redis, keys, now),
    readStatistics(redis, keys, 24, now),
    redis.xlen(keys.results).catch(noneIfWrongType),
    readMemoryShare(redis),
  ]);
  // All at once, so that two measurements at the same time do not mix.
  updateGauges(metrics, seen);
  updateWebhookGauges(metrics, endpoints, now);
  updateIntakeGauges(metrics, intake, now);
  updateVerdictGauges(metrics, verdictFigures(hours));
  metrics.results.set(results);
  metrics.redisMemory.reset();
  if (memoryShare !== null) metrics.redisMemory.set(memoryShare);
}

function updateIntakeGauges(metrics: OwnMetrics, { newestAt, daysWithOrders }: Intake, now: number): void {
  metrics.newestOrderSeconds.reset();
  if (newestAt !== null) metrics.newestOrderSeconds.set(Math.max(0, (now - newestAt) / 1_000));
  metrics.daysWithOrders.set(daysWithOrders);
}

function updateVerdictGauges(metrics: OwnMetrics, figures: readonly VerdictFigures[]): void {
  metrics.underpaidOrders.reset();
  metrics.failureRise.reset();
  for (const { account, underpaid, failureRise } of figures) {
    metrics.underpaidOrders.set({ account }, underpaid);
    if (failureRise !== null) metrics.failureRise.set({ account }, failureRise);
  }
}

function noneIfWrongType(error: unknown): number {
  if (isWrongType(error)) return 0;
  throw error;
}
