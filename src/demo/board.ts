import { styleText } from 'node:util';
import type { ResultData } from '../results/event.ts';
import type { Sample } from './samples.ts';

/** What is known of one sample while the demo runs. */
export interface Line {
  readonly sample: Sample;
  polls: number;
  lastReading: string;
  verdict: ResultData | null;
}

/** Did the verdict come out as the story demands? */
export function isAsExpected({ sample: { expected }, verdict }: Line): boolean {
  if (verdict === null) return false;
  const { amountVerified = verdict.amountVerified } = expected;
  return (
    verdict.status === expected.status &&
    verdict.reason === expected.reason &&
    verdict.amountVerified === amountVerified
  );
}

/** All orders of the demo as one table, redrawn in place while they live. */
export function table(lines: readonly Line[]): string {
  const rows = lines.map((line) => {
    const { sample, verdict } = line;
    const outcome =
      verdict === null ? styleText('dim', `… ${line.lastReading}`, unchecked) : verdictText(line, verdict);
    return `  ${sample.provider.padEnd(11)} ${sample.story.padEnd(34)} ${String(line.polls).padStart(3)}  ${outcome}`;
  });
  return [
    styleText('bold', `  ${'provider'.padEnd(11)} ${'what happens'.padEnd(34)} polls  verdict`, unchecked),
    ...rows,
  ].join('\n');
}

/** One verdict as a plain line, for a log or a pipe. */
export function plainLine(line: Line, verdict: ResultData): string {
  const { sample } = line;
  return `${sample.provider.padEnd(11)} ${sample.story.padEnd(34)} ${outcomeOf(verdict)}${mark(line)}`;
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
