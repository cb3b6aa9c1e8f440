import type { ResultEvent } from '../domain/result-event.ts';
import { type Withdrawal, withdraw } from '../domain/withdraw.ts';
import type { OrderStore } from '../orders/store.ts';
import { isRefusal, jobIdOf, type PollQueue } from './queue.ts';

/** Outcome of withdrawing an order. `withdrawn`: this call did it, and `event` is published. */
export type WithdrawResult =
  | { readonly outcome: 'withdrawn'; readonly event: ResultEvent }
  | { readonly outcome: Exclude<Withdrawal['outcome'], 'withdrawn'> | 'gone' };

/**
 * Stops following an order. Its record and the event `unresolved/withdrawn` are written in one step; a worker that has a poll
 * in flight finds the record changed, and decides again. Then the job is removed: if the process dies before that, the job
 * ends by itself at its next turn.
 */
export async function withdrawOrder(
  store: Pick<OrderStore, 'read' | 'settle'>,
  queue: (account: string) => PollQueue,
  orderId: string,
  now: () => number = Date.now,
): Promise<WithdrawResult> {
  for (;;) {
    const record = await store.read(orderId);
    if (record === null) return { outcome: 'gone' };
    const { order, progress, history, query } = record;
    const withdrawal = withdraw(order, progress, history, now());
    if (withdrawal.outcome !== 'withdrawn') return { outcome: withdrawal.outcome };
    const { event } = withdrawal;
    // No hint counts as served: one of a pushed answer keeps the job, which then reads the answer.
    const asRead = { ...record, hints: record.hintsSeen };
    const step = { record: asRead, history, query, event, nextPollAt: null, entry: null };
    const settled = await store.settle({ ...step, progress: withdrawal.progress });
    // The record has changed since it was read: look at it again.
    if (settled.outcome === 'stale') continue;
    if (settled.outcome === 'gone') return { outcome: 'gone' };
    // While pushed answers wait in the order's inbox, its job is needed to read them.
    if (settled.outcome === 'settled' && settled.nextPollAt === null) {
      await removeJob(queue(order.account), orderId);
    }
    return { outcome: 'withdrawn', event };
  }
}

/** A job that a worker holds is left to it: its turn ends without another one. */
async function removeJob(queue: PollQueue, orderId: string): Promise<void> {
  try {
    await queue.remove(jobIdOf(orderId));
  } catch (error) {
    if (!isRefusal(error) && !(error instanceof Error && /locked/.test(error.message))) throw error;
  }
}
