/** When a webhook is tried again. */
export interface RetryPolicy {
  /** Delay before the first retry, in ms. It triples with every further one. */
  readonly firstDelayMs: number;
  /** For so long after a result was queued it is tried, in ms. */
  readonly lifeMs: number;
}

export const dayMs = 86_400_000;
const factor = 3;
const longestDelayMs = 4 * 3_600_000;
/** Share by which delays vary, so that results that failed together are not retried together. */
const jitter = 0.2;

/**
 * The delay before the next attempt, in ms; `null` if there is none, because the last one was made after the result's life.
 * The last attempt is made at the end of that life.
 *
 * @param attempts so far, 1 or more
 * @param ageMs since the result was queued
 * @param retryAfterMs what the endpoint asked for; 0 if nothing
 * @param random from 0 to 1
 */
export function retryDelayMs(
  { firstDelayMs, lifeMs }: RetryPolicy,
  { attempts, ageMs, retryAfterMs, random }: Retry,
): number | null {
  if (ageMs >= lifeMs) return null;
  const plain = Math.min(firstDelayMs * factor ** (attempts - 1), longestDelayMs);
  const varied = plain * (1 + jitter * (2 * random - 1));
  return Math.round(Math.min(Math.max(varied, retryAfterMs), lifeMs - ageMs));
}

export interface Retry {
  readonly attempts: number;
  readonly ageMs: number;
  readonly retryAfterMs: number;
  readonly random: number;
}
