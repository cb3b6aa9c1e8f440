import type { FastifyRequest } from 'fastify';
import type { OrderStore } from '../orders/store.ts';
import { seesAccount } from './api-keys.ts';
import { inTime } from './in-time.ts';

/**
 * True if the key may know the id of another order, such as the one that owns a payment: if it may see that order's account. An
 * order whose record is missing or unreadable is known only to keys for all accounts.
 */
export async function mayKnow(
  store: Pick<OrderStore, 'read'>,
  request: FastifyRequest,
  orderId: string,
): Promise<boolean> {
  if (request.apiKey?.accounts === null) return true;
  const record = await inTime(store.read(orderId)).catch(() => null);
  return record !== null && seesAccount(request, record.order.account);
}

/** The evidence without the ids of orders that the key may not know. */
export async function evidenceFor<Entry extends object>(
  store: Pick<OrderStore, 'read'>,
  request: FastifyRequest,
  evidence: readonly Entry[],
): Promise<Entry[]> {
  return Promise.all(
    evidence.map(async (entry) => {
      const usedBy: unknown = Reflect.get(entry, 'usedBy');
      if (typeof usedBy !== 'string' || (await mayKnow(store, request, usedBy))) return entry;
      const shown = { ...entry };
      Reflect.deleteProperty(shown, 'usedBy');
      return shown;
    }),
  );
}
