import type { Zone } from '../domain/zone.ts';
import type { OrderRecord } from '../orders/record.ts';
import type { SomeOrders } from '../orders/scan-orders.ts';
import { createSeen } from '../orders/seen.ts';
import type { Provider } from '../providers/provider.ts';
import { bookedWithin, compareOrder } from './compare-order.ts';
import { createFindingLog, type PendingFinding } from './finding-log.ts';
import { factsOf, type OrderFacts } from './order-facts.ts';
import { createPossibleRows } from './possible-rows.ts';
import type { Finding, ReconciliationLine } from './reconciliation-line.ts';
import type { Statement } from './statement/read-statement.ts';
import type { RowKind } from './statement/row-index.ts';
import { createTotals, type Totals } from './totals.ts';

export interface ReconcileParts {
  readonly statement: Statement;
  readonly provider: Provider;
  /** Key of the metadata that has the account number which the customer pays to. */
  readonly accountNumber: string | null;
  /** One payment may pay several orders. */
  readonly isShared: boolean;
  readonly zone: Zone;
  /** The account's orders that were created in a period. */
  orders(from: number, to: number): AsyncIterable<SomeOrders>;
  /** The account's orders, of whatever time, that are known by one of these receipts. */
  withReceipts(receipts: readonly string[]): Promise<readonly OrderRecord[]>;
  /** Called for every line; agreements and orders without a payment only if `isComplete`. Awaited. */
  line(line: ReconciliationLine): Promise<void> | void;
  readonly isComplete: boolean;
  /** Settles an order whose payment the statement has, and says what came of it. Absent: nothing is changed. */
  settle?(orderId: string): Promise<Pick<ReconciliationLine, 'note'> & { readonly finding?: Finding }>;
  readonly signal?: AbortSignal;
}

/** Marks of rows. */
const mark = { free: 0, wanted: 1, taken: 2, disputed: 3 } as const;

const unknownNotes: { readonly [kind in RowKind]?: string } = {
  reversal: 'a reversal of a payment that is no order of ours',
  uncertain: 'a payment or a reversal: the statement does not say which for certain',
};

/** Unresolved orders without a row that are compared by amount and time. */
const mostWithoutRow = 20_000;
const settledAtOnce = 20;
const lookedUpAtOnce = 200;

/**
 * Compares a statement with all orders that its rows may be about. Orders are read once, some at a time; of those that agree
 * nothing is kept. What needs all orders to be known (a row that names two of them) is decided at the end.
 */
export async function reconcile(parts: ReconcileParts): Promise<Totals> {
  const { statement, zone } = parts;
  const { rows, period } = statement;
  const totals = createTotals(statement, zone);
  const log = createFindingLog();
  const withoutRow = createFindingLog();
  const seen = createSeen();
  const emit = async (line: ReconciliationLine) => {
    totals.add(line);
    const isQuiet = line.finding === 'agrees' || line.finding === 'no-row';
    if (!isQuiet || parts.isComplete) await parts.line(line);
  };

  if (period !== null) {
    const [from, to] = [period.from - bookedWithin.afterMs, period.to + bookedWithin.beforeMs];
    for await (const { records, damaged } of parts.orders(from, to)) {
      totals.damaged(damaged.length);
      for (const record of records) {
        if (seen.add(record.order.orderId)) await compare(record);
      }
    }
    await compareOlder();
  }
  await conclude();
  return totals.result();

  /** Payments are taken back, and booked, long after their order: a receipt belongs to its order at any time. */
  async function compareOlder(): Promise<void> {
    let receipts = new Set<string>();
    const lookUp = async () => {
      parts.signal?.throwIfAborted();
      for (const record of await parts.withReceipts([...receipts])) {
        const facts = factsOf(record, parts.provider, parts.accountNumber);
        if (facts.receipts.some((receipt) => receipts.has(receipt)) && seen.add(facts.order.orderId))
          await compare(record, facts);
      }
      receipts = new Set();
    };
    for (let nth = 0; nth < rows.size; nth += 1) {
      const receipt = rows.mark(nth) === mark.free ? rows.row(nth).receipt : '';
      if (receipt !== '') receipts.add(receipt);
      if (receipts.size >= lookedUpAtOnce) await lookUp();
    }
    if (receipts.size > 0) await lookUp();
  }

  async function compare(
    record: OrderRecord,
    facts = factsOf(record, parts.provider, parts.accountNumber),
  ): Promise<void> {
    const comparison = compareOrder(facts, rows, period);
    const pending: PendingFinding = { ...comparison, orderId: facts.order.orderId, ours: oursOf(facts) };
    const { finding } = comparison;
    if (facts.verdict?.status === 'paid' && comparison.rows.length > 0) {
      const isDoubled = !parts.isShared && comparison.rows.some((nth) => rows.mark(nth) === mark.taken);
      for (const nth of comparison.rows) rows.setMark(nth, mark.taken);
      if (isDoubled)
        return emit({
          ...lineOf(pending),
          finding: 'unclear',
          note: 'two paid orders have this row',
          isStrong: false,
        });
      // What is only shown needs no other order.
      return comparison.isStrong ? log.add(pending) : emit(lineOf(pending));
    }
    if (comparison.rows.length > 0 && finding !== 'possible') {
      for (const nth of comparison.rows) {
        const was = rows.mark(nth);
        if (was !== mark.taken) rows.setMark(nth, was === mark.free ? mark.wanted : mark.disputed);
      }
      return log.add(pending);
    }
    const isOpen = facts.verdict === null || facts.verdict.status === 'unresolved';
    if (finding === 'possible' || (finding === 'no-row' && isOpen && withoutRow.size < mostWithoutRow))
      return withoutRow.add(pending);
    return emit(lineOf(pending));
  }

  async function conclude(): Promise<void> {
    const { settle } = parts;
    let strong: (ReconciliationLine & { readonly orderId: string })[] = [];
    const settleAll = async (): Promise<void> => {
      parts.signal?.throwIfAborted();
      const settled =
        settle === undefined ? [] : await Promise.all(strong.map(({ orderId }) => settle(orderId)));
      for (const [nth, line] of strong.entries()) await emit({ ...line, ...settled[nth] });
      strong = [];
    };
    for (const pending of log.all()) {
      const line = concluded(pending);
      if (line.isStrong && settle !== undefined) strong.push({ ...line, orderId: pending.orderId });
      else await emit(line);
      if (strong.length >= settledAtOnce) await settleAll();
    }
    await settleAll();
    await emitPossible();
    await emitUnknown();
  }

  /** The finding of an order now that all orders are known. */
  function concluded(pending: PendingFinding): ReconciliationLine {
    const line = lineOf(pending);
    if (pending.ours.status === 'paid') return line;
    const marks = pending.rows.map(rows.mark);
    if (marks.includes(mark.taken)) {
      const isKnown = pending.ours.reason === 'receipt-used';
      const note = 'its row is the payment of another order';
      return { ...line, finding: isKnown ? 'agrees' : 'unclear', isStrong: false, note };
    }
    if (marks.includes(mark.disputed) && !parts.isShared)
      return { ...line, finding: 'unclear', isStrong: false, note: 'its row names several orders' };
    return marks.includes(mark.disputed)
      ? { ...line, isStrong: false, note: 'several orders share its row' }
      : line;
  }

  async function emitPossible(): Promise<void> {
    const amounts = new Set<number>();
    for (const { ours } of withoutRow.all()) amounts.add(ours.expectedMinor);
    const possible = createPossibleRows(rows, amounts, (nth) => rows.mark(nth) === mark.free);
    for (const pending of withoutRow.all()) {
      const found = pending.rows.length > 0 ? pending.rows : possible(pending);
      const note = pending.note ?? (found.length > 0 ? 'the amount and the time are right' : null);
      await emit(
        lineOf({ ...pending, rows: found, finding: found.length > 0 ? 'possible' : 'no-row', note }),
      );
    }
  }

  async function emitUnknown(): Promise<void> {
    for (let nth = 0; nth < rows.size; nth += 1) {
      if (rows.mark(nth) !== mark.free) continue;
      const row = rows.row(nth);
      // Charges and payouts without an order are no concern of ours.
      if (row.kind === 'negative' || row.amountMinor === 0) continue;
      await emit({
        ...{ finding: 'unknown-to-us', day: zone.dayOf(row.at), orderId: null, ours: null, by: null },
        ...{ rows: [row], netMinor: row.amountMinor, isStrong: false },
        note: unknownNotes[row.kind] ?? null,
      });
    }
  }

  function lineOf(pending: PendingFinding): ReconciliationLine {
    const { finding, orderId, ours, by, isStrong, netMinor, note } = pending;
    const found = pending.rows.map((nth) => rows.row(nth));
    const at = found[0]?.at || ours.createdAt;
    return {
      ...{ finding, orderId, ours, by, isStrong, note, rows: found },
      netMinor: found.length === 0 ? null : netMinor,
      day: zone.dayOf(at),
    };
  }
}

function oursOf({ order, verdict, receivedMinor }: OrderFacts): PendingFinding['ours'] {
  return {
    status: verdict?.status ?? null,
    reason: verdict?.reason ?? null,
    expectedMinor: order.amountMinor,
    receivedMinor,
    currency: order.currency,
    createdAt: order.createdAt,
  };
}
