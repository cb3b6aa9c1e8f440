import type { Clock } from '../domain/clock.ts';
import type { Policy } from '../domain/decide.ts';
import type { PaymentRules } from '../orders/ownership.ts';
import type { OrderRecord } from '../orders/record.ts';
import type { OrderStore } from '../orders/store.ts';
import type { Provider } from '../providers/provider.ts';
import { type SettlingParts, settle } from '../workers/settle-reading.ts';
import { compareOrder, type Period } from './compare-order.ts';
import { factsOf } from './order-facts.ts';
import type { RowIndex } from './statement/row-index.ts';
import { type StatementSource, statementReading } from './statement-reading.ts';

export interface StatementSettlerParts {
  readonly store: OrderStore;
  readonly account: string;
  readonly provider: Provider;
  readonly accountNumber: string | null;
  readonly rows: RowIndex;
  readonly period: Period | null;
  readonly source: StatementSource;
  readonly policy: Policy;
  readonly payments: PaymentRules;
  readonly clock: Clock;
  readonly observer: SettlingParts['observer'];
  /** Called before a contradiction of a paid order is recorded. */
  contradicts(orderId: string): Promise<void>;
  /** The order is polled at this time, and its job may not know it yet. */
  reschedule(orderId: string, at: number): Promise<void>;
}

/** What became of an order. */
export type StatementSettled =
  /** A verdict was published. */
  | { readonly outcome: 'published'; readonly record: OrderRecord }
  /** The statement contradicts a paid order: recorded, and nothing published. */
  | { readonly outcome: 'contradicted'; readonly record: OrderRecord }
  /** It said what is published already. */
  | { readonly outcome: 'unchanged'; readonly record: OrderRecord }
  /** The order has changed since it was compared, or is gone: it is compared anew the next time. */
  | { readonly outcome: 'changed' };

/**
 * Passes what a statement says about an order to the same decision as every other answer. The order is compared again, because
 * a poll may have answered meanwhile; after that, the record's revision guards it as it does everywhere.
 */
export function createStatementSettler(parts: StatementSettlerParts) {
  const { store, provider, rows, clock, payments, policy } = parts;

  return async (orderId: string): Promise<StatementSettled> => {
    const record = await store.read(orderId);
    if (record === null || record.order.account !== parts.account || record.order.provider !== provider.id)
      return { outcome: 'changed' };
    const facts = factsOf(record, provider, parts.accountNumber);
    const comparison = compareOrder(facts, rows, parts.period);
    // Another run, or a poll, was quicker.
    if (comparison.finding === 'agrees') return { outcome: 'unchanged', record };
    if (!comparison.isStrong) return { outcome: 'changed' };
    let isContradicted = false;
    const observer: SettlingParts['observer'] = {
      ...parts.observer,
      contradiction(...about) {
        isContradicted = true;
        parts.observer.contradiction(...about);
      },
    };
    if (record.progress.verdict?.status === 'paid') await parts.contradicts(orderId);
    const reading = statementReading(facts, comparison, rows, provider, parts.source, clock.now());
    const nextPollAt = await settle(
      { store, policy, payments, clock, observer },
      store.settle,
      record,
      reading,
      null,
      undefined,
    );
    if (nextPollAt !== null && nextPollAt !== record.nextPollAt) await parts.reschedule(orderId, nextPollAt);
    const after = await store.read(orderId);
    if (after === null) return { outcome: 'changed' };
    if (isContradicted) return { outcome: 'contradicted', record: after };
    const isNew = after.progress.stateversion > record.progress.stateversion;
    return { outcome: isNew ? 'published' : 'unchanged', record: after };
  };
}
