import { classes } from './judge.ts';
import type { Outcome } from './play.ts';

const shownFaults = 10;

/** The outcomes as one table for people. */
export function table(outcomes: readonly Outcome[]): string {
  const head = [
    'scenario',
    'orders',
    'acknowledged',
    ...classes,
    'killed',
    'truth p50',
    'p99',
    'max',
    'bound',
    'took',
    '',
  ];
  const rows = outcomes.map((outcome) => [
    outcome.scenario,
    String(outcome.orders),
    String(outcome.acknowledged),
    ...classes.map((name) => String(outcome.judgement.counts[name])),
    killsOf(outcome),
    ...[outcome.truthMs.p50, outcome.truthMs.p99, outcome.truthMs.max, outcome.boundMs, outcome.tookMs].map(
      (ms) => `${(ms / 1_000).toFixed(1)} s`,
    ),
    outcome.passed ? 'ok' : 'FAILED',
  ]);
  const lines = [head, ...rows];
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

/** What was noted beside the table, and everything that went wrong. */
export function details({ judgement, notes, faults, scenario }: Outcome): string[] {
  const noted = Object.entries(notes).map(([name, value]) => `${name}: ${value}`);
  const wrong = judgement.faults.map(({ orderId, class: name, why }) => `${orderId} ${name}: ${why}`);
  const hidden = wrong.length - shownFaults;
  return [
    ...(noted.length === 0 ? [] : [`${scenario}: ${noted.join('; ')}`]),
    ...faults.map((fault) => `${scenario}: ${fault}`),
    ...wrong.slice(0, shownFaults).map((line) => `${scenario}: ${line}`),
    ...(hidden > 0 ? [`${scenario}: and ${hidden} more`] : []),
  ];
}

/** The outcomes for machines. */
export function jsonLine(outcomes: readonly Outcome[], facts: object): string {
  return JSON.stringify({
    ...facts,
    passed: outcomes.length > 0 && outcomes.every(({ passed }) => passed),
    scenarios: outcomes.map(({ judgement, ...outcome }) => ({
      ...outcome,
      ...judgement.counts,
      toldUnacknowledged: judgement.toldUnacknowledged,
      wrong: judgement.faults.slice(0, shownFaults),
    })),
  });
}

function killsOf({ kills }: Outcome): string {
  const counts = Object.entries(kills).map(([what, count]) => `${count} ${what}`);
  return counts.join(', ') || '-';
}
