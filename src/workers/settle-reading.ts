import { type Clock, machineClock } from '../domain/clock.ts';
import { decide, type Policy } from '../domain/decide.ts';
import { remember } from '../domain/evidence.ts';
import type { Order, Reading } from '../domain/order.ts';
import { buildEvent, type ResultEvent } from '../domain/result-event.ts';
import { asUsed, type PaymentRules } from '../orders/ownership.ts';
import type { OrderRecord, PendingQuery } from '../orders/record.ts';
import type { OrderStore, SettleResult, Transition } from '../orders/store.ts';

export interface SettlingParts {
  readonly store: Pick<OrderStore, 'read'>;
  readonly policy: Policy;
  /** How far the account's payments are distinguished. */
  readonly payments: PaymentRules;
  /** By default, the clock of this machine. */
  readonly clock?: Clock;
  readonly observer: {
    published(event: ResultEvent, reading: Reading): void;
    contradiction(record: OrderRecord, reading: Reading): void;
    neglected(what: string, orderId: string): void;
  };
}

/**
 * Decides on a reading and writes the decision, as often as it takes: when another process moved the order meanwhile,
 * the same reading is decided on again over the newer state; when another order was paid by the same payment, as the doubt
 * that it then is. Returns the time of the next poll, `null` when closed.
 *
 * @param write writes a decision: `store.settle`, or `finish` of the poll's path
 * @param pushed where a pushed reading came from, and the query that it answers; `null` for a poll
 * @param openSince since when the account's circuit breaker has been open; absent while it is closed
 */
export async function settle(
  { store, policy, observer, payments, clock = machineClock }: SettlingParts,
  write: (step: Transition) => Promise<SettleResult>,
  record: OrderRecord,
  reading: Reading,
  pushed: { readonly entry: string; readonly queryId: string } | null,
  openSince: number | undefined,
): Promise<number | null> {
  let considered = reading;
  for (let current: OrderRecord | null = record; current !== null; ) {
    const now = clock.now();
    const order: Order = current.order;
    const answer = answering(current, considered, pushed);
    const decision = decide(
      order,
      current.progress,
      answer,
      { ...policy, steadySince: clock.steadySince() },
      now,
      Math.random(),
    );
    const { progress, publish, nextPollAt } = decision;
    const history = remember(current.history, answer);
    const event =
      publish === null ? null : buildEvent(order, progress, publish, considered, history, now, openSince);
    const query = queryAfter(current.query, considered, pushed?.queryId ?? null);
    const settled = await write({
      record: current,
      progress,
      history,
      nextPollAt,
      query,
      event,
      entry: pushed?.entry ?? null,
      used: considered === reading ? null : considered,
      payments,
    });
    if (settled.outcome === 'settled') {
      if (settled.neglected !== undefined) observer.neglected(settled.neglected, order.orderId);
      if (event !== null) observer.published(event, considered);
      if (decision.contradictsPaid) observer.contradiction(current, considered);
      return settled.nextPollAt;
    }
    if (settled.outcome === 'taken') return settled.nextPollAt;
    if (settled.outcome === 'used') {
      considered = asUsed(reading, settled.usedBy);
      continue;
    }
    considered = reading;
    current = settled.outcome === 'gone' ? null : await store.read(order.orderId);
  }
  return null;
}

/** A pushed reading is as old as its question, where that is still known. */
function answering(
  { query }: OrderRecord,
  reading: Reading,
  pushed: { readonly queryId: string } | null,
): Reading {
  return pushed !== null && query?.id === pushed.queryId ? { ...reading, askedAt: query.sentAt } : reading;
}

/** The query still under way after a reading: its own answer, or a poll that was not taken, ends it. */
function queryAfter(
  query: PendingQuery | null,
  reading: Reading,
  answeredQuery: string | null,
): PendingQuery | null {
  if (answeredQuery !== null) return query?.id === answeredQuery ? null : query;
  return reading.kind === 'pending' && reading.awaitedUntil !== undefined ? query : null;
}
