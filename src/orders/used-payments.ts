import type { ResultEvent } from '../domain/result-event.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';

/** An order whose payment is claimed by another order. */
export interface UsedPayment {
  readonly orderId: string;
  readonly at: number;
  /** The order that has claimed the payment. */
  readonly usedBy: string;
}

/** The value stored for an event with reason `receipt-used`; `''` for any other event. */
export function usedEntry({ data }: ResultEvent): string {
  if (data.reason !== 'receipt-used') return '';
  return `${Date.parse(data.settledAt)} ${String(data.evidence.at(-1)?.usedBy ?? '')}`;
}

/** Entries scanned per read. Small, because the page reads every few seconds. */
const scanCount = 100;
/** Most orders returned. */
const shown = 5;

/** Some orders with reason `receipt-used` whose verdict is not older than `since`, latest first. */
export async function readUsedPayments(redis: Redis, keys: Keys, since: number): Promise<UsedPayment[]> {
  const [, entries] = await redis.hscan(keys.used, '0', 'COUNT', scanCount);
  const found: UsedPayment[] = [];
  for (let nth = 0; nth + 1 < entries.length; nth += 2) {
    const [at, usedBy = ''] = entries[nth + 1]?.split(' ') ?? [];
    if (Number(at) >= since) found.push({ orderId: entries[nth] ?? '', at: Number(at), usedBy });
  }
  return found.sort((a, b) => b.at - a.at).slice(0, shown);
}
