import { cpus, loadavg } from 'node:os';

/** What a benchmark found out. */
export interface Report {
  /** For people. */
  readonly text: string;
  /** The same for machines. */
  readonly figures: { readonly [name: string]: unknown };
  /** False when something that was to be measured did not come about. */
  readonly complete: boolean;
}

/** Starts what it needs, measures, ends all of it. `say` tells on the way what is being done. */
export type Benchmark = (say: (line: string) => void) => Promise<Report>;

/** The value below which a share of the values lies; of none, NaN. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** What the figures were measured on. */
export function machine(): string {
  const [{ model } = { model: 'unknown processor' }] = cpus();
  const load = loadavg()[0]?.toFixed(1);
  return `Node ${process.version}, ${cpus().length} × ${model.trim()}, load ${load}`;
}
