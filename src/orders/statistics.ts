import type { Order } from '../order.ts';
import type { Redis } from '../redis.ts';
import type { ResultEvent } from '../results/event.ts';
import type { Keys } from './keys.ts';

/** Figures about all orders, kept by the same script that publishes a verdict, so that they agree with the stream. */

/** Upper bounds of the classes of time from `createdAt` to the first verdict, seconds; the last class has none. */
export const truthSeconds = [5, 10, 20, 30, 60, 120, 300, 600, 1_800] as const;

/** The hour that an instant falls in, UTC: `2026-11-22T06`. */
export function hourOf(at: number): string {
  return new Date(at).toISOString().slice(0, 13);
}

/** The counters that a verdict raises: `status:<status>` and, for a first verdict, `truth:<seconds>`. */
export function countersOf(event: ResultEvent): string[] {
  const status = `status:${event.data.status}`;
  if (event.stateversion > 1) return [status, 'corrections'];
  const seconds = (Date.parse(event.data.settledAt) - Date.parse(event.data.createdAt)) / 1_000;
  return [status, `truth:${truthSeconds.find((bound) => seconds <= bound) ?? 'more'}`];
}

/** The money of an order whose verdict is unresolved, as one string. */
export function unresolvedEntry(order: Order, at: number): string {
  return [at, order.amountMinor, order.currency, order.account].join(' ');
}

/** One unresolved order's money. */
export interface UnresolvedMoney {
  readonly orderId: string;
  readonly at: number;
  readonly amountMinor: number;
  readonly currency: string;
  readonly account: string;
}

/** All orders whose last verdict is unresolved. */
export async function readUnresolved(redis: Redis, keys: Keys): Promise<UnresolvedMoney[]> {
  const entries = Object.entries(await redis.hgetall(keys.unresolved));
  return entries.map(([orderId, entry]) => {
    const [at, amountMinor, currency = '', account = ''] = entry.split(' ');
    return { orderId, at: Number(at), amountMinor: Number(amountMinor), currency, account };
  });
}

/** The counters of the last `hours` hours, oldest first. */
export async function readStatistics(
  redis: Redis,
  keys: Keys,
  hours: number,
  now: number,
): Promise<{ readonly hour: string; readonly counters: { readonly [name: string]: number } }[]> {
  const wanted = Array.from({ length: hours }, (_, index) => hourOf(now - (hours - 1 - index) * 3_600_000));
  return Promise.all(
    wanted.map(async (hour) => {
      const counters = Object.entries(await redis.hgetall(keys.statistics(hour)));
      return { hour, counters: Object.fromEntries(counters.map(([name, count]) => [name, Number(count)])) };
    }),
  );
}

/** Forgets unresolved money whose records are gone as well: older than `before`, epoch milliseconds. */
export async function forgetUnresolved(redis: Redis, keys: Keys, before: number): Promise<void> {
  const old = (await readUnresolved(redis, keys))
    .filter(({ at }) => at < before)
    .map(({ orderId }) => orderId);
  if (old.length > 0) await redis.hdel(keys.unresolved, ...old);
}
