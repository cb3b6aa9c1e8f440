import type { Evidence } from '../domain/evidence.ts';
import { toMinor } from '../domain/money.ts';
import type { Order, Reading, Reference } from '../domain/order.ts';
import type { ResultEvent } from '../domain/result-event.ts';
import type { Keys } from '../redis/keys.ts';
import { canonicalReference } from './codec.ts';
import type { RecordUpdate } from './record.ts';

/**
 * One payment proves one order: a paid order claims its reference, and its receipts if the provider gives any that identify it. As long as
 * its record is kept, no other order can be paid by either, in any account.
 */

/** When payments of an account count as the same payment, and whether they may be shared. */
export interface PaymentRules {
  /** True if one payment may pay several orders, up to its amount. */
  readonly isShared: boolean;
  /** Scope in which equal references mean the same payment, part of the key: the same for all accounts of one merchant. */
  readonly references: string;
  /**
   * Scope in which equal receipts mean the same payment: the same for all providers with receipts of the same system. `null`:
   * the receipt identifies no payment, and is not claimed.
   */
  receiptsLike(receipt: string): string | null;
}

/** The rules that matter when an order is enqueued. */
export type ReferenceRules = Pick<PaymentRules, 'isShared' | 'references'>;

/** Default rules: payments are distinguished within the account. */
export function paymentsWithin(account: string): PaymentRules {
  return { isShared: false, references: account, receiptsLike: () => account };
}

/** The payment claim of a transition, as arguments of `settle.lua`. */
export interface Owning {
  /** The reference first, then the receipts if there are any. */
  readonly keys: readonly string[];
  /**
   * `take`: claim the keys; nothing is written if another order has claimed one. `keep`: renew the TTL of existing claims.
   * `deny`: nothing is written unless another order has claimed one.
   */
  readonly text: `${'take' | 'keep' | 'deny'} ${number} ${number | '-'} ${'alone' | 'shared'}`;
}

/**
 * The claim of a transition; `null` if the order is not paid.
 *
 * @param used the reading with the doubt `receipt-used` on which the transition rests; `null` if it rests on another
 */
export function owningOf(
  order: Order,
  { progress, history }: Pick<RecordUpdate, 'progress' | 'history'>,
  event: ResultEvent | null,
  used: Reading | null,
  rules: PaymentRules,
  keys: Keys,
): Owning | null {
  const owning = (
    act: 'take' | 'keep' | 'deny',
    receipts: readonly string[],
    received: number | null,
  ): Owning => ({
    keys: [
      keys.paid(rules.references, referenceName(order.reference)),
      ...receipts.flatMap((receipt) => {
        const scope = rules.receiptsLike(receipt);
        return scope === null ? [] : [keys.receipt(scope, receipt)];
      }),
    ],
    text: `${act} ${order.amountMinor} ${received ?? '-'} ${rules.isShared ? 'shared' : 'alone'}`,
  });
  if (progress.verdict?.status === 'paid') {
    return event === null
      ? owning('keep', receiptsOf(proving(history)), null)
      : owning('take', receiptsToTake(event, history), toMinor(event.data.amountReceived));
  }
  if (used?.kind !== 'paid') return null;
  const { receipt, furtherReceipts = [], amountReceivedMinor } = used;
  return owning('deny', receipt === null ? [] : [receipt, ...furtherReceipts], amountReceivedMinor);
}

/** The reading that proved the payment: the first without a doubt, because that one was published. */
function proving(history: readonly Evidence[]): Evidence | undefined {
  return history.find(({ reading, reason }) => reading === 'paid' && reason === undefined);
}

/** All receipts of the reading that is about to be published. */
function receiptsToTake({ data }: ResultEvent, history: readonly Evidence[]): string[] {
  const receipts = data.receipt === null ? [] : [data.receipt];
  return [...new Set([...receipts, ...receiptsOf(history.at(-1))])];
}

function receiptsOf(evidence: Evidence | undefined): string[] {
  const { receipt, furtherReceipts = [] } = evidence ?? {};
  return receipt === undefined ? [] : [receipt, ...furtherReceipts];
}

/** The reading with the doubt `receipt-used`, because another order was paid by the same payment. */
export function asUsed(reading: Reading, owner: string): Reading {
  if (reading.kind !== 'paid') return reading;
  return { ...reading, doubt: 'receipt-used', certainty: 'firm', usedBy: owner };
}

/** A reference as part of a key: a string unchanged, an object as JSON with sorted keys. */
export function referenceName(reference: Reference): string {
  return typeof reference === 'string' ? reference : canonicalReference(reference);
}
