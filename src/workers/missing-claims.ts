import type { OrderStore } from '../orders/store.ts';

/**
 * Writes down again which payments paid orders own, where somebody deleted that: until then another order could be paid by
 * the same payment.
 */
export async function restoreClaims(
  { store, mended }: { readonly store: OrderStore; mended(kind: 'missing-claim', orderId: string): void },
  orderIds: readonly string[],
): Promise<void> {
  for (const { orderId, restored } of await store.restoreClaims(orderIds)) {
    if (restored > 0) mended('missing-claim', orderId);
  }
}
