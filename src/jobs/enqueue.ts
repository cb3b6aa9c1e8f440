import type { Order } from '../domain/order.ts';
import { firstPollAt } from '../domain/schedule.ts';
import type { ReferenceRules } from '../orders/ownership.ts';
import type { OpenResult, OrderStore } from '../orders/store.ts';
import { type PollQueue, pollJob } from './queue.ts';

/** What became of one accepted order. */
export type Enqueued =
  | {
      readonly outcome: 'new' | 'same';
      /** Some open orders under the same reference: the one that is settled first owns the payment. */
      readonly sharing?: readonly string[];
    }
  | { readonly outcome: 'conflict' }
  | {
      readonly outcome: 'in-use';
      /** The order that was paid under this reference. */
      readonly usedBy: string;
    };

export interface EnqueueParts {
  readonly store: OrderStore;
  /** The queue of an account; opened at first use. */
  queue(account: string): PollQueue;
  /** The strings under which a callback may speak of an order; none where its account takes no callbacks. */
  names(order: Order): readonly string[];
  /** How far the payments of the order's account are told apart. */
  payments(order: Order): ReferenceRules;
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
    orders.map((order) =>
      parts.store.open(order, firstPollAt(order), parts.names(order), parts.payments(order)),
    ),
  );
  const outcomes = await Promise.all(
    orders.map((order, index) => withProvider(parts.store, order, opened[index] as OpenResult)),
  );
  const byAccount = new Map<string, ReturnType<typeof pollJob>[]>();
  for (const [index, order] of orders.entries()) {
    const at = pollAtOf(outcomes[index]);
    if (at === null) continue;
    const jobs = byAccount.get(order.account) ?? [];
    jobs.push(pollJob(order.orderId, at, parts.now()));
    byAccount.set(order.account, jobs);
  }
  await Promise.all([...byAccount].map(([account, jobs]) => parts.queue(account).addBulk(jobs)));
  return outcomes.map(enqueuedOf);
}

function enqueuedOf(opened: OpenResult): Enqueued {
  switch (opened.outcome) {
    case 'new':
    case 'same': {
      const { outcome, sharing } = opened;
      return sharing === undefined ? { outcome } : { outcome, sharing };
    }
    case 'conflict':
    case 'in-use':
      return opened;
  }
}

/**
 * An open order whose account was pointed at another provider is in conflict: its provider is among its facts, and promising
 * to follow it would be untrue. The provider of a record never changes, so it may be read afterwards.
 */
async function withProvider(store: OrderStore, order: Order, opened: OpenResult): Promise<OpenResult> {
  if (opened.outcome !== 'same' || opened.nextPollAt === null) return opened;
  // A record that cannot be read must not keep the other orders out; a Redis that is away stops the next command.
  const record = await store.read(order.orderId).catch(() => null);
  return record === null || record.order.provider === order.provider ? opened : { outcome: 'conflict' };
}

/** An order that is still open gets its job again: adding it while it exists changes nothing. */
function pollAtOf(opened: OpenResult | undefined): number | null {
  return opened?.outcome === 'new' || opened?.outcome === 'same' ? opened.nextPollAt : null;
}
