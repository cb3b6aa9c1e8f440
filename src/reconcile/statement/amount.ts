/** Amounts as statements print them. */

/** Which character stands before the decimals. */
export type DecimalSign = 'dot' | 'comma';

/** What an amount cell holds: nothing, minor units with a sign, or something that is no amount. */
export type PrintedAmount = number | 'empty' | 'unreadable';

/** Cells longer than this hold no amount. */
const longest = 40;
const blanks = /[\s\u00a0\u202f']/g;
const codes = /^(?:[A-Z]{3}|Ksh\.?|KSh\.?|K?Shs?\.?)(?=[\d(+.,-])|(?<=[\d).,-])(?:[A-Z]{3}|CR|DR|Cr|Dr)$/;

/**
 * Reads a printed amount: thousands separators, a currency code, brackets or a trailing minus for negative amounts. What does
 * not fit is unreadable, and never rounded or completed: spreadsheets print `####`, `1.2E+05` and numbers cut short.
 */
export function readAmount(text: string, sign: DecimalSign): PrintedAmount {
  if (text.length > longest) return 'unreadable';
  const plain = text.replace(blanks, '');
  if (plain === '' || plain === '-' || plain === '–') return 'empty';
  const isDebit = /D[Rr]$/.test(plain);
  const bare = plain.replace(codes, '').replace(codes, '');
  const bracketed = /^\((.+)\)$/.exec(bare)?.[1];
  const signed = bracketed ?? bare;
  const [, before = '', digits = '', after = ''] = /^([-−+]?)([\d.,]+)([-−]?)$/.exec(signed) ?? [];
  if (digits === '' || (before !== '' && after !== '')) return 'unreadable';
  const minor = minorOf(digits, sign);
  if (minor === null) return 'unreadable';
  const isNegative = isDebit || bracketed !== undefined || /[-−]/.test(before + after);
  return isNegative && minor !== 0 ? -minor : minor;
}

/** The currency that an amount is printed with, as `USD 10.00` or `10.00 USD`; `null` if it names none for certain. */
export function currencyIn(text: string): string | null {
  const plain = text.length > longest ? '' : text.replace(blanks, '');
  const [, before, after] = /^([A-Za-z]{3})(?=[\d(+.,-])|(?<=[\d).,-])([A-Za-z]{3})$/.exec(plain) ?? [];
  const code = (before ?? after)?.toUpperCase() ?? null;
  // Shillings of several countries.
  return code === 'SHS' ? null : code;
}

function minorOf(digits: string, sign: DecimalSign): number | null {
  const [point, comma] = sign === 'dot' ? ['.', ','] : [',', '.'];
  const [whole = '', decimals = '', ...more] = digits.split(point);
  const groups = whole.split(comma);
  const isGrouped = groups.length === 1 || isThousands(groups);
  if (more.length > 0 || !isGrouped || decimals.includes(comma)) return null;
  // More than two decimals only as zeros: 1.2345 shillings are no amount of money. Three may be thousands: 1.500.
  if (!/^\d{1,13}$/.test(groups.join('')) || !/^\d{0,2}0*$/.test(decimals) || decimals.length === 3)
    return null;
  return Number(groups.join('')) * 100 + Number(decimals.slice(0, 2).padEnd(2, '0'));
}

/** `1,234,567`, and the grouping by lakh: `12,34,567`. */
function isThousands(groups: readonly string[]): boolean {
  const [first = '', ...rest] = groups;
  const last = rest.at(-1) ?? '';
  return /^\d{1,3}$/.test(first) && /^\d{3}$/.test(last) && rest.every((group) => /^\d{2,3}$/.test(group));
}

/** What one cell says about the decimal sign of its file; `null`: it may be either. */
export function decimalSignOf(text: string): DecimalSign | null {
  const plain = text.replace(blanks, '');
  const [, sign] = /([.,])\d{1,2}\D*$/.exec(plain) ?? [];
  if (sign !== undefined) return sign === '.' ? 'dot' : 'comma';
  const [dots, commas] = [plain.split('.').length - 1, plain.split(',').length - 1];
  // 1.234.567 and 1,234,567: separators of thousands. A single one before three digits may be either, and is left open.
  if (commas > 1 && dots === 0) return 'dot';
  if (dots > 1 && commas === 0) return 'comma';
  return null;
}
