import { canonicalReceipt } from '../../providers/receipts.ts';
import { readTime } from './date.ts';
import type { NamedPayments } from './named-payments.ts';

/** A text that a person wrote has fewer separators. */
const mostSeparators = 4;
const receipt = /^(?=.*\d)(?=.*[A-Z])[A-Z0-9]{10}$/;

/**
 * What the rows are about that a cell of this line has swallowed; `null` if there are none. A quotation mark that is not doubled,
 * as in the name of a payer, ends in another row: the amount of one payment then stands beside the receipt of another.
 */
export function swallowedRows(line: readonly string[], delimiter: string): NamedPayments | null {
  const isSwallowing = line.some((cell) => /[\r\n]/.test(cell) && holdsRows(cell, delimiter));
  if (!isSwallowing) return null;
  const names = [...new Set(line.flatMap((cell) => partsOf(cell, delimiter)))].filter((part) => part !== '');
  return { receipts: names.map(canonicalReceipt), references: names };
}

function holdsRows(cell: string, delimiter: string): boolean {
  const separators = cell.split(delimiter).length - 1;
  if (separators === 0) return false;
  const parts = partsOf(cell, delimiter);
  return separators >= mostSeparators || parts.some((part) => receipt.test(part) || readTime(part) !== null);
}

function partsOf(cell: string, delimiter: string): string[] {
  return cell.split(/[\r\n]/).flatMap((text) => text.split(delimiter).map((part) => part.trim()));
}
