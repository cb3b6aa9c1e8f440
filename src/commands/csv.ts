/** One line of CSV (RFC 4180), with its line end. */
export function csvLine(cells: readonly string[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

/** A spreadsheet runs a cell that begins with one of these as a formula, some also behind blanks or in their full-width forms. */
const formula = /^[\s'"]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]/;

/**
 * Texts of providers and customers end up in somebody's spreadsheet. So a cell that would be run as a formula becomes text, and
 * control characters become blanks, which also keeps every record on one line.
 */
function csvCell(text: string): string {
  const oneLine = text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ').toWellFormed();
  const inert = formula.test(oneLine) ? `'${oneLine}` : oneLine;
  return /[",;']|^\s|\s$/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}
