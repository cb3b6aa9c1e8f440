import type { ProviderId } from './registry.ts';
import type { ScriptedOrder } from './scripted-orders.ts';
import { finalState, isPaid } from './timeline.ts';
import type { PlainState } from './words.ts';

/** The truth about one order, to hold a poller's verdict against. Amounts are in major units, instants epoch milliseconds. */
export interface LedgerEntry {
  readonly provider: ProviderId;
  readonly reference: string;
  /** Requested. */
  readonly amount: string;
  /** What has arrived in the end; "0.00" when the order does not end paid. */
  readonly amountPaid: string;
  /** The receipt of the payment; null when the order does not end paid. */
  readonly receipt: string | null;
  /** The last state of the timeline; "unknown" for a word that no documentation lists. */
  readonly finalState: PlainState | 'unknown';
  /** When the last state was or will be reached. */
  readonly finalAt: number;
  /** When the order was or will be paid first; null when never. */
  readonly paidAt: number | null;
  /** Status requests that named the order; those answered without fault or refusal; those beyond the limit. */
  readonly polls: number;
  readonly answered: number;
  readonly overLimit: number;
  /** Transaction Status queries acknowledged, results posted and queue time-outs posted. */
  readonly queries: number;
  readonly results: number;
  readonly queueTimeouts: number;
  /** Callbacks posted, and posts of any kind that got no answer of 2xx. */
  readonly callbacks: number;
  readonly undelivered: number;
}

/** The truth about one scripted order. */
export function ledgerEntry(order: ScriptedOrder): LedgerEntry {
  const { script, scriptedAt } = order;
  const final = finalState(order);
  const endsPaid = isPaid(final.state);
  const firstPaid = script.timeline.find(({ state }) => isPaid(state));
  return {
    provider: script.provider as ProviderId,
    reference: script.reference,
    amount: script.amount,
    amountPaid: endsPaid ? order.amountPaid : '0.00',
    receipt: endsPaid ? order.receipt : null,
    finalState: typeof final.state === 'string' ? final.state : 'unknown',
    finalAt: final.since,
    paidAt: firstPaid ? scriptedAt + firstPaid.afterMs : null,
    polls: order.polls,
    answered: order.answered,
    overLimit: order.overLimit,
    queries: order.queries,
    results: order.results,
    queueTimeouts: order.queueTimeouts,
    callbacks: order.callbacks,
    undelivered: order.undelivered,
  };
}
