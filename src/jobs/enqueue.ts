import type { Order } from '../domain/order.ts';
import { firstPollAt } from '../domain/schedule.ts';
import type { ReferenceRules } from '../orders/ownership.ts';
import type { OpenResult, OrderStore } from '../orders/store.ts';
import { type PollQueue, pollJob } from './queue.ts';

/** Outcome of enqueueing one valid order. */
export type EnqueueOutcome =
  | {
      readonly outcome: 'new' | 'same';
      /** Some open orders with the same reference: the first to be paid claims the payment. */
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
  /** Further names by which the provider may call an order. */
  names(order: Order): readonly string[];
  /** Metadata keys by which an order can be found. Default: none. */
  indexedMetadata?(order: Order): readonly string[];
  /** The rules of the order's account on which payments are the same. */
  payments(order: Order): ReferenceRules;
  readonly now: () => number;
}

/**
 * Records orders and adds their jobs. When it returns, every order with outcome `new` or `same` is acknowledged: its record and
 * its job are in Redis. After a crash in between, enqueueing again or the sweeper adds the missing job.
 *
 * @throws when Redis fails; the outcome is then unknown, and enqueueing the orders again is safe
 */
export async function enqueueOrders(
  parts: EnqueueParts,
  orders: readonly Order[],
): Promise<EnqueueOutcome[]> {
  const opened = await Promise.all(
    orders.map((order) =>
      parts.store.open(
        order,
        firstPollAt(order),
        parts.names(order),
        parts.payments(order),
        parts.indexedMetadata?.(order),
      ),
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
  return outcomes.map(toOutcome);
}

function toOutcome(opened: OpenResult): EnqueueOutcome {
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
 * An open order whose account now has another provider is a conflict: the provider is one of its facts, and the order can no
 * longer be polled. A record's provider never changes, so reading it afterwards is safe.
 */
async function withProvider(store: OrderStore, order: Order, opened: OpenResult): Promise<OpenResult> {
  if (opened.outcome !== 'same' || opened.nextPollAt === null) return opened;
  // An unreadable record must not fail the other orders. If Redis is unavailable, the next command fails.
  const record = await store.read(order.orderId).catch(() => null);
  return record === null || record.order.provider === order.provider ? opened : { outcome: 'conflict' };
}

/** When the order's job is due; `null` for no job. Open orders always get one: adding an existing job changes nothing. */
function pollAtOf(opened: OpenResult | undefined): number | null {
  return opened?.outcome === 'new' || opened?.outcome === 'same' ? opened.nextPollAt : null;
}
