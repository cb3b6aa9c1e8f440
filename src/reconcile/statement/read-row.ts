import { canonicalReceipt, isMasked, mpesaReceipt } from '../../providers/receipts.ts';
import { currencyIn, type DecimalSign, readAmount } from './amount.ts';
import { type PrintedTime, readTime } from './date.ts';
import type { FieldName, Places, StatementFormat } from './formats.ts';
import { bothNamed, isDamaged, type NamedPayments, namedInCells, namedInText } from './named-payments.ts';
import type { RowKind, StatementRow } from './row-index.ts';

/**
 * What one line of a statement says. `other`: a charge, a payout, a failed attempt, a total: nothing about a payment to us.
 * Nothing can be said of the payments in `unclear`: the line is about them, or may be, and does not say what.
 */
export type LineReading = (
  | { readonly kind: 'row'; readonly row: Omit<StatementRow, 'at' | 'line'>; readonly time: PrintedTime }
  | { readonly kind: 'other' }
  | { readonly kind: 'fault'; readonly fault: string }
) & { readonly unclear?: NamedPayments & { readonly time: PrintedTime | null } };

export interface RowRules {
  readonly format: StatementFormat;
  readonly places: Places;
  readonly decimalSign: DecimalSign;
  /** Of rows that name none. */
  readonly currency: string;
}

/** Reads one line below the header. What cannot be read for certain is a fault, and settles nothing. */
export function readRow(line: readonly string[], rules: RowRules): LineReading {
  const { places } = rules;
  const cell = (field: FieldName) => {
    const place = places[field];
    return place === undefined ? '' : (line[place] ?? '').trim();
  };
  const time = readTime(cell('time'));
  const words = wordsOf(cell, rules);
  const isTakingBack = reversed.test(words.all);
  const names = () =>
    isTakingBack || places.receipt === undefined
      ? bothNamed(namedInCells(cell), namedInText(cell('narrative')))
      : namedInCells(cell);
  const unclear = () => ({ ...names(), time });
  const fault = (text: string): LineReading => ({ kind: 'fault', fault: text, unclear: unclear() });
  const amount = amountOf(cell, rules);
  const isComplete = isCompleted(cell('status'), rules);
  const isReversed = !isComplete && reversed.test(cell('status'));
  if (!isComplete && !isReversed) {
    // A reversal that may still happen; one that failed takes nothing back.
    const mayHappen = isTakingBack && !failed.test(cell('status'));
    return { kind: 'other', ...(mayHappen && { unclear: unclear() }) };
  }
  // Totals, notes and closing balances below the rows have no date, and no receipt.
  const isNameless = places.receipt !== undefined && cell('receipt') === '';
  if (cell('time') === '' || isNameless) {
    const isFault = cell('time') !== '' && typeof amount === 'number' && amount > 0;
    if (isFault) return fault('it has an amount and no receipt');
    return { kind: 'other', ...((amount === 'unreadable' || amount < 0) && { unclear: unclear() }) };
  }
  if (amount === 'unreadable') return fault('the amount cannot be read');
  const receipt = receiptOf(cell, rules);
  if (receipt === null) return fault('the receipt was cut short or changed by a spreadsheet');
  const kind = kindOf(amount, words, rules, isReversed);
  // A reversal that brings money in takes back a payout; but if it is of a payment of ours, nobody knows what it means.
  if (kind === null) return { kind: 'other', ...((amount > 0 || isTakingBack) && { unclear: unclear() }) };
  if (time === null) return fault('the date cannot be read');
  const currency = currencyOf(cell('currency'), rules.currency);
  if (currency === null) return fault('the currency is no code of three letters');
  const printed = printedCurrency(cell);
  if (printed !== null && printed !== currency)
    return fault(`the amount is in ${printed}, and the row in ${currency}`);
  const linked =
    kind === 'payment' || kind === 'negative' ? '' : canonicalReceipt(cell('linked').slice(0, 128));
  if (linked !== '' && (isDamaged(linked) || isMasked(linked)))
    return fault('the receipt that it takes back was cut short or changed by a spreadsheet');
  const reference = cell('reference');
  // Without a column for it, the text may say which payment is taken back.
  const isOpen = linked === '' && kind !== 'payment' && isTakingBack;
  return {
    kind: 'row',
    time,
    row: {
      ...{ kind, currency, amountMinor: Math.abs(amount) },
      receipt: linked === '' ? receipt.text : linked,
      isReceiptLoose: linked === '' && receipt.isLoose,
      isLinked: linked !== '',
      // A number that a spreadsheet has rounded, or a text that was cut, names nobody.
      reference: isDamaged(reference) ? '' : reference,
    },
    ...(isOpen && { unclear: { ...namedInText(cell('narrative')), time } }),
  };
}

function isCompleted(status: string, { format: { completed }, places }: RowRules): boolean {
  if (completed === undefined || places.status === undefined) return true;
  return completed.some((word) => word.toLowerCase() === status.toLowerCase());
}

/** Minor units with a sign: positive came in. */
function amountOf(
  cell: (field: FieldName) => string,
  { places, decimalSign }: RowRules,
): number | 'unreadable' {
  if (places.amount !== undefined) {
    const amount = readAmount(cell('amount'), decimalSign);
    return amount === 'empty' ? 0 : amount;
  }
  const paidIn = readAmount(cell('paidIn'), decimalSign);
  const withdrawn = readAmount(cell('withdrawn'), decimalSign);
  if (paidIn === 'unreadable' || withdrawn === 'unreadable') return 'unreadable';
  const [came, went] = [paidIn === 'empty' ? 0 : paidIn, withdrawn === 'empty' ? 0 : Math.abs(withdrawn)];
  // Money that came and went in one row is no payment that anybody could judge.
  if (came !== 0 && went !== 0) return 'unreadable';
  return came - went;
}

/** What its amount is printed with. */
function printedCurrency(cell: (field: FieldName) => string): string | null {
  for (const field of ['amount', 'paidIn', 'withdrawn'] as const) {
    const code = currencyIn(cell(field));
    if (code !== null) return currencyOf(code, code);
  }
  return null;
}

/** The texts that may say that money was taken back. */
function wordsOf(cell: (field: FieldName) => string, { places }: RowRules): ReversalWords {
  const [type, narrative, status] = [cell('type'), cell('narrative'), cell('status')];
  // The payer may have written the narrative: it cannot make a payment something else where the provider has its own word.
  return {
    ofProvider: places.type === undefined ? `${narrative} ${status}` : `${type} ${status}`,
    all: `${type} ${narrative} ${status}`,
  };
}

interface ReversalWords {
  readonly ofProvider: string;
  readonly all: string;
}

const reversed = /\b(?:revers|refund|charge-?back)/i;
const failed = /fail|declin|reject|cancel|expired|error/i;

function kindOf(
  amount: number,
  words: ReversalWords,
  { format, places }: RowRules,
  isReversed: boolean,
): RowKind | null {
  if (amount === 0) return isReversed ? 'uncertain' : null;
  if (amount > 0) {
    if (!isReversed && !reversed.test(words.ofProvider)) return 'payment';
    // One column of amounts may have no signs, and the payer may have written the word: a payment, or one taken back.
    return isReversed || places.amount !== undefined || places.type === undefined ? 'uncertain' : null;
  }
  if (isReversed || reversed.test(words.all)) return 'reversal';
  return format.namesReversals ? null : 'negative';
}

interface FoundReceipt {
  readonly text: string;
  readonly isLoose: boolean;
}

/** The receipt of a row; `null` if its cell holds one that was damaged. */
function receiptOf(cell: (field: FieldName) => string, { format, places }: RowRules): FoundReceipt | null {
  if (places.receipt !== undefined) {
    const text = canonicalReceipt(cell('receipt').slice(0, 128));
    return isDamaged(text) || isMasked(text) ? null : { text, isLoose: false };
  }
  const [named, ...more] = receiptsIn(cell('narrative'));
  if (named !== undefined && more.length === 0) return { text: named, isLoose: true };
  const reference = canonicalReceipt(cell('reference').slice(0, 128));
  const isReceipt = format.referenceIsReceipt && mpesaReceipt.isReceipt(reference) && !isDamaged(reference);
  return isReceipt ? { text: reference, isLoose: false } : { text: '', isLoose: false };
}

/** M-Pesa receipts within a text; the payer may have written it. */
function receiptsIn(text: string): string[] {
  const tokens = text.slice(0, 1_000).split(/[^A-Za-z0-9]+/);
  return [...new Set(tokens.filter((token) => /^(?=.*\d)(?=.*[A-Z])[A-Z0-9]{10}$/.test(token)))];
}

function currencyOf(named: string, usual: string): string | null {
  if (named === '') return usual;
  const code = named.toUpperCase();
  if (/^K(?:ES)?\.?SH(?:S|ILLINGS)?\.?$/.test(code)) return 'KES';
  if (/^[TU]\.?SHS?\.?$/.test(code)) return code.startsWith('T') ? 'TZS' : 'UGX';
  return /^[A-Z]{3}$/.test(code) ? code : null;
}
