/** One line of CSV (RFC 4180), with its line end. A number is printed as it is. */
export function csvLine(cells: readonly (string | number | null)[]): string {
  return `${cells.map(cellOf).join(',')}\r\n`;
}

/** A spreadsheet runs a text that begins with one of these as a formula, some also behind blanks, or in full-width form. */
const formula = /^[\s'"]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]/;

/**
 * Texts of providers and customers end up in somebody's spreadsheet. So one that would be run as a formula gets an apostrophe in
 * front, and control characters become blanks, which also keeps every record on one line.
 */
function cellOf(value: string | number | null): string {
  if (typeof value !== 'string') return String(value ?? '');
  const text = value.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ').toWellFormed();
  const inert = formula.test(text) ? `'${text}` : text;
  return /[",]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}
