import { cpus, loadavg } from 'node:os';

/** What a benchmark found out. */
export interface Report {
  /** For people. */
  readonly text: string;
  /** The same for machines. */
  readonly figures: { readonly [name: string]: unknown };
  /** False when something that was to be measured did not come about. */
  readonly complete: boolean;
  /** What docs/performance.md shows; default the text. */
  readonly tables?: readonly Table[];
  /** What the tables come to, in a sentence or two. */
  readonly remark?: string;
}

/** How thoroughly to measure. */
export interface Scale {
  /** Turns of every contender; medians are taken over them. */
  readonly rounds: number;
  /** A look whether everything runs, in as little time as possible: its figures are worth nothing. */
  readonly quick: boolean;
  /** Of what is drawn at random. */
  readonly seed: number;
}

/** Starts what it needs, measures, ends all of it. `say` tells on the way what is being done. */
export type Benchmark = (say: (line: string) => void, scale: Scale) => Promise<Report>;

/** A table with its finished cells. */
export interface Table {
  /** One sentence: what is shown, and under what conditions. */
  readonly caption: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The report that these tables make, with one closing remark. */
export function reportOf(
  figures: Report['figures'],
  tables: readonly Table[],
  remark: string,
  complete: boolean,
): Report {
  const text = [...tables.map(toText), `${remark} ${machine()}.`].join('\n\n');
  return { text, figures, tables, remark, complete };
}

/** For a terminal: words to the left, numbers to the right. */
export function toText({ caption, columns, rows }: Table): string {
  const lines = [columns, ...rows];
  const widths = columns.map((_, nth) => Math.max(...lines.map((line) => (line[nth] ?? '').length)));
  const print = (line: readonly string[]) =>
    line
      .map((cell, nth) => {
        const width = widths[nth] ?? 0;
        return isNumeric(rows, nth) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [caption, '', ...lines.map(print)].join('\n');
}

export function toMarkdown({ caption, columns, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = columns.map((_, nth) => (isNumeric(rows, nth) ? '---:' : '---'));
  return [caption, '', line(columns), `|${rule.join('|')}|`, ...rows.map(line)].join('\n');
}

function isNumeric(rows: Table['rows'], column: number): boolean {
  return rows.every((row) => /^[\d–]|^$/.test(row[column] ?? ''));
}

/** The value below which a share of the values lies; of none, NaN. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** The middle value, or the mean of the two in the middle; of none, NaN. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** The median, with the least and the greatest of several rounds behind it. */
export function spread(values: readonly number[], digits = 0): string {
  if (values.length === 0) return '–';
  const middle = number(median(values), digits);
  if (values.length === 1) return middle;
  return `${middle} (${number(Math.min(...values), digits)}–${number(Math.max(...values), digits)})`;
}

/** With thousands apart; a dash for what was not measured. */
export function number(value: number, digits = 0): string {
  if (!Number.isFinite(value)) return '–';
  return value.toLocaleString('en-GB', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A share of one, in per cent. */
export function percent(share: number): string {
  return Number.isFinite(share) ? `${number(share * 100)} %` : '–';
}

/** What the figures were measured on. */
export function machine(): string {
  const [{ model } = { model: 'unknown processor' }] = cpus();
  const load = loadavg()[0]?.toFixed(1);
  return `Node ${process.version}, ${cpus().length} × ${model.trim()}, load ${load}`;
}
