import { isDeepStrictEqual } from 'node:util';
import type { LocalMs, Zone } from '../../domain/zone.ts';
import { type DecimalSign, decimalSignOf } from './amount.ts';
import type { DateOrder, PrintedTime } from './date.ts';
import { inspectFile, readText, type StatementFile } from './file.ts';
import { doubledColumn, knownFormats, type Places, placesIn, type StatementFormat } from './formats.ts';
import { createColumn } from './pages.ts';
import { readRow } from './read-row.ts';
import { readRecords, recordsOf } from './records.ts';
import { createRowIndex, type RowIndex } from './row-index.ts';
import { StatementError } from './statement-error.ts';

/** How to read a statement, where its file leaves it open. */
export interface StatementOptions {
  /** Of a mapping file; default: recognised by the header. */
  readonly format: StatementFormat | null;
  readonly dateOrder: DateOrder | null;
  /** Of rows that name none; `null`: every row must. */
  readonly currency: string | null;
  /** Of local times, unless the format has its own. */
  readonly zone: Zone;
  /** Called with the share of the file that is read. */
  progress?(share: number): void;
  readonly signal?: AbortSignal;
}

/** A line that cannot be read. */
export interface FaultyLine {
  readonly line: number;
  readonly fault: string;
}

/** A statement that was read as a whole. */
export interface Statement {
  readonly sha256: string;
  readonly format: StatementFormat;
  readonly rows: RowIndex;
  /** Lines below the header, and those that say nothing about payments to us. */
  readonly lines: number;
  readonly others: number;
  readonly faults: readonly FaultyLine[];
  readonly faultCount: number;
  /** From the first to the last row; `null` without rows. */
  readonly period: { readonly from: number; readonly to: number } | null;
}

/** The most rows of one file: they take 70 bytes each. */
const mostRows = 3_000_000;
/** Faults that are kept to be shown; all are counted. */
const mostFaults = 1_000;
/** Preambles are shorter. */
const headerWithin = 60;

/**
 * Reads a statement file, in memory of about 70 bytes a row.
 *
 * @throws StatementError when the file as a whole cannot be understood for certain
 */
export async function readStatement(path: string, options: StatementOptions): Promise<Statement> {
  const { zone, signal, currency } = options;
  const file = await inspectFile(path, signal);
  const layout = layoutOf(file, options.format);
  const { format, places } = layout;
  const usual = format.currency ?? currency;
  if (usual === null && places.currency === undefined)
    throw new StatementError(
      'The statement names no currency, and the account has several; give it with --currency.',
    );
  const rules = { format, places, decimalSign: layout.decimalSign, currency: usual ?? '' };
  const rows = createRowIndex();
  const dates = createDates(rows, format.dateOrder ?? options.dateOrder, zone);
  const faults: FaultyLine[] = [];
  let [line, lines, others, faultCount] = [0, 0, 0, 0];
  const readBytes = (bytes: number) => options.progress?.(bytes / file.bytes);

  for await (const batch of readRecords(readText(file, readBytes, signal), layout.delimiter)) {
    for (const record of batch) {
      line += 1;
      if (line <= layout.headerLine) continue;
      lines += 1;
      const found = isHeaderAgain(record, line, layout)
        ? ({ kind: 'other' } as const)
        : readRow(record, rules);
      if (found.kind === 'other') others += 1;
      else if (found.kind === 'fault') {
        faultCount += 1;
        if (faults.length < mostFaults) faults.push({ line, fault: found.fault });
      } else {
        if (rows.size >= mostRows)
          throw new StatementError(`The statement has more than ${mostRows} rows; split it by day or month.`);
        rows.add({ ...found.row, line, at: 0 });
        dates.add(rows.size - 1, line, found.time);
      }
    }
  }
  return {
    ...{ sha256: file.sha256, format, rows, lines, others, faults, faultCount },
    period: dates.finish(),
  };
}

/** Exports that were put together have their header again. @throws StatementError when its columns stand elsewhere */
function isHeaderAgain(record: readonly string[], line: number, { format, places }: Layout): boolean {
  const time = places.time === undefined ? '' : record[places.time];
  // Most rows have a date there, which spares looking at all their cells.
  if (time !== undefined && /\d/.test(time)) return false;
  const found = placesIn(record, format);
  if (found !== null && !isDeepStrictEqual(found, places))
    throw new StatementError(
      `Line ${line} of the statement is a second header with other columns; split the file there.`,
    );
  return found !== null;
}

interface Layout {
  readonly format: StatementFormat;
  readonly delimiter: string;
  readonly places: Places;
  /** Its number; lines above it are a preamble. */
  readonly headerLine: number;
  readonly decimalSign: DecimalSign;
}

/** Finds the header: tries every delimiter, and every format. */
function layoutOf({ head }: StatementFile, wanted: StatementFormat | null): Layout {
  for (const delimiter of [',', ';', '\t', '|']) {
    const lines = recordsOf(head, delimiter);
    for (const format of wanted === null ? knownFormats : [wanted]) {
      for (const [nth, line] of lines.slice(0, headerWithin).entries()) {
        const places = placesIn(line, format);
        if (places === null) continue;
        const doubled = doubledColumn(line, places);
        if (doubled !== null)
          throw new StatementError(
            `Two columns of the statement are called ${JSON.stringify(doubled)}; rename one.`,
          );
        const decimalSign = format.decimalSign ?? signIn(lines.slice(nth + 1), places);
        return { format, delimiter, places, headerLine: nth + 1, decimalSign };
      }
    }
  }
  if (wanted !== null)
    throw new StatementError(
      'No line of the statement has all the columns that the mapping file names; compare its names with the header of the statement.',
    );
  const titles = knownFormats.map(({ title }) => title).join(', ');
  throw new StatementError(
    `The statement is in no known format (${titles}); describe its columns in a file and give it with --mapping.`,
  );
}

/** The decimal sign of the amounts in the head of a file. */
function signIn(lines: readonly string[][], places: Places): DecimalSign {
  const signs = new Set<DecimalSign>();
  for (const line of lines) {
    for (const place of [places.paidIn, places.withdrawn, places.amount]) {
      const sign = place === undefined ? null : decimalSignOf(line[place] ?? '');
      if (sign !== null) signs.add(sign);
    }
  }
  if (signs.size > 1)
    throw new StatementError(
      'Amounts of the statement have both 1.00 and 1,00; say which is meant with "decimalSign" in a mapping file.',
    );
  return [...signs][0] ?? 'dot';
}

const timeKinds = ['local', 'instant', 'open'] as const;

/** Gives rows their times once all of the file is read, because only all of it shows the order of day and month. */
function createDates(rows: RowIndex, given: DateOrder | null, zone: Zone) {
  /** For each order, the first line that has no other. */
  const shown = new Map<DateOrder, number>();
  const kinds = createColumn(Uint8Array);
  let firstOpen = 0;

  return {
    add(nth: number, line: number, time: PrintedTime): void {
      kinds.set(nth, timeKinds.indexOf(time.kind));
      rows.setTime(
        nth,
        time.kind === 'instant' ? time.at : time.kind === 'local' ? time.local : time.dayFirst,
      );
      if (time.kind === 'open') firstOpen ||= line;
      if (time.kind === 'local' && time.shows !== undefined && !shown.has(time.shows))
        shown.set(time.shows, line);
    },
    finish(): Statement['period'] {
      const isMonthFirst = orderIn(shown, firstOpen, given) === 'month-first';
      let [from, to] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (let nth = 0; nth < rows.size; nth += 1) {
        const kind = timeKinds[kinds.get(nth)];
        const read = rows.time(nth);
        const local = kind === 'open' && isMonthFirst ? withMonthFirst(read) : read;
        const at = kind === 'instant' ? read : zone.instantOf(local);
        rows.setTime(nth, at);
        from = Math.min(from, at);
        to = Math.max(to, at);
      }
      return rows.size === 0 ? null : { from, to };
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
