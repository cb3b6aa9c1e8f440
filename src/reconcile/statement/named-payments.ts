import { canonicalReceipt, isMasked } from '../../providers/receipts.ts';
import type { FieldName } from './formats.ts';

/** The payments that a line may be about, if it cannot be understood, or takes back a payment without saying which. */
export interface NamedPayments {
  readonly receipts: readonly string[];
  readonly references: readonly string[];
}

/** The names that a line has in their own columns. */
export function namedInCells(cell: (field: FieldName) => string): NamedPayments {
  const receipts = [cell('receipt'), cell('linked')].map((text) => canonicalReceipt(text.slice(0, 128)));
  const reference = cell('reference');
  return {
    receipts: [...new Set([...receipts, canonicalReceipt(reference.slice(0, 128))])].filter(isName),
    references: [reference].filter(isName),
  };
}

/** Texts have more words only if somebody fills them. */
const mostWords = 64;

/** Every word of a text, which may be a receipt or a reference: a payment that is not meant only waits for a person. */
export function namedInText(text: string): NamedPayments {
  const words = text
    .slice(0, 1_000)
    .split(/[\s,;|"]+/)
    .map((word) => word.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, ''));
  const names = [...new Set(words)].filter(isName).slice(0, mostWords);
  return { receipts: names.map(canonicalReceipt), references: names };
}

export function bothNamed(one: NamedPayments, other: NamedPayments): NamedPayments {
  return {
    receipts: [...new Set([...one.receipts, ...other.receipts])],
    references: [...new Set([...one.references, ...other.references])],
  };
}

/** `2.54712E+11`, `####`, `ORD-10…`, `INV*****12`: what spreadsheets and banks leave of a number. */
export function isDamaged(text: string): boolean {
  return /^[\d.,]+E[+]\d+$/i.test(text) || /#{3}|\*|…|\.\.\.$/.test(text);
}

function isName(text: string): boolean {
  return text !== '' && !isDamaged(text) && !isMasked(text);
}
