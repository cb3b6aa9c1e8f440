import type { RowIndex, StatementRow } from './statement/row-index.ts';

/** What the rows about one payment come to. */
export type Weighed =
  | {
      readonly kind: 'clear';
      readonly rows: readonly StatementRow[];
      /** What came in; 0 if the statement only has what was taken back. */
      readonly grossMinor: number;
      readonly reversedMinor: number;
      /** A receipt was found in a text that the payer may have written. */
      readonly isLoose: boolean;
    }
  | { readonly kind: 'unclear'; readonly note: string };

/**
 * Adds up the rows about one payment. Whatever contradicts itself is unclear: one payment has one amount, one time and one
 * account number, however often an export repeats it. Pure.
 */
export function weighRows(index: RowIndex, numbers: readonly number[]): Weighed {
  const rows = numbers.map((nth) => index.row(nth));
  const uncertain = ofKind(rows, 'uncertain')[0];
  if (uncertain !== undefined)
    return unclear(`line ${uncertain.line} names it, and cannot be understood for certain`);
  const payments = distinct(ofKind(rows, 'payment'));
  const named = payments.filter(({ receipt }) => receipt !== '');
  if (new Set(named.map(({ receipt }) => receipt)).size < named.length)
    return unclear('several rows with other amounts, times or references have the same receipt');
  if (new Set(rows.map(({ currency }) => currency)).size > 1) return unclear('rows in several currencies');
  const grossMinor = sumOf(payments);
  const wentOutMinor = sumOf(distinct(ofKind(rows, 'negative')));
  if (wentOutMinor > 0 && wentOutMinor !== grossMinor)
    return unclear('money went out under its receipt or reference, and the statement does not say why');
  const reversedMinor = sumOf(distinct(ofKind(rows, 'reversal'))) + wentOutMinor;
  return {
    ...{ kind: 'clear', rows, grossMinor, reversedMinor },
    isLoose: rows.some(({ isReceiptLoose }) => isReceiptLoose),
  };
}

/** Exports that overlap have the same row twice. */
export function distinct(rows: readonly StatementRow[]): StatementRow[] {
  const seen = new Map(
    rows.map((row) => {
      // Two rows without a receipt may be two payments.
      const name = row.receipt === '' ? `line ${row.line}` : row.receipt;
      return [`${row.kind} ${name} ${row.amountMinor} ${row.currency} ${row.at} ${row.reference}`, row];
    }),
  );
  return [...seen.values()];
}

function unclear(note: string): Weighed {
  return { kind: 'unclear', note };
}

function ofKind(rows: readonly StatementRow[], kind: StatementRow['kind']): StatementRow[] {
  return rows.filter((row) => row.kind === kind);
}

function sumOf(rows: readonly StatementRow[]): number {
  return rows.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
}
