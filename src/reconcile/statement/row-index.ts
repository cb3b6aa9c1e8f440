import { randomInt } from 'node:crypto';
import { createColumn, createTexts, longestText } from './pages.ts';

/**
 * `payment`: money came in. `reversal`: a payment was taken back. `negative`: money went out under the receipt or reference of a
 * payment, and the statement does not say why. `uncertain`: names a payment, and cannot be understood: nothing can be said of
 * the payment that it names.
 */
export const rowKinds = ['payment', 'reversal', 'negative', 'uncertain'] as const;
export type RowKind = (typeof rowKinds)[number];

/** What a statement says in one row about money of a customer. */
export interface StatementRow {
  /** Its number in the file, as a spreadsheet shows it. */
  readonly line: number;
  readonly kind: RowKind;
  /** When it was booked, epoch milliseconds; 0 if it is uncertain, and its date cannot be read. */
  readonly at: number;
  /** Minor units, without a sign; 0 if an uncertain row only names a payment. */
  readonly amountMinor: number;
  readonly currency: string;
  /** In capitals; of a reversal, the receipt of the payment that it takes back. `''`: none. */
  readonly receipt: string;
  /** The receipt was found in a text that the payer may have written: enough to show, not to settle. */
  readonly isReceiptLoose: boolean;
  /** Its receipt is that of another row which it names in a column of its own. */
  readonly isLinked: boolean;
  readonly reference: string;
}

/** The rows of a statement, found by receipt and by reference. Takes about 70 bytes a row. */
export interface RowIndex {
  readonly size: number;
  add(row: StatementRow): void;
  row(nth: number): StatementRow;
  /** Changes the time of a row: known only once all of the file is read. */
  setTime(nth: number, at: number): void;
  time(nth: number): number;
  /** The rows say on which day they were booked, and print midnight at most: a row may be of any time of its day. */
  readonly isDayOnly: boolean;
  setDayOnly(): void;
  byReceipt(receipt: string): number[];
  byReference(reference: string): number[];
  /** What the comparison has found out about a row; 0 at first. */
  mark(nth: number): number;
  setMark(nth: number, mark: number): void;
}

/** More rows under one name than any payment has. The rest is passed over, so nothing can be said of as many. */
export const mostOfOneName = 64;

export function createRowIndex(): RowIndex {
  const [lines, currencyOf] = [createColumn(Uint32Array), createColumn(Uint8Array)];
  const [flags, marks] = [createColumn(Uint8Array), createColumn(Uint8Array)];
  const [starts, times, amounts] = [
    createColumn(Float64Array),
    createColumn(Float64Array),
    createColumn(Float64Array),
  ];
  const [receiptLengths, referenceLengths] = [createColumn(Uint8Array), createColumn(Uint8Array)];
  const texts = createTexts();
  const currencies: string[] = [];
  const [receipts, references] = [createChains(), createChains()];
  let size = 0;
  let isDayOnly = false;

  const receiptOf = (nth: number) => ({ at: starts.get(nth), length: receiptLengths.get(nth) });
  const referenceOf = (nth: number) => ({
    at: starts.get(nth) + receiptLengths.get(nth),
    length: referenceLengths.get(nth),
  });

  return {
    get size() {
      return size;
    },
    add(row) {
      const [receipt, reference] = [fitting(row.receipt), fitting(row.reference)];
      // Both lie together, so that one start is enough.
      const both = Buffer.concat([receipt, reference]).subarray(0, 2 * longestText);
      starts.set(size, texts.add(both).at);
      receiptLengths.set(size, receipt.length);
      referenceLengths.set(size, reference.length);
      lines.set(size, row.line);
      times.set(size, row.at);
      amounts.set(size, row.amountMinor);
      flags.set(size, rowKinds.indexOf(row.kind) + (row.isReceiptLoose ? 8 : 0) + (row.isLinked ? 16 : 0));
      currencyOf.set(size, placeOf(currencies, row.currency));
      if (receipt.length > 0) receipts.add(receipt, size);
      if (reference.length > 0) references.add(reference, size);
      size += 1;
    },
    row(nth) {
      const flag = flags.get(nth);
      return {
        line: lines.get(nth),
        kind: rowKinds[flag & 7] ?? 'uncertain',
        at: times.get(nth),
        amountMinor: amounts.get(nth),
        currency: currencies[currencyOf.get(nth)] ?? '',
        receipt: texts.read(receiptOf(nth)),
        isReceiptLoose: (flag & 8) !== 0,
        isLinked: (flag & 16) !== 0,
        reference: texts.read(referenceOf(nth)),
      };
    },
    time: times.get,
    get isDayOnly() {
      return isDayOnly;
    },
    setDayOnly() {
      isDayOnly = true;
    },
    setTime: times.set,
    byReceipt: (receipt) =>
      receipts.find(fitting(receipt), (nth, text) => texts.equals(receiptOf(nth), text)),
    byReference: (reference) =>
      references.find(fitting(reference), (nth, text) => texts.equals(referenceOf(nth), text)),
    mark: marks.get,
    setMark: marks.set,
  };
}

/** Currencies of one statement; a file with more is no statement. */
const mostCurrencies = 250;

function placeOf(currencies: string[], currency: string): number {
  const known = currencies.indexOf(currency);
  if (known >= 0) return known;
  if (currencies.length >= mostCurrencies) throw new RangeError('Too many currencies.');
  return currencies.push(currency) - 1;
}

function fitting(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return bytes.length > longestText ? bytes.subarray(0, 0) : bytes;
}

/** A hash table from names to rows whose size is fixed, for a million rows: chains get longer beyond it. */
const tableSize = 1 << 20;

function createChains() {
  const heads = new Uint32Array(tableSize);
  const next = createColumn(Uint32Array);
  // Unknown to the writer of the file, or a file could be made whose names all have the same hash.
  const seed = randomInt(2 ** 32);
  return {
    add(name: Buffer, nth: number): void {
      const place = hashOf(name, seed);
      next.set(nth, heads[place] ?? 0);
      heads[place] = nth + 1;
    },
    /** In the order of the file. */
    find(name: Buffer, isNamed: (nth: number, name: Buffer) => boolean): number[] {
      const found: number[] = [];
      if (name.length === 0) return found;
      for (let at = heads[hashOf(name, seed)] ?? 0; at !== 0; at = next.get(at - 1)) {
        if (!isNamed(at - 1, name)) continue;
        found.push(at - 1);
        if (found.length >= mostOfOneName) break;
      }
      return found.reverse();
    },
  };
}

/** FNV-1a with a seed, and a final mix. */
function hashOf(name: Buffer, seed: number): number {
  let hash = seed ^ 0x811c9dc5;
  for (let nth = 0; nth < name.length; nth += 1) hash = Math.imul(hash ^ (name[nth] ?? 0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) & (tableSize - 1);
}
