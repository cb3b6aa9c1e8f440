import type { Log } from '../observability/log.ts';
import { awaitRedis, connectRedis } from '../redis/connection.ts';
import { redisAddress } from '../redis/url.ts';

/** How long Redis may take before the wait is logged. */
const patienceMs = 2_000;

/**
 * Waits until Redis answers, without limit: after an outage of a whole site nobody should have to start
 * services in order. The beginning and the duration of the wait are logged once.
 *
 * @returns `false` if `stop` was aborted before Redis answered
 */
export async function waitForRedis(redisUrl: string, log: Log, stop: AbortSignal): Promise<boolean> {
  const redis = connectRedis(redisUrl, 'prompt');
  const beganAt = performance.now();
  let isTold = false;
  try {
    while (!stop.aborted) {
      try {
        await awaitRedis(redis, redisUrl, patienceMs);
        if (isTold)
          log.warn({ durationMs: Math.round(performance.now() - beganAt) }, 'Redis responds; starting');
        return true;
      } catch (error) {
        const { cause } = error as Error;
        const reason = cause instanceof Error ? cause.message : String(error);
        if (!isTold)
          log.error({ redis: redisAddress(redisUrl), reason }, 'Redis does not respond; waiting for it');
        isTold = true;
      }
    }
    return false;
  } finally {
    redis.disconnect();
  }
}
