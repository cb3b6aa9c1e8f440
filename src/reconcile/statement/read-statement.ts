import { isDeepStrictEqual } from 'node:util';
import type { Zone } from '../../domain/zone.ts';
import { type DecimalSign, decimalSignOf } from './amount.ts';
import type { DateOrder, PrintedTime } from './date.ts';
import { inspectFile, readText, type StatementFile } from './file.ts';
import {
  doubledColumn,
  knownFormats,
  type Places,
  placesIn,
  type StatementFormat,
  unknownStatus,
} from './formats.ts';
import { type LineReading, readRow } from './read-row.ts';
import { readRecords, recordsOf } from './records.ts';
import { createRowIndex, type RowIndex, type StatementRow } from './row-index.ts';
import { createRowTimes } from './row-times.ts';
import { StatementError } from './statement-error.ts';
import { swallowedRows } from './swallowed-rows.ts';

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
  const dates = createRowTimes(rows, format.dateOrder ?? options.dateOrder, zone);
  const faults: FaultyLine[] = [];
  let [line, lines, others, faultCount] = [0, 0, 0, 0];
  const add = (row: StatementRow, time: PrintedTime | null) => {
    if (rows.size >= mostRows)
      throw new StatementError(`The statement has more than ${mostRows} rows; split it by day or month.`);
    rows.add(row);
    dates.add(rows.size - 1, line, time);
  };
  /** One row for each name by which the payment may be known. */
  const addUnclear = ({ receipts, references, time }: NonNullable<LineReading['unclear']>) => {
    const kind = 'uncertain' as const;
    const name = { line, kind, at: 0, amountMinor: 0, currency: rules.currency };
    const flags = { isReceiptLoose: false, isLinked: false };
    for (const receipt of receipts) add({ ...name, ...flags, receipt, reference: '' }, time);
    for (const reference of references) add({ ...name, ...flags, receipt: '', reference }, time);
  };
  const readLine = (record: readonly string[]): LineReading => {
    const swallowed = swallowedRows(record, layout.delimiter);
    if (swallowed === null) return readRow(record, rules);
    const fault = 'a cell holds other rows: a quotation mark in a text before is not doubled';
    return { kind: 'fault', fault, unclear: { ...swallowed, time: null } };
  };
  const readBytes = (bytes: number) => options.progress?.(bytes / file.bytes);

  for await (const batch of readRecords(readText(file, readBytes, signal), layout.delimiter)) {
    for (const record of batch) {
      line += 1;
      if (line <= layout.headerLine) continue;
      lines += 1;
      const found = isHeaderAgain(record, line, layout) ? ({ kind: 'other' } as const) : readLine(record);
      if (found.kind === 'other') others += 1;
      else if (found.kind === 'fault') {
        faultCount += 1;
        if (faults.length < mostFaults) faults.push({ line, fault: found.fault });
      } else add({ ...found.row, line, at: 0 }, found.time);
      if (found.unclear !== undefined) addUnclear(found.unclear);
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
        const status = unknownStatus(line, places);
        if (status !== null)
          throw new StatementError(
            `The column ${JSON.stringify(status)} of the statement looks like a status; give a --mapping file that names it as "status", and under "completed" the statuses of payments that were made.`,
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
