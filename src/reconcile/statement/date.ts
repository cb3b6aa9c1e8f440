import { type LocalMs, localTime } from '../../domain/zone.ts';

/** The order of day and month in dates such as 03/04/2026. */
export type DateOrder = 'day-first' | 'month-first';

/**
 * A printed date and time.
 * `local`: a local time without a zone. `instant`: the text names its offset. `open`: day and month may be either way round.
 */
export type PrintedTime =
  | { readonly kind: 'instant'; readonly at: number }
  | { readonly kind: 'local'; readonly local: LocalMs; readonly shows?: DateOrder }
  | { readonly kind: 'open'; readonly dayFirst: LocalMs; readonly monthFirst: LocalMs };

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const yearFirst = /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ,]+(.+))?$/;
const yearLast = /^(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d{2})(?:[T ,]+(.+))?$/;
const named = /^(\d{1,2})[-/. ]?([A-Za-z]{3,9})[-/., ]*(\d{4}|\d{2})(?:[T ,]+(.+))?$/;
const compact = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d))?$/;
const clock =
  /^(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:[.,]\d{1,9})?)?\s*([AaPp]\.?[Mm]\.?)?\s*(Z|[+-]\d{2}:?\d{2})?$/;
const longest = 40;

/** Reads a printed date; `null` if it is none, or lies outside the years 2007 (when M-Pesa began) to 2099. */
export function readTime(given: string): PrintedTime | null {
  const text = given.length > longest ? '' : given.trim();
  const [, y, m, d, rest] = yearFirst.exec(text) ?? [];
  if (y !== undefined) return onDate(Number(y), Number(m), Number(d), rest);
  const [, one, other, year, time] = yearLast.exec(text) ?? [];
  if (one !== undefined) return eitherWay(Number(one), Number(other), fullYear(year), time);
  const [, day, name = '', inYear, at] = named.exec(text) ?? [];
  if (day !== undefined) {
    const month = months.indexOf(name.slice(0, 3).toLowerCase()) + 1;
    return month === 0 ? null : onDate(fullYear(inYear), month, Number(day), at);
  }
  const [, cy, cm, cd, hh = '0', mm = '0', ss = '0'] = compact.exec(text) ?? [];
  if (cy === undefined) return null;
  return known(inRange(localTime(Number(cy), Number(cm), Number(cd), Number(hh), Number(mm), Number(ss))));
}

function fullYear(text = ''): number {
  return text.length === 2 ? 2_000 + Number(text) : Number(text);
}

interface ClockTime {
  readonly parts: readonly [hour: number, minute: number, second: number];
  /** Minutes east of UTC; `null` if not named. */
  readonly offset: number | null;
}

function readClock(text: string | undefined): ClockTime | null {
  if (text === undefined) return { parts: [0, 0, 0], offset: null };
  const [, hour, minute, second = '0', half, offset] = clock.exec(text.trim()) ?? [];
  if (hour === undefined) return null;
  const isPm = half !== undefined && /^p/i.test(half);
  if (half !== undefined && (Number(hour) < 1 || Number(hour) > 12)) return null;
  const hours = half === undefined ? Number(hour) : (Number(hour) % 12) + (isPm ? 12 : 0);
  return { parts: [hours, Number(minute), Number(second)], offset: offsetOf(offset) };
}

function offsetOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (text === 'Z') return 0;
  const minutes = Number(text.slice(1, 3)) * 60 + Number(text.slice(-2));
  return text.startsWith('-') ? -minutes : minutes;
}

function onDate(year: number, month: number, day: number, rest: string | undefined): PrintedTime | null {
  const time = readClock(rest);
  if (time === null) return null;
  const local = inRange(localTime(year, month, day, ...time.parts));
  if (local === null || time.offset === null) return known(local);
  return { kind: 'instant', at: local - time.offset * 60_000 };
}

function eitherWay(one: number, other: number, year: number, rest: string | undefined): PrintedTime | null {
  const time = readClock(rest);
  // An offset beside such a date is not found in statements.
  if (time === null || time.offset !== null) return null;
  const dayFirst = inRange(localTime(year, other, one, ...time.parts));
  const monthFirst = inRange(localTime(year, one, other, ...time.parts));
  if (dayFirst === null || monthFirst === null) {
    const local = dayFirst ?? monthFirst;
    if (local === null) return null;
    return { kind: 'local', local, shows: dayFirst === null ? 'month-first' : 'day-first' };
  }
  return dayFirst === monthFirst ? known(dayFirst) : { kind: 'open', dayFirst, monthFirst };
}

function known(local: LocalMs | null): PrintedTime | null {
  return local === null ? null : { kind: 'local', local };
}

const earliest = Date.UTC(2007, 0);
const latest = Date.UTC(2100, 0);

function inRange(local: LocalMs | null): LocalMs | null {
  return local !== null && local >= earliest && local < latest ? local : null;
}
