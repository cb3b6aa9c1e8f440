/**
 * Parses JSON without rounding numbers. `JSON.parse` turns `99.99999999999999999` into 100, which would change an amount.
 *
 * @param onRounded called with the key of every number that has no exact representation. Such a number is returned as NaN: it
 *   is not a valid amount, and unlike text it cannot be mistaken for a receipt or a reference
 * @throws SyntaxError if the text is not JSON
 */
export function parseExactly(text: string, onRounded?: (key: string) => void): unknown {
  if (!mayBeRounded.test(text)) return JSON.parse(text);
  return JSON.parse(text, (key: string, value: unknown, context?: { readonly source?: string }) => {
    const written = context?.source;
    if (typeof value !== 'number' || written === undefined || isExact(value, written)) return value;
    onRounded?.(key);
    return Number.NaN;
  });
}

/** Numbers of up to 15 digits are always exact, so most texts need no check. */
const mayBeRounded = /[\d.]{16}|\d[eE][+-]?\d/;

function isExact(value: number, written: string): boolean {
  return normalised(String(value)) === normalised(written);
}

const decimal = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** The canonical form of a number: its significant digits and a power of ten. */
function normalised(written: string): string {
  const [, sign, whole = '', fraction = '', exponent = '0'] = decimal.exec(written) ?? [];
  const digits = whole + fraction;
  let from = 0;
  while (digits[from] === '0') from += 1;
  let to = digits.length;
  while (to > from && digits[to - 1] === '0') to -= 1;
  if (from === to) return digits === '' ? written : '0';
  return `${sign}${digits.slice(from, to)}e${Number(exponent) - fraction.length + digits.length - to}`;
}
