import { classes } from './judge.ts';
import type { Outcome } from './play.ts';

const shownFindings = 10;

/** The outcome of one scenario in one line. */
export function summary({ scenario, orders, judgement, violations, passed, tookMs }: Outcome): string {
  const { match } = judgement.counts;
  const wrong = judgement.problems.length + violations.length;
  const verdict = passed ? 'ok' : `FAILED, ${wrong} problems`;
  return `${scenario}: ${verdict}, ${match} of ${orders} orders match, ${seconds(tookMs)}`;
}

/** The outcomes as one table for people. */
export function table(outcomes: readonly Outcome[]): string {
  const lines = [head, ...outcomes.map(cellsOf)];
  const widths = head.map((_, column) => Math.max(...lines.map((cells) => (cells[column] ?? '').length)));
  return lines
    .map((cells) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** The columns of `cellsOf`. */
export const head: readonly string[] = [
  ...['scenario', 'orders', ...classes, 'killed'],
  ...['after faults', 'p50', 'p99', 'max', 'bound', 'took', ''],
];

/** What a table needs of an outcome; the line for machines holds it too. */
export type Row = Pick<
  Outcome,
  'scenario' | 'orders' | 'kills' | 'verdictMs' | 'boundMs' | 'tookMs' | 'passed'
> & {
  readonly judgement: Pick<Outcome['judgement'], 'counts'>;
};

/** One row of a table. */
export function cellsOf({ verdictMs, boundMs, tookMs, judgement, ...outcome }: Row): string[] {
  const { p50, p99, max, orders } = verdictMs;
  return [
    ...[outcome.scenario, String(outcome.orders)],
    ...classes.map((name) => String(judgement.counts[name])),
    Object.entries(outcome.kills)
      .map(([what, count]) => `${count} ${what}`)
      .join(', ') || '-',
    ...[String(orders), ...[p50, p99, max, boundMs, tookMs].map(seconds)],
    outcome.passed ? 'ok' : 'FAILED',
  ];
}

/** What was noted beside the table, and everything that went wrong. */
export function details({ judgement, notes, violations, scenario }: Outcome): string[] {
  const noted = Object.entries(notes).map(([name, value]) => `${name}: ${value}`);
  const wrong = judgement.problems.map(({ orderId, class: name, why }) => `${orderId} ${name}: ${why}`);
  const hidden = wrong.length - shownFindings;
  return [
    ...(noted.length === 0 ? [] : [`${scenario}: ${noted.join('; ')}`]),
    ...violations.map((violation) => `${scenario}: ${violation}`),
    ...wrong.slice(0, shownFindings).map((line) => `${scenario}: ${line}`),
    ...(hidden > 0 ? [`${scenario}: and ${hidden} more`] : []),
  ];
}

/** The outcomes for machines. */
export function jsonLine(outcomes: readonly Outcome[], facts: object): string {
  return JSON.stringify({
    ...facts,
    scenarios: outcomes.map(({ judgement, ...outcome }) => ({
      ...outcome,
      judgement: { ...judgement, violations: judgement.problems.slice(0, shownFindings) },
    })),
  });
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
