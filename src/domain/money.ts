/**
 * Amounts as integers in minor units: all arithmetic is done on integers.
 */

const decimal = /^(\d{1,15})(?:\.(\d+))?$/;

/**
 * Minor units of a non-negative amount in major units, or `null` when it is not one.
 * Accepts `3`, `1.0`, `"300"`, `"1.00"`, `"3.0000"`; refuses more than two significant decimals, signs, exponents,
 * blanks and anything above Number.MAX_SAFE_INTEGER. Providers print amounts in all of these forms.
 */
export function toMinor(amount: unknown): number | null {
  if (typeof amount !== 'number' && typeof amount !== 'string') return null;
  const match = decimal.exec(String(amount));
  if (match === null) return null;
  const [, whole = '', fraction = ''] = match;
  if (/[1-9]/.test(fraction.slice(2))) return null;
  const minor = Number(whole) * 100 + Number(fraction.slice(0, 2).padEnd(2, '0'));
  return Number.isSafeInteger(minor) ? minor : null;
}

/** Formats minor units as a decimal string in major units: `"2.00"` for 200. */
export function toMajor(amountMinor: number): string {
  const text = String(amountMinor).padStart(3, '0');
  return `${text.slice(0, -2)}.${text.slice(-2)}`;
}

/** True if both are valid amounts in major units and the first is smaller. */
export function isLess(one: unknown, other: unknown): boolean {
  const [first, second] = [toMinor(one), toMinor(other)];
  return first !== null && second !== null && first < second;
}

/** The least of the amounts that are given, in major units; `null` when there is none, or one cannot be read. */
export function leastAmount(amounts: readonly unknown[]): string | null {
  const minors = amounts.filter((amount) => amount != null && amount !== '').map(toMinor);
  const known = minors.filter((minor) => minor !== null);
  return known.length === 0 || known.length < minors.length ? null : toMajor(Math.min(...known));
}

/** True for a valid amount in major units above zero. */
export function isMoney(amount: unknown): boolean {
  return (toMinor(amount) ?? 0) > 0;
}
