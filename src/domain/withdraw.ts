import type { Evidence } from './evidence.ts';
import { type Order, withdrawnVerdict } from './order.ts';
import { type Progress, publishing } from './progress.ts';
import { buildWithdrawal, type ResultEvent } from './result-event.ts';

/** What becomes of an order that is to be withdrawn. */
export type Withdrawal =
  /** It is followed no more, and this is published. */
  | { readonly outcome: 'withdrawn'; readonly progress: Progress; readonly event: ResultEvent }
  /** It was withdrawn before. */
  | { readonly outcome: 'same' }
  /** Money first: a paid order stays paid. */
  | { readonly outcome: 'paid' }
  /** Its verdict is final, or its watch is over: there are no polls to stop. */
  | { readonly outcome: 'closed' };

/**
 * Decides what withdrawing an order does. Pure. It publishes `unresolved/withdrawn` also after an earlier verdict: that one may
 * still have changed, and now nobody looks any more.
 */
export function withdraw(
  order: Order,
  progress: Progress,
  history: readonly Evidence[],
  now: number,
): Withdrawal {
  if (progress.verdict?.status === 'paid') return { outcome: 'paid' };
  if (progress.withdrawnAt !== undefined) return { outcome: 'same' };
  if (progress.phase === 'closed') return { outcome: 'closed' };
  const withdrawn: Progress = {
    ...publishing(progress, withdrawnVerdict, now),
    phase: 'closed',
    withdrawnAt: now,
  };
  return {
    outcome: 'withdrawn',
    progress: withdrawn,
    event: buildWithdrawal(order, withdrawn, history, now),
  };
}
