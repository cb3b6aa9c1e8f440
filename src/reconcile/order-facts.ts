import { toMinor } from '../domain/money.ts';
import type { Order, Verdict } from '../domain/order.ts';
import { paymentFactsOf } from '../orders/payment-facts.ts';
import type { OrderRecord } from '../orders/record.ts';
import type { Provider } from '../providers/provider.ts';
import { canonicalReceipt, isMasked, mpesaReceipt } from '../providers/receipts.ts';

/** What a statement is compared with: an order, and the names under which its payment may be on a statement. */
export interface OrderFacts {
  readonly order: Order;
  readonly verdict: (Verdict & { readonly at: number }) | null;
  /** As in the last result; `null` where the provider did not report it. */
  readonly receivedMinor: number | null;
  /** In capitals; none that is masked. */
  readonly receipts: readonly string[];
  readonly references: readonly string[];
  /** Whether a text can be a receipt of its provider, by which a payment is claimed. */
  isReceipt(text: string): boolean;
  /** What earlier statements said about this order, as `recordedText`. */
  readonly recorded: ReadonlySet<string>;
}

/** How a statement's evidence is distinguished from other evidence of the same order. */
export function recordedText(receipt: string | null, amount: string | null, status: string | null): string {
  return `${receipt ?? ''} ${amount ?? ''} ${status ?? ''}`;
}

/**
 * @param accountNumber key of the metadata under which the checkout keeps the account number that the customer pays to
 */
export function factsOf(record: OrderRecord, provider: Provider, accountNumber: string | null): OrderFacts {
  const { order, progress, history } = record;
  const aliases = provider.aliases(order.reference);
  const ours = history.filter(
    ({ reading, reason }) =>
      reading === 'paid' && reason !== 'reference-mismatch' && reason !== 'wrong-direction',
  );
  const named = ours.flatMap(({ receipt, furtherReceipts = [] }) =>
    receipt === undefined ? [] : [receipt, ...furtherReceipts],
  );
  // Orders at Daraja are known by their receipts.
  const references = aliases.filter((alias) => mpesaReceipt.systemOf(alias) !== null);
  const number = accountNumber === null ? undefined : order.metadata[accountNumber];
  return {
    order,
    verdict: progress.verdict,
    receivedMinor: toMinor(paymentFactsOf(record).amountReceived),
    receipts: [...new Set([...named, ...references].filter((text) => !isMasked(text)).map(canonicalReceipt))],
    references: [
      ...new Set([
        ...aliases,
        order.orderId,
        ...(typeof number === 'string' || typeof number === 'number' ? [String(number)] : []),
      ]),
    ].filter((text) => text !== ''),
    isReceipt: (provider.receipt ?? mpesaReceipt).isReceipt,
    recorded: new Set(
      history
        .filter(({ source }) => source === 'statement')
        .map(({ receipt = null, amountReceived = null, providerStatus }) =>
          recordedText(receipt, amountReceived, providerStatus),
        ),
    ),
  };
}
