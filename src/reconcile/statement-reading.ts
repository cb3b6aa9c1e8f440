import { toMajor } from '../domain/money.ts';
import type { Reading } from '../domain/order.ts';
import { proofOf } from '../providers/proof.ts';
import type { Provider } from '../providers/provider.ts';
import { type Comparison, statusWords } from './compare-order.ts';
import type { OrderFacts } from './order-facts.ts';
import type { RowIndex } from './statement/row-index.ts';

/** What all readings of one statement have in common. */
export interface StatementSource {
  /** Of the file, or of the answer of the API. */
  readonly sha256: string;
  /** The currencies that the account can have. */
  readonly currencies: readonly string[];
  /** Where a row is: `Statement row 17`. */
  rowName(line: number): string;
}

/**
 * The reading that a statement gives of an order: checked like every answer that says "paid", by the order's own amount and
 * currency. A reversal says that the payment is at odds with what was said of it before.
 */
export function statementReading(
  { order }: OrderFacts,
  { finding, rows, netMinor }: Comparison,
  index: RowIndex,
  provider: Provider,
  source: StatementSource,
  now: number,
): Reading {
  const lines = rows.map((nth) => index.row(nth));
  const payments = lines.filter(({ kind }) => kind === 'payment');
  const first = payments[0] ?? lines[0];
  const receipts = [...new Set(lines.map(({ receipt }) => receipt))].filter((receipt) => receipt !== '');
  const isReversed = finding === 'reversed';
  const proof = proofOf(
    // A statement always has the amount, and the receipt if its rows have one; the row was found by its reference.
    {
      ...provider,
      amountUnit: 'major',
      guarantees: { ...provider.guarantees, amount: true, receipt: false, reference: false },
    },
    {
      about: 'payment',
      word: statusWords.paid,
      amountReceived: toMajor(netMinor),
      currencies: [...new Set(lines.map(({ currency }) => currency))],
      receipt: receipts[0],
      furtherReceipts: receipts.slice(1),
      doubt: isReversed ? 'contradiction' : null,
    },
    { reading: 'paid', from: 'a statement' },
    { reference: null, amountMinor: order.amountMinor, currency: order.currency },
    source.currencies,
  );
  return {
    kind: 'paid',
    source: 'statement',
    at: now,
    httpStatus: null,
    providerStatus: isReversed ? statusWords.reversed : statusWords.paid,
    providerMessage: lines.map(({ line }) => source.rowName(line)).join(', '),
    bodySha256: source.sha256,
    paidAt: first?.at ?? null,
    ...proof,
    // No later statement says it otherwise.
    certainty: 'firm',
  };
}
