import type { ResultEvent } from '../domain/result-event.ts';
import { isWrongType, type Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';

/** Statistics over all orders. The script that publishes a verdict also counts it, so that they agree with the stream. */

/** Bucket bounds of the time from `createdAt` to the first verdict, in seconds; there is one more, unbounded bucket. */
export const timeToVerdictSeconds = [5, 10, 20, 30, 60, 120, 300, 600, 1_800] as const;

/** The counters of the verdicts of one hour. */
export interface HourStatistics {
  readonly hour: string;
  readonly counters: { readonly [name: string]: number };
}

/** The UTC hour of an instant: `2026-11-22T06`. */
export function hourOf(at: number): string {
  return new Date(at).toISOString().slice(0, 13);
}

/**
 * The counters to increment for a verdict: `status:<status>`; for a first verdict `truth:<bucket bound>` and
 * `first:<paid or other>:<account>`; for money that was not enough `underpaid:<account>`.
 */
export function countersOf({ stateversion, data }: ResultEvent): string[] {
  const counters = [`status:${data.status}`];
  if (data.reason === 'underpaid') counters.push(`underpaid:${data.account}`);
  if (stateversion > 1) return [...counters, 'corrections'];
  const seconds = (Date.parse(data.settledAt) - Date.parse(data.createdAt)) / 1_000;
  counters.push(`truth:${timeToVerdictSeconds.find((bound) => seconds <= bound) ?? 'more'}`);
  // A withdrawal is a decision of the checkout and says nothing about the provider.
  if (data.reason !== 'withdrawn')
    counters.push(`first:${data.status === 'paid' ? 'paid' : 'other'}:${data.account}`);
  return counters;
}

/** The counters of the last `hours` hours, oldest first. */
export async function readStatistics(
  redis: Redis,
  keys: Keys,
  hours: number,
  now: number,
): Promise<HourStatistics[]> {
  const wanted = Array.from({ length: hours }, (_, index) => hourOf(now - (hours - 1 - index) * 3_600_000));
  return Promise.all(
    wanted.map(async (hour) => {
      // A key of another type counts as an hour without verdicts.
      const known = await redis.hgetall(keys.statistics(hour)).catch((error: unknown) => {
        if (isWrongType(error)) return {};
        throw error;
      });
      const counters = Object.entries(known);
      return { hour, counters: Object.fromEntries(counters.map(([name, count]) => [name, Number(count)])) };
    }),
  );
}
