import type { OrderRecord } from '../orders/record.ts';
import type { OrderStore } from '../orders/store.ts';

/**
 * Orders whose account was pointed at another provider since they were accepted. Their reference means nothing to that
 * provider, or somebody else's payment, so it is never asked about them. They stay open, without a verdict even after their
 * deadline: nobody was asked, so there is nothing true to say.
 */

const leastMs = 30_000;
const mostMs = 3_600_000;

/** When to look at such an order again: after a quarter of its age, so that many old ones leave the account's rate to others. */
export function nextLookAt(createdAt: number, now: number): number {
  return now + Math.min(Math.max((now - createdAt) / 4, leastMs), mostMs);
}

/**
 * Writes down when the order is looked at again, and nothing else. Returns that time, `null` when the order is closed or gone.
 * Pushed answers stay in its inbox until the account has its provider back.
 */
export async function postpone(
  store: Pick<OrderStore, 'settle'>,
  record: OrderRecord,
  now: number,
): Promise<number | null> {
  if (record.nextPollAt === null) return null;
  const nextPollAt = Math.ceil(nextLookAt(record.order.createdAt, now));
  const { progress, history, query } = record;
  const settled = await store.settle({
    record,
    progress,
    history,
    nextPollAt,
    query,
    event: null,
    entry: null,
  });
  switch (settled.outcome) {
    case 'settled':
    case 'taken':
      return settled.nextPollAt;
    case 'stale':
    // Comes of a verdict only, and none is published here.
    case 'used':
      // A process that still has the order's provider moved it.
      return nextPollAt;
    case 'gone':
      return null;
  }
}
