import type { Zone } from '../domain/zone.ts';
import { type Finding, findings, type ReconciliationLine } from './reconciliation-line.ts';
import type { Statement } from './statement/read-statement.ts';

/** Findings that are no disagreement. */
const peaceful: ReadonlySet<Finding> = new Set(['agrees', 'settled', 'no-row']);

export interface Count {
  readonly count: number;
  /** In minor units, of all currencies by their code. */
  readonly amounts: { readonly [currency: string]: number };
}

/** Findings by number and amount. */
export type Counts = { readonly [finding in Finding]?: Count };

export interface Totals {
  /** Payments on the statement, by local day. */
  readonly days: readonly { readonly day: string; readonly statement: Count; readonly findings: Counts }[];
  readonly statement: Count;
  readonly findings: Counts;
  /** Orders whose records cannot be read. */
  readonly damaged: number;
  readonly disagreements: number;
}

interface Sum {
  count: number;
  readonly amounts: { [currency: string]: number };
}
type Sums = Map<Finding, Sum>;

export function createTotals({ rows, faultCount }: Statement, zone: Zone) {
  const days = new Map<string, { readonly statement: Sum; readonly findings: Sums }>();
  const all = { statement: zero(), findings: new Map() as Sums };
  let damaged = 0;

  const dayOf = (day: string) => {
    const known = days.get(day) ?? { statement: zero(), findings: new Map() };
    days.set(day, known);
    return known;
  };
  for (let nth = 0; nth < rows.size; nth += 1) {
    const { kind, at, amountMinor, currency } = rows.row(nth);
    if (kind !== 'payment') continue;
    for (const { statement } of [all, dayOf(zone.dayOf(at))]) addTo(statement, currency, amountMinor);
  }
  if (faultCount > 0) all.findings.set('unreadable', { count: faultCount, amounts: {} });

  return {
    add({ finding, day, ours, netMinor, rows: found }: ReconciliationLine): void {
      const currency = found[0]?.currency ?? ours?.currency ?? '';
      const amount = netMinor ?? ours?.expectedMinor ?? 0;
      const into = day === null ? [all] : [all, dayOf(day)];
      for (const { findings: sums } of into) {
        const sum = sums.get(finding) ?? zero();
        sums.set(finding, sum);
        addTo(sum, currency, amount);
      }
    },
    damaged(count: number): void {
      damaged += count;
    },
    result(): Totals {
      const disagreements = [...all.findings].reduce(
        (sum, [finding, { count }]) => sum + (peaceful.has(finding) ? 0 : count),
        damaged,
      );
      return {
        days: [...days]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([day, { statement, findings: sums }]) => ({ day, statement, findings: countsOf(sums) })),
        ...{ statement: all.statement, findings: countsOf(all.findings), damaged, disagreements },
      };
    },
  };
}

function zero(): Sum {
  return { count: 0, amounts: {} };
}

function addTo(sum: Sum, currency: string, amountMinor: number): void {
  sum.count += 1;
  sum.amounts[currency] = (sum.amounts[currency] ?? 0) + amountMinor;
}

function countsOf(sums: Sums): Counts {
  return Object.fromEntries(findings.flatMap((name) => (sums.has(name) ? [[name, sums.get(name)]] : [])));
}
