import { toMinor } from '../domain/money.ts';
import type { DayRange } from '../domain/zone.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { paymentFactsOf } from './payment-facts.ts';
import type { OrderRecord } from './record.ts';
import { scanOrders } from './scan-orders.ts';
import { createSeen } from './seen.ts';
import { oldestUnresolved } from './unresolved.ts';

/** What became of the orders of one account that were created on one day, in one currency. Amounts in minor units. */
export interface ReportLine {
  readonly account: string;
  readonly currency: string;
  readonly orders: number;
  readonly paid: number;
  readonly failed: number;
  readonly expired: number;
  /** Without a verdict so far. */
  readonly open: number;
  readonly unresolved: number;
  /** The unresolved ones by reason. */
  readonly reasons: { readonly [reason: string]: number };
  /** Results that superseded an earlier one. */
  readonly corrections: number;
  /** What the paid orders asked for. */
  readonly expectedMinor: number;
  /** What arrived for them, as far as providers report it. */
  readonly receivedMinor: number;
  /** What those paid orders asked for whose provider does not report the amount. */
  readonly unverifiedMinor: number;
  /** The order of this account that has been unresolved for longest, of whatever day. */
  readonly oldestUnresolved: { readonly orderId: string; readonly since: number } | null;
}

export interface DailyReport {
  readonly day: string;
  readonly from: number;
  readonly to: number;
  /** By account and currency, in alphabetical order. */
  readonly lines: readonly ReportLine[];
  /** Orders whose records cannot be read, of whatever account. */
  readonly damaged: number;
}

/** Counts the orders of one day. Scans all orders, which takes seconds where there are many. */
export async function readDailyReport(
  redis: Redis,
  keys: Keys,
  { day, from, to }: DayRange,
  signal?: AbortSignal,
): Promise<DailyReport> {
  const oldest = await oldestUnresolved(redis, keys);
  const lines = new Map<string, ReportLine>();
  const seen = createSeen();
  let damaged = 0;
  for await (const some of scanOrders(redis, keys, { from, to, ...(signal && { signal }) })) {
    damaged += some.damaged.length;
    for (const record of some.records) {
      const { orderId, account, currency } = record.order;
      if (!seen.add(orderId)) continue;
      const name = `${account} ${currency}`;
      lines.set(name, added(lines.get(name) ?? emptyLine(account, currency), record));
    }
  }
  for (const [account, { currency }] of oldest) {
    const name = `${account} ${currency}`;
    if (!lines.has(name)) lines.set(name, emptyLine(account, currency));
  }
  return {
    ...{ day, from, to, damaged },
    lines: [...lines]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, line]) => {
        const { orderId, since } = oldest.get(line.account) ?? {};
        return orderId === undefined || since === undefined
          ? line
          : { ...line, oldestUnresolved: { orderId, since } };
      }),
  };
}

function emptyLine(account: string, currency: string): ReportLine {
  return {
    ...{ account, currency, orders: 0, paid: 0, failed: 0, expired: 0, open: 0, unresolved: 0, reasons: {} },
    ...{ corrections: 0, expectedMinor: 0, receivedMinor: 0, unverifiedMinor: 0, oldestUnresolved: null },
  };
}

/** The line with one more order. */
function added(line: ReportLine, record: OrderRecord): ReportLine {
  const { order, progress } = record;
  const { verdict, stateversion } = progress;
  const counted = {
    ...line,
    orders: line.orders + 1,
    corrections: line.corrections + Math.max(0, stateversion - 1),
  };
  switch (verdict?.status) {
    case undefined:
      return { ...counted, open: line.open + 1 };
    case 'failed':
      return { ...counted, failed: line.failed + 1 };
    case 'expired':
      return { ...counted, expired: line.expired + 1 };
    case 'unresolved': {
      const reason = verdict?.reason ?? '';
      const reasons = { ...line.reasons, [reason]: (line.reasons[reason] ?? 0) + 1 };
      return { ...counted, unresolved: line.unresolved + 1, reasons };
    }
    case 'paid': {
      const received = toMinor(paymentFactsOf(record).amountReceived);
      return {
        ...counted,
        paid: line.paid + 1,
        expectedMinor: line.expectedMinor + order.amountMinor,
        receivedMinor: line.receivedMinor + (received ?? 0),
        unverifiedMinor: line.unverifiedMinor + (received === null ? order.amountMinor : 0),
      };
    }
  }
}

/** The reasons of a line's unresolved orders, in words: `1 deadline, 2 underpaid`. */
export function reasonsOf({ reasons }: ReportLine): string {
  return Object.entries(reasons)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([reason, count]) => `${count} ${reason}`)
    .join(', ');
}
