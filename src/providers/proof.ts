import { isMoney, toMinor } from '../domain/money.ts';
import type { Certainty, Doubt, Reference } from '../domain/order.ts';
import { currencyOfAmount } from './currency.ts';
import { isGiven } from './fields.ts';
import { isInternationalNumber } from './phone-numbers.ts';
import { spellingOf } from './printed-ids.ts';
import { phoneDigits } from './printed-phones.ts';
import type { PaymentFinding, Provider, ReadingRules } from './provider.ts';
import { mpesaReceipt } from './receipts.ts';
import type { Meaning } from './status-table.ts';

/** What an answer is checked against; `null` skips that check, or all of them. */
export type Expected = {
  readonly reference: Reference | null;
  readonly amountMinor: number | null;
  readonly currency: string | null;
} | null;

/** What a paid answer proves, and what it leaves in doubt. */
export interface Proof {
  readonly certainty: Certainty;
  readonly doubt: Doubt | null;
  readonly receipt: string | null;
  readonly furtherReceipts?: readonly string[];
  readonly amountReceivedMinor: number | null;
  readonly otherAmount?: { readonly currency: string; readonly amountMinor: number };
}

/**
 * Weighs an answer that says "paid" against the order: reference, direction, currency, amount, receipt.
 *
 * @param possible the currencies that the account can have
 */
export function proofOf(
  provider: Provider,
  finding: PaymentFinding,
  meaning: Extract<Meaning, { reading: 'paid' }>,
  expected: Expected,
  possible: readonly string[],
): Proof {
  const amountMinor = provider.guarantees.amount ? minorOf(finding.amountReceived, provider) : null;
  const [receipt = null, ...others] = plausibleReceipts(finding, provider, expected, possible);
  const currency = currencyOf(finding, expected, possible);
  const doubt = speaksOfAnother(provider, finding, expected)
    ? 'reference-mismatch'
    : (firmDoubt(finding, currency) ??
      finding.doubt ??
      (finding.isReversed ? 'contradiction' : null) ??
      meaning.doubt ??
      missingProof(provider, finding, amountMinor, receipt, expected));
  return {
    certainty: isSoft(doubt) ? 'soft' : 'firm',
    doubt,
    receipt,
    ...(others.length > 0 && { furtherReceipts: others }),
    ...amountsOf(amountMinor, currency),
  };
}

/** `minor`: an integer number of cents, as a number or in digits. */
function minorOf(amount: unknown, { amountUnit }: Provider): number | null {
  if (amountUnit !== 'minor') return toMinor(amount);
  const isPlain = typeof amount === 'number' || typeof amount === 'string';
  const digits = isPlain ? String(amount) : '';
  return /^\d{1,15}$/.test(digits) ? Number(digits) : null;
}

/** The currency of an answer, and whether it is the one that is expected. */
interface AnswerCurrency {
  /** `null`: not known. */
  readonly code: string | null;
  readonly isExpected: boolean;
}

function currencyOf(
  finding: PaymentFinding,
  expected: Expected,
  possible: readonly string[],
): AnswerCurrency {
  const code = currencyOfAmount(finding.currencies, possible);
  const wanted = expected?.currency ?? null;
  return { code, isExpected: code !== null && (wanted === null ? possible.includes(code) : code === wanted) };
}

/** An amount in another currency is kept apart, so that nobody compares it with the order's. */
function amountsOf(amountMinor: number | null, { code, isExpected }: AnswerCurrency) {
  if (isExpected || amountMinor === null) return { amountReceivedMinor: amountMinor };
  return {
    amountReceivedMinor: null,
    ...(code !== null && { otherAmount: { currency: code, amountMinor } }),
  };
}

/** Doubts that cannot mend themselves come before those that can: money that went out, or is of another currency. */
function firmDoubt({ doubt }: PaymentFinding, { isExpected }: AnswerCurrency): Doubt | null {
  if (doubt === 'wrong-direction') return doubt;
  if (!isExpected) return 'currency-mismatch';
  return doubt != null && !isSoft(doubt) ? doubt : null;
}

function isSoft(doubt: Doubt | null): boolean {
  return doubt === 'receipt-missing' || doubt === 'contradiction';
}

/** What a paid answer lacks to be believed; first what cannot mend itself within seconds. */
function missingProof(
  provider: Provider,
  finding: PaymentFinding,
  amountReceivedMinor: number | null,
  receipt: string | null,
  expected: Expected,
): Doubt | null {
  const { guarantees } = provider;
  if (guarantees.amount && amountReceivedMinor === null) return 'amount-unknown';
  // Paid, and nothing came in: less than any order asks for.
  if (amountReceivedMinor === 0) return 'underpaid';
  const expectedMinor = expected?.amountMinor ?? null;
  if (isGiven(finding.amountAsked)) {
    const askedMinor = minorOf(finding.amountAsked, provider);
    if (askedMinor === null) return 'amount-unknown';
    if (expectedMinor !== null && askedMinor < expectedMinor) return 'underpaid';
  }
  if (expectedMinor !== null && amountReceivedMinor !== null && amountReceivedMinor < expectedMinor) {
    return 'underpaid';
  }
  if (guarantees.receipt && receipt === null) return 'receipt-missing';
  return lacksReference(provider, finding, expected) ? 'reference-mismatch' : null;
}

/** No payment for an order was ever made in so many parts. */
const mostReceipts = 20;

/**
 * The texts that can be receipts, also where only some answers carry one; each once. In the place of a receipt stand
 * fillings, words of a status table, and whatever else the provider has at hand: our own reference, another id, the
 * customer's number.
 */
function plausibleReceipts(
  finding: PaymentFinding,
  provider: Provider,
  expected: Expected,
  possible: readonly string[],
): string[] {
  const { receipt: kind = mpesaReceipt } = provider;
  const currencies = expected?.currency == null ? possible : [expected.currency];
  const notReceipts = new Set([...ownWords(provider), ...otherIds(finding, provider, expected)]);
  const found = new Map<string, string>();
  for (const text of [finding.receipt, ...(finding.furtherReceipts ?? [])]) {
    const receipt = text?.trim() ?? '';
    const spelling = spellingOf(receipt);
    if (found.has(spelling) || notReceipts.has(spelling) || !kind.isReceipt(receipt)) continue;
    if (finding.phones?.has(phoneDigits(receipt) ?? '') || isInternationalNumber(receipt, currencies))
      continue;
    found.set(spelling, receipt);
  }
  return found.size > mostReceipts ? [] : [...found.values()];
}

/** The words of the provider's tables, in capitals. */
function ownWords({ payment, call, asyncResult }: Provider): string[] {
  const tables = [payment, call, asyncResult?.payment, asyncResult?.call];
  return tables.flatMap((table) => [...(table?.keys() ?? [])]).map((word) => word.toUpperCase());
}

/** Our own reference and the other ids of an answer, in capitals; none where the receipt is the reference. */
function otherIds(finding: PaymentFinding, provider: Provider, expected: Expected): string[] {
  const reference = expected?.reference ?? null;
  // Read without its order, an answer does not say which of its ids was asked about.
  if (reference === null || provider.asksByReceipt?.(reference)) return [];
  const names = [...(aliasesOf(provider, reference) ?? []), ...namedReferences(finding)];
  return [...names.map(spellingOf), ...(finding.ids ?? [])];
}

/** The names that our reference has in answers; `null` for one that the adapter does not know: no answer is about it. */
function aliasesOf(provider: Provider, reference: Reference): readonly string[] | null {
  const known = provider.reference.safeParse(reference);
  return known.success ? provider.aliases(known.data) : null;
}

/** What keeps a word that would end the order unpaid from being believed: money of ours, or no word of our payment. */
export function disprovesFailure(
  provider: Provider,
  { failuresCarry = [] }: ReadingRules,
  finding: PaymentFinding,
  expected: Expected,
  possible: readonly string[],
): boolean {
  if (finding.doubt != null || speaksOfAnother(provider, finding, expected)) return true;
  if (!failuresCarry.includes('amount') && isMoney(finding.amountReceived)) return true;
  if (
    !failuresCarry.includes('receipt') &&
    plausibleReceipts(finding, provider, expected, possible).length > 0
  )
    return true;
  return lacksReference(provider, finding, expected);
}

/** Does an answer name nobody, where every answer names our payment? */
function lacksReference({ guarantees }: Provider, finding: PaymentFinding, expected: Expected): boolean {
  return expected?.reference != null && guarantees.reference && namedReferences(finding).length === 0;
}

function namedReferences(finding: PaymentFinding): string[] {
  return (finding.references ?? []).filter((theirs) => theirs != null && theirs !== '') as string[];
}

/** Does a paid or failed answer name another payment than the one that we asked about? */
export function speaksOfAnother(provider: Provider, finding: PaymentFinding, expected: Expected): boolean {
  if (expected?.reference == null) return false;
  const ours = aliasesOf(provider, expected.reference);
  if (ours === null) return true;
  // Gateways print receipts in small letters too.
  const isReceipt = provider.asksByReceipt?.(expected.reference) ?? false;
  const known = isReceipt ? ours.map(spellingOf) : ours;
  return namedReferences(finding).some((theirs) => !known.includes(isReceipt ? spellingOf(theirs) : theirs));
}
