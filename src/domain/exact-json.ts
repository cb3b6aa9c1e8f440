/**
 * JSON whose numbers are what was written. `JSON.parse` rounds to what a number can hold, so that `99.99999999999999999`
 * becomes 100: an amount must not grow by being read.
 *
 * @param onRounded told the key of every number that cannot be held. Such a number is returned as NaN: it is no valid
 *   amount, and unlike a text it cannot pass for a receipt or a reference
 * @throws SyntaxError when the text is not JSON
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

/** Up to 15 digits are always exact; most texts have no more in a row. */
const mayBeRounded = /[\d.]{16}|\d[eE][+-]?\d/;

function isExact(value: number, written: string): boolean {
  return normalised(String(value)) === normalised(written);
}

const decimal = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** One spelling for equal numbers: the digits that count, and the power of ten. */
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
