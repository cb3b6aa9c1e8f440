import type { Evidence } from '../domain/evidence.ts';
import { toMinor } from '../domain/money.ts';
import type { Order, Reading, Reference } from '../domain/order.ts';
import type { ResultEvent } from '../domain/result-event.ts';
import type { Keys } from '../redis/keys.ts';
import { canonicalReference } from './codec.ts';
import type { RecordUpdate } from './record.ts';

/**
 * One payment proves one order: who is paid owns its receipts, where the provider gives any, and its reference. As long as
 * its record is to be kept no other order can be paid by either, whichever account asks.
 */

/** How far the payments of an account are told apart, and whether they may be shared. */
export interface PaymentRules {
  /** Whether several orders may be paid by one payment, as far as it reaches. */
  readonly isShared: boolean;
  /** Where equal references mean one payment: a part of a key's name, the same for all accounts that ask one merchant. */
  readonly references: string;
  /** Where equal receipts mean one payment: the same for all providers that pass on the receipts of one system. */
  receiptsLike(receipt: string): string;
}

/** The part of them that counts when an order is handed in. */
export type ReferenceRules = Pick<PaymentRules, 'isShared' | 'references'>;

/** The rules of an account of which nothing more is known. */
export function paymentsWithin(account: string): PaymentRules {
  return { isShared: false, references: account, receiptsLike: () => account };
}

/** What a step does about ownership, as `settle.lua` takes it: the keys, and what to do in one word and three figures. */
export interface Owning {
  /** The reference first, then the receipts if there are any. */
  readonly keys: readonly string[];
  /** `take`: nothing is written when another order owns one of the keys. `keep`: what is owned already lives on. */
  readonly text: `${'take' | 'keep'} ${number} ${number | '-'} ${'alone' | 'shared'}`;
}

/** `null` for a step of an order that is not paid. */
export function owningOf(
  order: Order,
  { progress, history }: Pick<RecordUpdate, 'progress' | 'history'>,
  event: ResultEvent | null,
  rules: PaymentRules,
  keys: Keys,
): Owning | null {
  if (progress.verdict?.status !== 'paid') return null;
  const receipts = event === null ? receiptsOf(proving(history)) : receiptsToTake(event, history);
  const received = event === null ? null : toMinor(event.data.amountReceived);
  return {
    keys: [
      keys.paid(rules.references, referenceName(order.reference)),
      ...receipts.map((receipt) => keys.receipt(rules.receiptsLike(receipt), receipt)),
    ],
    text: `${event === null ? 'keep' : 'take'} ${order.amountMinor} ${received ?? '-'} ${rules.isShared ? 'shared' : 'alone'}`,
  };
}

/** The reading that an order was paid by: the first that proved it, for with that one it was published. */
function proving(history: readonly Evidence[]): Evidence | undefined {
  return history.find(({ reading, reason }) => reading === 'paid' && reason === undefined);
}

/** All receipts of the answer that is about to be published. */
function receiptsToTake({ data }: ResultEvent, history: readonly Evidence[]): string[] {
  const receipts = data.receipt === null ? [] : [data.receipt];
  return [...new Set([...receipts, ...receiptsOf(history.at(-1))])];
}

function receiptsOf(evidence: Evidence | undefined): string[] {
  const { receipt, furtherReceipts = [] } = evidence ?? {};
  return receipt === undefined ? [] : [receipt, ...furtherReceipts];
}

/** A reading that turned out to speak of a payment by which another order was paid. */
export function asUsed(reading: Reading, owner: string): Reading {
  if (reading.kind !== 'paid') return reading;
  return { ...reading, doubt: 'receipt-used', certainty: 'firm', usedBy: owner };
}

/** A reference in the name of a key: text as it is, an object as JSON with its keys in order. */
export function referenceName(reference: Reference): string {
  return typeof reference === 'string' ? reference : canonicalReference(reference);
}
