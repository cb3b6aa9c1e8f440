import type { Comparison, OrderFinding } from './compare-order.ts';
import type { OursThen } from './finding-log.ts';
import type { StatementRow } from './statement/row-index.ts';

/** `settled`: the statement's payment was passed on. `unknown-to-us`: a row without an order. `unreadable`: a faulty line. */
export const findings = [
  'agrees',
  'settled',
  'paid',
  'other-amount',
  'reversed',
  'unclear',
  'possible',
  'only-ours',
  'unknown-to-us',
  'unreadable',
  'no-row',
] as const satisfies readonly (OrderFinding | 'settled' | 'unknown-to-us' | 'unreadable')[];
export type Finding = (typeof findings)[number];

/** One line of a reconciliation: an order, a row of the statement, or both. */
export interface ReconciliationLine {
  readonly finding: Finding;
  /** The local day that it is counted under. */
  readonly day: string | null;
  readonly orderId: string | null;
  readonly ours: OursThen | null;
  readonly by: Comparison['by'];
  readonly rows: readonly StatementRow[];
  readonly netMinor: number | null;
  /** Strong enough to settle the order. */
  readonly isStrong: boolean;
  readonly note: string | null;
}
