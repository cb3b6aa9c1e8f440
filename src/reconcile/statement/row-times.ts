import type { LocalMs, Zone } from '../../domain/zone.ts';
import type { DateOrder, PrintedTime } from './date.ts';
import { createColumn } from './pages.ts';
import type { RowIndex } from './row-index.ts';
import { StatementError } from './statement-error.ts';

/** `none`: of an uncertain row, which is at no time then. */
const timeKinds = ['local', 'instant', 'open', 'none'] as const;

const dayMs = 86_400_000;

/** Gives rows their times once all of the file is read, because only all of it shows the order of day and month. */
export function createRowTimes(rows: RowIndex, given: DateOrder | null, zone: Zone) {
  /** For each order, the first line that has no other. */
  const shown = new Map<DateOrder, number>();
  const kinds = createColumn(Uint8Array);
  let firstOpen = 0;
  let isDayOnly = true;

  return {
    add(nth: number, line: number, time: PrintedTime | null): void {
      if (time === null) {
        kinds.set(nth, timeKinds.indexOf('none'));
        return;
      }
      kinds.set(nth, timeKinds.indexOf(time.kind));
      rows.setTime(
        nth,
        time.kind === 'instant' ? time.at : time.kind === 'local' ? time.local : time.dayFirst,
      );
      if (time.kind === 'open') firstOpen ||= line;
      if (time.kind === 'local' && time.shows !== undefined && !shown.has(time.shows))
        shown.set(time.shows, line);
    },
    finish(): { readonly from: number; readonly to: number } | null {
      const isMonthFirst = orderIn(shown, firstOpen, given) === 'month-first';
      let [from, to] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (let nth = 0; nth < rows.size; nth += 1) {
        const kind = timeKinds[kinds.get(nth)];
        if (kind === 'none') continue;
        const read = rows.time(nth);
        const local = kind === 'open' && isMonthFirst ? withMonthFirst(read) : read;
        const at = kind === 'instant' ? read : zone.instantOf(local);
        rows.setTime(nth, at);
        isDayOnly &&= local % dayMs === 0 || (kind === 'instant' && zone.localOf(at) % dayMs === 0);
        from = Math.min(from, at);
        to = Math.max(to, at);
      }
      if (isDayOnly) rows.setDayOnly();
      return from > to ? null : { from, to };
    },
  };
}

/** The time with its day as the month, and its month as the day: both are at most 12. */
function withMonthFirst(dayFirst: LocalMs): LocalMs {
  const date = new Date(dayFirst);
  return date.setUTCMonth(date.getUTCDate() - 1, date.getUTCMonth() + 1);
}

/** The order of the dates of a whole file. Never a guess: a payment of 3 April would count for another one of 4 March. */
function orderIn(
  shown: ReadonlyMap<DateOrder, number>,
  firstOpen: number,
  given: DateOrder | null,
): DateOrder {
  const [dayFirst, monthFirst] = [shown.get('day-first'), shown.get('month-first')];
  if (dayFirst !== undefined && monthFirst !== undefined)
    throw new StatementError(
      `Line ${dayFirst} of the statement has the day first and line ${monthFirst} the month; export it with dates such as 2026-01-31.`,
    );
  const [seen] = shown.keys();
  if (given !== null && seen !== undefined && given !== seen)
    throw new StatementError(
      `The dates of the statement are not ${given}: see line ${dayFirst ?? monthFirst}.`,
    );
  const order = given ?? seen;
  if (order === undefined && firstOpen > 0)
    throw new StatementError(
      `Dates such as that of line ${firstOpen} may have the day or the month first; say which with --date-order day-first or month-first.`,
    );
  return order ?? 'day-first';
}
