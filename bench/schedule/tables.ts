import { number, type Table } from '../report.ts';
import type { Figures } from './figures.ts';

/** Both of our schedules under the same conditions. */
export interface Compared {
  readonly name: string;
  readonly usual: Figures;
  readonly learnt: Figures;
  /** What no schedule can beat, ms; `null` where it was not calculated. */
  readonly leastMs?: number | null;
}

const seconds = (ms: number) => number(ms / 1_000, 2);

export function contendersTable(rows: readonly Figures[]): Table {
  return {
    caption:
      'No callbacks. Lag: seconds from the final status to the poll that sees it. Polls: per order until then; "confirming" are the second readings of soft words. Verdict: the lag, the rest of the answer and the confirmation. Given up: final sooner or later, and not seen before the schedule ended.',
    columns: [
      ...['', 'orders', 'polls', 'confirming', 'lag p50', 'p75', 'p95', 'p99', 'verdict p50'],
      'given up',
    ],
    rows: rows.map(({ name, orders, polls, confirmations, lag, verdictP50, unseen }) => [
      name,
      number(orders),
      number(polls, 2),
      number(confirmations, 2),
      ...[lag.p50, lag.p75, lag.p95, lag.p99, verdictP50].map(seconds),
      `${number(100 * unseen, 1)} %`,
    ]),
  };
}

export function variationsTable(rows: readonly Compared[]): Table {
  return {
    caption:
      'Customers who behave otherwise. Exponential → adaptive, learning included; "least" is the ratio of medians that no schedule with as many polls can beat.',
    columns: ['', 'polls', 'lag p50', 'p95', 'p99', 'ratio of p50', 'least'],
    rows: rows.map((row) => [...cells(row), row.leastMs ? ratio(row.leastMs, row.usual.lag.p50) : '']),
  };
}

export function pacesTable(rows: readonly Compared[]): Table {
  return {
    caption:
      'More and fewer polls: first poll and intervals of the exponential schedule, multiplied. Exponential → adaptive.',
    columns: ['', 'polls', 'lag p50', 'p95', 'p99', 'ratio of p50'],
    rows: rows.map(cells),
  };
}

function cells({ name, usual, learnt }: Compared): string[] {
  const both = (value: (figures: Figures) => string) => `${value(usual)} → ${value(learnt)}`;
  return [
    name,
    both(({ polls }) => number(polls, 2)),
    both(({ lag }) => seconds(lag.p50)),
    both(({ lag }) => seconds(lag.p95)),
    both(({ lag }) => seconds(lag.p99)),
    ratio(learnt.lag.p50, usual.lag.p50),
  ];
}

function ratio(ms: number, of: number): string {
  return number(ms / of, 2);
}
