/**
 * Phone numbers in a text, by a rule that fits all numbering plans of Africa: how many digits follow a country's code, and
 * how many a national number has. Lengths outlive the prefixes of operators, which change every year, so no list of
 * prefixes (and no library that carries one) is needed. A number with a `+` may belong to any country.
 */

/** Digits of a national number, without its trunk zero, by calling code. */
const lengths: { readonly [callingCode: string]: readonly number[] } = {
  '20': [8, 9, 10],
  '27': [9],
  '211': [9],
  '212': [9],
  '213': [8, 9],
  '216': [8],
  '218': [8, 9],
  '220': [7],
  '221': [9],
  '222': [8],
  '223': [8],
  '224': [8, 9],
  '225': [8, 10],
  '226': [8],
  '227': [8],
  '228': [8],
  '229': [8, 10],
  '230': [7, 8],
  '231': [7, 8, 9],
  '232': [8],
  '233': [9],
  '234': [8, 10],
  '235': [8],
  '236': [8],
  '237': [8, 9],
  '238': [7],
  '239': [7],
  '240': [9],
  '241': [7, 8],
  '242': [9],
  '243': [9],
  '244': [9],
  '245': [7, 9],
  '246': [7],
  '247': [5, 6],
  '248': [7],
  '249': [9],
  '250': [8, 9],
  '251': [9],
  '252': [7, 8, 9],
  '253': [8],
  '254': [9],
  '255': [9],
  '256': [9],
  '257': [8],
  '258': [8, 9],
  '260': [9],
  '261': [9],
  '262': [9],
  '263': [8, 9, 10],
  '264': [8, 9],
  '265': [7, 8, 9],
  '266': [8],
  '267': [7, 8],
  '268': [8],
  '269': [7],
  '290': [5],
  '291': [7],
};

/** Calling codes by currency. */
const callingCodes: { readonly [currency: string]: readonly string[] } = {
  BIF: ['257'],
  CDF: ['243'],
  ETB: ['251'],
  GHS: ['233'],
  GNF: ['224'],
  KES: ['254'],
  LSL: ['266'],
  MGA: ['261'],
  MWK: ['265'],
  MZN: ['258'],
  NGN: ['234'],
  RWF: ['250'],
  SCR: ['248'],
  SLE: ['232'],
  SSP: ['211'],
  TZS: ['255'],
  UGX: ['256'],
  XAF: ['235', '236', '237', '240', '241', '242'],
  XOF: ['221', '223', '225', '226', '227', '228', '229', '245'],
  ZAR: ['27'],
  ZMW: ['260'],
};
/** Shorter numbers look like any other: many receipts have eleven digits. */
const leastInternational = 12;

/**
 * Whether a text is a whole international phone number of a country with one of these currencies (ISO 4217): `256772123456`,
 * `+256 772 123 456`.
 */
export function isInternationalNumber(text: string, currencies: readonly string[]): boolean {
  const digits = text.replace(/[\s.+-]/g, '').replace(/^00/, '');
  if (digits.length < leastInternational || !/^\d+$/.test(digits)) return false;
  return currencies
    .flatMap((currency) => callingCodes[currency] ?? [])
    .some((code) => digits.startsWith(code) && lengths[code]?.includes(digits.length - code.length));
}

/** Digits in groups, as people and gateways write numbers: blanks, dashes, dots, brackets; `*` masks a digit. */
const run = /(?:\+|\b00)?[\p{Zs}(]{0,2}\d(?:[\p{Zs}\p{Pd}.()/]{0,3}[\d*]){5,}/gu;
const group = /[\d*]+/g;
/** No number is longer, and no group of it is looked at more often. */
const mostDigits = 15;
/** How far before a number a word may stand that announces it. */
const longestLead = 24;

/** What is made of digits and is no phone number: dates, times, status codes, addresses, amounts. */
const protectedDigits = new RegExp(
  [
    // 2024-08-09, 2024/08/09 and 09-08-2024, with a time behind them
    String.raw`(?<![\d+])(?:(?:19|20)\d\d[-/.](?:0\d|1[0-2])[-/.](?:[0-2]\d|3[01])|(?:[0-2]\d|3[01])[-/.](?:0\d|1[0-2])[-/.](?:19|20)\d\d)(?:[T ]{1,2}\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?(?!\d)`,
    // 20240809 and 20240809162250
    String.raw`(?<![\d+*])(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{6})?(?![\d*])`,
    // 2024-0012, as invoices are numbered
    String.raw`(?<![\d+-])20[1-4]\d-\d{3,4}(?![\d-])`,
    // 500.001.1001
    String.raw`(?<![\d.+])[45]\d\d\.0\d\d\.\d{2,4}(?![\d.])`,
    // DP00800001006 (Airtel)
    String.raw`(?<![\w+])DP00\d00001\d{3}(?!\d)`,
    // 196.201.214.200
    String.raw`(?<![\d.+])(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}(?![\d.])`,
    // 12000000.50, KES 12000000 and 12000000 UGX
    String.raw`(?<![\d+.])[1-9]\d*\.\d\d(?![\d.])(?!\s?\d)`,
    String.raw`\b(?:KES|KSH|UGX|TZS|RWF|BIF|ETB|GHS|NGN|ZMW|ZAR|XAF|XOF|MWK|MZN|CDF|USD|EUR)\.?\s?[1-9][\d ,]*\d(?:\.\d+)?(?!\d)`,
    String.raw`(?<![\d+])[1-9]\d*(?=\s?(?:KES|KSH|UGX|TZS|RWF|BIF|ETB|GHS|NGN|ZMW|ZAR|XAF|XOF|MWK|MZN|CDF|USD|EUR)\b)`,
  ].join('|'),
  'giu',
);

/** Nothing shorter is ever a phone number; most texts have no such run, and pay for nothing else. */
const worthALook = /\d(?:[\p{Zs}\p{Pd}.()/]{0,3}[\d*]){5}/u;

/** The text with every phone number replaced. */
export function redactPhoneNumbers(text: string, instead: string): string {
  if (!worthALook.test(text)) return text;
  let shown = '';
  let at = 0;
  for (const { 0: kept, index } of text.matchAll(protectedDigits)) {
    shown += redactIn(text, at, index, instead) + kept;
    at = index + kept.length;
  }
  return shown + redactIn(text, at, text.length, instead);
}

function redactIn(text: string, from: number, to: number, instead: string): string {
  const part = text.slice(from, to);
  return part.replace(run, (digits: string, index: number) => {
    const before = text.slice(Math.max(0, from + index - longestLead), from + index);
    const after = text.slice(from + index + digits.length, from + index + digits.length + 1);
    return redactInRun(digits, before, after, instead);
  });
}

/** A run may hold a number beside other digits: the longest stretch of whole groups that is one goes. */
function redactInRun(digits: string, before: string, after: string, instead: string): string {
  const groups = [...digits.matchAll(group)].map(({ 0: text, index }) => ({
    text,
    index,
    end: index + text.length,
  }));
  let shown = '';
  let at = 0;
  for (let first = 0; first < groups.length; first += 1) {
    const last = lastOfNumber(digits, groups, first, before, after);
    if (last === null) continue;
    const start = groups[first]?.index ?? 0;
    const prefix = digits.slice(at, start);
    shown += prefix.replace(/\+?[\p{Zs}(]*$/u, (lead) => (lead.startsWith('+') ? '' : lead)) + instead;
    at = groups[last]?.end ?? digits.length;
    first = last;
  }
  return shown + digits.slice(at);
}

interface Group {
  readonly text: string;
  readonly index: number;
  readonly end: number;
}

function lastOfNumber(
  digits: string,
  groups: readonly Group[],
  first: number,
  before: string,
  after: string,
): number | null {
  let number = '';
  let found: number | null = null;
  const lead = (before + digits.slice(0, groups[first]?.index ?? 0)).slice(-longestLead);
  for (let last = first; last < groups.length && number.length <= mostDigits; last += 1) {
    number += groups[last]?.text ?? '';
    const follow = last === groups.length - 1 ? after : ' ';
    const stretch = groups.slice(first, last + 1).map(({ text }) => text.length);
    if (isPhoneNumber(number, { lead, follow, stretch })) found = last;
  }
  return found;
}

interface Surroundings {
  readonly lead: string;
  readonly follow: string;
  /** How many digits each group has. */
  readonly stretch: readonly number[];
}

/** A word that says whose number follows; then a short one counts too. */
const announced =
  /(?:phone|mobile|msisdn|tel|call|cell|subscriber|payer|customer|contact|whatsapp|number)\W{0,4}$/i;

/** @param digits of the whole candidate, `*` among them */
function isPhoneNumber(digits: string, { lead, follow, stretch }: Surroundings): boolean {
  const { length } = digits;
  if (length > mostDigits || length < 5) return false;
  if (/\+[\p{Zs}(]*$/u.test(lead)) return length >= 8;
  // Identifiers end in a counter of one digit (22205-34066-1), numbers never do.
  const endsInOne = stretch.length > 1 && stretch.at(-1) === 1 && Math.max(...stretch) > 1;
  if (endsInOne) return false;
  if (digits.startsWith('00')) return length >= 11 && isInternational(digits.slice(2), true);
  if (isInternational(digits, false)) return true;
  if (announced.test(lead) && length >= 6) return true;
  const isTrunk = /^0[1-9]/.test(digits);
  if (isTrunk && length >= 10 && length <= 11) return true;
  // What is shorter, or bare, could be part of an identifier.
  if (/[\p{L}\p{N}_*]$|[\p{L}\p{N}_][\p{Pd}_/]$/u.test(lead) || /[\p{L}\p{N}_]/u.test(follow)) return false;
  if (isTrunk) return length >= 8 && length <= 11;
  if (digits.startsWith('0')) return false;
  if (length === 8 || length === 9) return true;
  if (length === 10) return /^(?:1[0125]|[789])/.test(digits);
  // Seven digits in one piece are till numbers, too.
  return length === 7 && stretch.length >= 2;
}

function isInternational(digits: string, isSure: boolean): boolean {
  for (const size of [2, 3]) {
    const code = digits.slice(0, size);
    const national = digits.slice(size);
    const known = lengths[code];
    if (known === undefined) continue;
    const bare = national.startsWith('0') ? [national.length, national.length - 1] : [national.length];
    if (bare.some((length) => known.includes(length) && (length >= 7 || isSure))) return true;
  }
  return isSure;
}
