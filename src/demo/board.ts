import { styleText } from 'node:util';
import type { ResultData } from '../domain/result-event.ts';
import { providers } from '../providers/index.ts';
import type { Sample } from './samples.ts';

const providerWidth = Math.max(...[...providers.keys()].map((id) => id.length));

/** The state of one sample while the demo runs. */
export interface Line {
  readonly sample: Sample;
  polls: number;
  lastReading: string;
  verdict: ResultData | null;
}

/** True if the verdict is the expected one. */
export function isAsExpected({ sample: { expected }, verdict }: Line): boolean {
  if (verdict === null) return false;
  const { amountVerified = verdict.amountVerified } = expected;
  return (
    verdict.status === expected.status &&
    verdict.reason === expected.reason &&
    verdict.amountVerified === amountVerified
  );
}

/** The table's header. */
export function headLine(): string {
  const text = `  ${'provider'.padEnd(providerWidth)} ${'what happens'.padEnd(34)} polls  verdict`;
  return styleText('bold', text, unchecked);
}

/** The permanent table row of an order with a verdict. */
export function verdictLine(line: Line, verdict: ResultData): string {
  return `${beginning(line)}  ${verdictText(line, verdict)}`;
}

/** The rows of open orders, which are redrawn in place and so must fit the screen. */
export function openLines(lines: readonly Line[], screen: { rows: number; columns: number }): string[] {
  const open = lines.filter(({ verdict }) => verdict === null);
  const room = Math.max(1, screen.rows - 4);
  const hidden = open.length - room;
  return [
    ...open.slice(0, room).map((line) => `${beginning(line)}  … ${line.lastReading}`),
    ...(hidden > 0 ? [`  and ${hidden} more`] : []),
  ].map((text) => styleText('dim', text.slice(0, screen.columns - 1), unchecked));
}

function beginning({ sample, polls }: Line): string {
  return `  ${sample.provider.padEnd(providerWidth)} ${sample.story.padEnd(34)} ${String(polls).padStart(3)}`;
}

/** One verdict as a plain line, for output that is not a terminal. */
export function plainLine(line: Line, verdict: ResultData): string {
  const { sample } = line;
  return `${sample.provider.padEnd(providerWidth)} ${sample.story.padEnd(34)} ${outcomeOf(verdict)}${mark(line)}`;
}

const unchecked = { validateStream: false } as const;
const colours = { paid: 'green', failed: 'red', expired: 'yellow', unresolved: 'magenta' } as const;

function verdictText(line: Line, verdict: ResultData): string {
  return `${styleText(colours[verdict.status], outcomeOf(verdict), unchecked)}${mark(line)}`;
}

function outcomeOf({ status, reason, amountVerified, receipt, createdAt, settledAt }: ResultData): string {
  const seconds = (Date.parse(settledAt) - Date.parse(createdAt)) / 1_000;
  const notes = [
    reason,
    receipt && `receipt ${receipt}`,
    status === 'paid' && !amountVerified && 'amount not verifiable',
    `after ${seconds.toFixed(1)} s`,
  ];
  return [status, ...notes.filter((note) => note)].join(', ');
}

function mark(line: Line): string {
  const { status, reason } = line.sample.expected;
  return isAsExpected(line) ? '' : `  ✗ expected ${[status, reason].filter((word) => word).join(', ')}`;
}
