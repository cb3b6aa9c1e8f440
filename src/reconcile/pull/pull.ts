import type { OrderRecord } from '../../orders/record.ts';
import { pullWindowMs } from '../../providers/daraja-pull.ts';
import { compareOrder } from '../compare-order.ts';
import { factsOf } from '../order-facts.ts';
import { createStatementSettler, type StatementSettlerParts } from '../settle-by-statement.ts';
import { type PullRowsParts, pullRows } from './pull-rows.ts';

export interface PullParts extends PullRowsParts {
  readonly settling: Omit<StatementSettlerParts, 'rows' | 'period' | 'source' | 'accountNumber'>;
  readonly currencies: readonly string[];
  /** Settle by the exact reference and amount too. Otherwise those are only counted: evidence for a person. */
  readonly byReference: boolean;
  /** Unresolved orders of the account. */
  unresolved(): AsyncIterable<string>;
}

/** What one run came to. */
export interface Pulled {
  readonly outcome: 'no-orders' | 'nothing' | 'rows' | 'failed';
  readonly rows: number;
  readonly settled: number;
  /** Orders whose payment may be in the list, for a person to look at. */
  readonly possible: readonly string[];
  readonly skipped: number;
  readonly failure: string | null;
}

/** Orders that one run looks for; the next run looks for others once these are settled or too old. */
const mostOrders = 5_000;
/** Clocks differ, and payments are booked late. */
const marginMs = 15 * 60_000;

/**
 * Looks for the payments of unresolved orders in what was paid to the short code in the last 48 hours. A payment that is not
 * in the list proves nothing.
 */
export async function pullOnce(parts: PullParts): Promise<Pulled> {
  const { settling } = parts;
  const now = settling.clock.now();
  const oldest = now - pullWindowMs + 60_000;
  const wanted: OrderRecord[] = [];
  for await (const orderId of parts.unresolved()) {
    const record = await settling.store.read(orderId).catch(() => null);
    const isOurs =
      record?.order.account === settling.account && record.order.provider === settling.provider.id;
    if (
      record !== null &&
      isOurs &&
      record.order.createdAt >= oldest &&
      record.progress.verdict?.status === 'unresolved'
    )
      wanted.push(record);
    if (wanted.length >= mostOrders) break;
  }
  const none = { rows: 0, settled: 0, possible: [], skipped: 0, failure: null };
  if (wanted.length === 0) return { outcome: 'no-orders', ...none };
  const first = wanted.reduce((earliest, { order }) => Math.min(earliest, order.createdAt), now);
  const { rows, sha256, skipped, failure } = await pullRows(parts, Math.max(first - marginMs, oldest), now);

  const settle = createStatementSettler({
    ...settling,
    ...{ rows, period: null, accountNumber: null },
    source: { sha256, currencies: parts.currencies, rowName: (line) => `pulled transaction ${line}` },
  });
  const compared = wanted.map((record) => ({
    orderId: record.order.orderId,
    comparison: compareOrder(factsOf(record, settling.provider, null), rows, null),
  }));
  const named = new Map<number, number>();
  for (const { comparison } of compared) {
    for (const nth of comparison.rows) named.set(nth, (named.get(nth) ?? 0) + 1);
  }
  const possible: string[] = [];
  let settled = 0;
  for (const { orderId, comparison } of compared) {
    const isAlone = comparison.rows.every((nth) => named.get(nth) === 1);
    const isProof = comparison.isStrong && isAlone && (parts.byReference || comparison.by === 'receipt');
    if (comparison.rows.length === 0 || comparison.finding === 'agrees') continue;
    if (!isProof) possible.push(orderId);
    else if ((await settle(orderId)).outcome === 'published') settled += 1;
  }
  const outcome = failure !== null ? 'failed' : rows.size === 0 ? 'nothing' : 'rows';
  return { outcome, rows: rows.size, settled, possible, skipped, failure };
}
