import { once } from 'node:events';
import { Readable } from 'node:stream';
import { CsvError, type Options, parse } from 'csv-parse';
import { parse as parseAtOnce } from 'csv-parse/sync';
import { StatementError } from './statement-error.ts';

/** The most that one line of a statement may hold: a quotation mark that is never closed would swallow the rest of the file. */
const longestRecord = 65_536;

const options = (delimiter: string): Options<string[]> => ({
  delimiter,
  // Preambles and totals have other numbers of columns than the rows.
  relax_column_count: true,
  // Names such as JOHN "JJ" DOE are printed as they are.
  relax_quotes: true,
  max_record_size: longestRecord,
  // Files that were put together have several kinds of line ends. By itself the library takes the first one for all, and the
  // lines that end otherwise for cells of one long line.
  record_delimiter: ['\r\n', '\n', '\r'],
});

/**
 * Splits text into the cells of its lines, some lines at a time. A line that is empty has one empty cell, and a cell may
 * contain line breaks: lines are numbered as a spreadsheet shows them.
 */
export async function* readRecords(
  text: AsyncIterable<string>,
  delimiter: string,
): AsyncGenerator<string[][]> {
  const parser = parse(options(delimiter));
  const source = Readable.from(withShortLines(text), { highWaterMark: 1 });
  source.once('error', (error) => parser.destroy(error));
  source.pipe(parser);
  let failure: unknown = null;
  parser.once('error', (error) => {
    failure = error;
  });
  try {
    for (;;) {
      const batch: string[][] = [];
      for (let record: unknown = parser.read(); record !== null; record = parser.read())
        batch.push(record as string[]);
      if (batch.length > 0) yield batch;
      else if (failure !== null) throw explained(failure);
      else if (parser.readableEnded || parser.destroyed) return;
      else await nextOf(parser);
    }
  } finally {
    source.destroy();
    parser.destroy();
  }
}

/** The library does not count separators: a line of nothing else would become a list of millions of cells. */
async function* withShortLines(text: AsyncIterable<string>): AsyncGenerator<string> {
  let [line, length] = [1, 0];
  for await (const chunk of text) {
    let start = 0;
    for (const { index } of chunk.matchAll(/[\r\n]/g)) {
      if (length + index - start > longestRecord) throw tooLong(line);
      if (chunk[index] === '\n') line += 1;
      [length, start] = [0, index + 1];
    }
    length += chunk.length - start;
    if (length > longestRecord) throw tooLong(line);
    yield chunk;
  }
}

function tooLong(line: number): StatementError {
  return new StatementError(
    `The statement cannot be read: line ${line} is longer than ${longestRecord} characters; a quotation mark may not be closed.`,
  );
}

/** Waits until there is something to read, or nothing will come any more. */
async function nextOf(parser: Readable): Promise<void> {
  const stop = new AbortController();
  const events = ['readable', 'end', 'close', 'error'].map((name) =>
    once(parser, name, { signal: stop.signal }).catch(() => {}),
  );
  await Promise.race(events);
  stop.abort();
}

/** The lines of a text that may be cut off in its last line. */
export function recordsOf(text: string, delimiter: string): string[][] {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1) || text;
  try {
    return parseAtOnce(whole, options(delimiter)) as string[][];
  } catch {
    // This delimiter, or the last line of the part, does not go together with its quotation marks.
    return [];
  }
}

function explained(error: unknown): unknown {
  if (!(error instanceof CsvError)) return error;
  const line = typeof error.lines === 'number' ? error.lines : 1;
  if (error.code === 'CSV_MAX_RECORD_SIZE') return tooLong(line);
  return new StatementError(`The statement cannot be read: line ${line} is not valid CSV (${error.code}).`, {
    cause: error,
  });
}
