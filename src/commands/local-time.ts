/** Dates and times in a time zone, as people give and read them. */
export interface LocalTime {
  readonly timeZone: string;
  /**
   * The instant that a text stands for: `now`; `today`, `yesterday` or a date such as 2026-11-27, which is the beginning of that
   * day; or RFC 3339 with a time zone. `null` for any other text.
   */
  parse(text: string, now: number): number | null;
  /** `2026-11-27 14:03:22`, which spreadsheets read as a time. */
  text(at: number): string;
  /** What the local time is ahead of UTC: `+03:00`. */
  offset(at: number): string;
}

const dayMs = 86_400_000;

/** @throws RangeError when there is no such time zone */
export function createLocalTime(timeZone: string = machineTimeZone()): LocalTime {
  const format = new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit' },
    ...{ hour: '2-digit', minute: '2-digit', second: '2-digit' },
  });

  const text = (at: number) => {
    const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
    const part = (name: Intl.DateTimeFormatPartTypes) => parts.get(name) ?? '';
    const date = `${part('year').padStart(4, '0')}-${part('month')}-${part('day')}`;
    return `${date} ${part('hour')}:${part('minute')}:${part('second')}`;
  };

  /**
   * The first instant of a day. Found by its date, because a day need not begin at midnight: where clocks go forward then,
   * as in Egypt, it begins at one.
   */
  const beginningOf = (date: string): number => {
    const midnight = Date.parse(`${date}T00:00:00Z`);
    let [from, to] = [midnight - dayMs, midnight + dayMs];
    while (from < to) {
      const middle = Math.floor((from + to) / 2);
      if (text(middle).slice(0, 10) >= date) to = middle;
      else from = middle + 1;
    }
    return to;
  };

  return {
    timeZone,
    parse(given, now) {
      if (given === 'now') return now;
      const today = text(now).slice(0, 10);
      if (given === 'today') return beginningOf(today);
      if (given === 'yesterday')
        return beginningOf(new Date(Date.parse(`${today}T00:00:00Z`) - dayMs).toISOString().slice(0, 10));
      if (/^\d{4}-\d\d-\d\d$/.test(given)) return isDate(given) ? beginningOf(given) : null;
      if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/.test(given)) return null;
      const at = Date.parse(given);
      return isDate(given.slice(0, 10)) && Number.isFinite(at) ? at : null;
    },
    text,
    offset(at) {
      const second = Math.floor(at / 1_000) * 1_000;
      const minutes = Math.round((Date.parse(`${text(second).replace(' ', 'T')}Z`) - second) / 60_000);
      const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
      return `${minutes < 0 ? '-' : '+'}${twoDigits(hours)}:${twoDigits(rest)}`;
    },
  };
}

/** The time zone of this machine. */
export function machineTimeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** False for days that no calendar has, which `Date` moves into the next month. */
function isDate(text: string): boolean {
  const at = Date.parse(`${text}T00:00:00Z`);
  return Number.isFinite(at) && new Date(at).toISOString().startsWith(text);
}

function twoDigits(number: number): string {
  return String(number).padStart(2, '0');
}
