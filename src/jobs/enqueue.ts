import type { Order } from '../order.ts';
import type { Opened, OrderStore } from '../orders/order-store.ts';
import { type PollQueue, pollJob } from './queue.ts';
import { firstPollAt } from './schedule.ts';

/** What became of one accepted order. */
export type Enqueued = { readonly outcome: 'new' | 'same' | 'conflict' };

export interface EnqueueParts {
  readonly store: OrderStore;
  /** The queue of an account; opened at first use. */
  queue(account: string): PollQueue;
  /** The strings under which a callback may speak of an order; none where its account takes no callbacks. */
  names(order: Order): readonly string[];
  readonly now: () => number;
}

/**
 * Records orders and starts their jobs. When it returns, every order that is not in conflict is acknowledged: the record
 * and the job are in Redis. A crash in between leaves a record without a job, which enqueueing again, or the sweeper, mends.
 *
 * @throws when Redis fails; nothing is known of these orders then, and enqueueing them again is safe
 */
export async function enqueueOrders(parts: EnqueueParts, orders: readonly Order[]): Promise<Enqueued[]> {
  const opened = await Promise.all(
    orders.map((order) => parts.store.open(order, firstPollAt(order), parts.names(order))),
  );
  const byAccount = new Map<string, ReturnType<typeof pollJob>[]>();
  for (const [index, order] of orders.entries()) {
    const at = pollAtOf(opened[index]);
    if (at === null) continue;
    const jobs = byAccount.get(order.account) ?? [];
    jobs.push(pollJob(order.orderId, at, parts.now()));
    byAccount.set(order.account, jobs);
  }
  await Promise.all([...byAccount].map(([account, jobs]) => parts.queue(account).addBulk(jobs)));
  return opened.map(({ outcome }) => ({ outcome }));
}

/** An order that is still open gets its job again: adding it while it exists changes nothing. */
function pollAtOf(opened: Opened | undefined): number | null {
  return opened === undefined || opened.outcome === 'conflict' ? null : opened.nextPollAt;
}
