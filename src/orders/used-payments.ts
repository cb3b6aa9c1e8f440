import type { ResultEvent } from '../domain/result-event.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';

/** An order that led to a payment by which another order was paid. */
export interface UsedPayment {
  readonly orderId: string;
  readonly at: number;
  /** The order that owns the payment. */
  readonly usedBy: string;
}

/** What is noted of an event that says so, as one string; `''` for all others. */
export function usedEntry({ data }: ResultEvent): string {
  if (data.reason !== 'receipt-used') return '';
  return `${Date.parse(data.settledAt)} ${String(data.evidence.at(-1)?.usedBy ?? '')}`;
}

/** Entries of Redis looked at: the page asks every few seconds. */
const looked = 100;
/** Orders that are named. */
const shown = 5;

/** Some orders whose last verdict says so and is not older than `since`, the latest first. */
export async function readUsedPayments(redis: Redis, keys: Keys, since: number): Promise<UsedPayment[]> {
  const [, entries] = await redis.hscan(keys.used, '0', 'COUNT', looked);
  const found: UsedPayment[] = [];
  for (let nth = 0; nth + 1 < entries.length; nth += 2) {
    const [at, usedBy = ''] = entries[nth + 1]?.split(' ') ?? [];
    if (Number(at) >= since) found.push({ orderId: entries[nth] ?? '', at: Number(at), usedBy });
  }
  return found.sort((a, b) => b.at - a.at).slice(0, shown);
}
