import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { AccountPause } from '../accounts/pause.ts';
import { orderIdPattern } from '../domain/order.ts';
import type { OrderRecord } from '../orders/record.ts';
import type { OrderStore } from '../orders/store.ts';
import { type OrderView, viewOf } from '../orders/view.ts';
import { seesAccount } from './api-keys.ts';
import { exampleInput } from './examples.ts';
import { inTime } from './in-time.ts';
import { evidenceFor } from './other-orders.ts';

export interface ViewParts {
  readonly store: OrderStore;
  /** Who has paused an account; `null` if nobody has. */
  pauseOf(account: string): Promise<AccountPause | null>;
}

export const noSuchOrder = 'No order has this orderId.';
export const orderParams = z.object({
  orderId: z.string().regex(orderIdPattern).meta({ example: exampleInput.orderId }),
});

/** The record of an order; `null` for one that is not there, and for one of an account that the key may not see. */
export async function readFor(
  store: OrderStore,
  request: FastifyRequest,
  orderId: string,
): Promise<OrderRecord | null> {
  const record = await inTime(store.read(orderId));
  return record !== null && seesAccount(request, record.order.account) ? record : null;
}

/** The view of an order for this key. */
export async function viewFor(
  { store, pauseOf }: ViewParts,
  request: FastifyRequest,
  record: OrderRecord,
): Promise<OrderView> {
  const { phase } = record.progress;
  const pause = phase === 'closed' ? null : await inTime(pauseOf(record.order.account));
  return viewOf({ ...record, history: await evidenceFor(store, request, record.history) }, pause);
}
