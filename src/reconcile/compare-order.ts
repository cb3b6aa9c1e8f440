import { toMajor } from '../domain/money.ts';
import { type OrderFacts, recordedText } from './order-facts.ts';
import type { RowIndex, StatementRow } from './statement/row-index.ts';

/**
 * What comes of comparing an order with a statement.
 * `agrees`. `paid`: the statement has its payment, and we do not say so. `other-amount`: another amount than ours, or than the
 * order asks for. `reversed`: the payment was taken back. `unclear`: several rows or several orders, or money that went out
 * unexplained. `possible`: a row that may be its payment, for a person to look at. `only-ours`: we say paid, and the statement,
 * which covers the time, has no such row. `no-row`: neither has a payment.
 */
export type OrderFinding =
  | 'agrees'
  | 'paid'
  | 'other-amount'
  | 'reversed'
  | 'unclear'
  | 'possible'
  | 'only-ours'
  | 'no-row';

export interface Comparison {
  readonly finding: OrderFinding;
  readonly by: 'receipt' | 'reference' | null;
  /** Strong enough to settle: matched by a receipt, or by the exact reference and amount. */
  readonly isStrong: boolean;
  /** Numbers of the rows in the index. */
  readonly rows: readonly number[];
  /** What has arrived and stayed, by the statement. */
  readonly netMinor: number;
  readonly note: string | null;
}

/** When the rows of a statement begin and end. */
export interface Period {
  readonly from: number;
  readonly to: number;
}

const hourMs = 3_600_000;
/** A row with an order's reference belongs to it if it was booked within this time; many statements give the day only. */
export const bookedWithin = { beforeMs: 24 * hourMs, afterMs: 7 * 24 * hourMs };

/** Words that stand as the provider's status beside the evidence. */
export const statusWords = { paid: 'Completed', reversed: 'Reversed' } as const;

/** Compares an order with the rows that name it. Pure. */
export function compareOrder(facts: OrderFacts, rows: RowIndex, period: Period | null): Comparison {
  const byReceipt = [...new Set(facts.receipts.flatMap(rows.byReceipt))];
  if (byReceipt.length > 0) return withReceipt(facts, rows, byReceipt);
  const named = [...new Set(facts.references.flatMap(rows.byReference))];
  const { createdAt } = facts.order;
  const inTime = named.filter((nth) => {
    const at = rows.time(nth);
    return at >= createdAt - bookedWithin.beforeMs && at <= createdAt + bookedWithin.afterMs;
  });
  if (inTime.length > 0) return withReference(facts, rows, inTime);
  if (named.length > 0 && facts.verdict?.status !== 'paid') {
    return {
      ...nothing('possible'),
      rows: named.slice(0, 3),
      by: 'reference',
      note: 'the reference is right, the time is not',
    };
  }
  return withoutRow(facts, period);
}

function nothing(finding: OrderFinding): Comparison {
  return { finding, by: null, isStrong: false, rows: [], netMinor: 0, note: null };
}

/** A payment that is missing proves nothing unless we say paid, and the statement covers all of the time. */
function withoutRow({ order, verdict }: OrderFacts, period: Period | null): Comparison {
  const isCovered =
    period !== null && verdict !== null && order.createdAt >= period.from && verdict.at <= period.to;
  return nothing(verdict?.status === 'paid' && isCovered ? 'only-ours' : 'no-row');
}

function withReceipt(facts: OrderFacts, index: RowIndex, found: readonly number[]): Comparison {
  const rows = found.map((nth) => index.row(nth));
  const [payments, takenBack] = [distinct(ofKind(rows, 'payment')), distinct(ofKind(rows, 'reversal'))];
  const negatives = distinct(ofKind(rows, 'negative'));
  const unclear = (note: string): Comparison => ({
    ...nothing('unclear'),
    by: 'receipt',
    rows: found,
    note,
  });
  if (new Set(payments.map(({ receipt }) => receipt)).size < payments.length)
    return unclear('several rows with other amounts or times have the same receipt');
  if (new Set(rows.map(({ currency }) => currency)).size > 1) return unclear('rows in several currencies');
  const [gross, wentOut] = [sumOf(payments), sumOf(negatives)];
  if (wentOut > 0 && wentOut !== gross)
    return unclear('money went out under the receipt, and the statement does not say why');
  const isLoose = rows.some(({ isReceiptLoose }) => isReceiptLoose);
  const reversedMinor = sumOf(takenBack) + wentOut;
  // A payment from before the statement began.
  if (payments.length === 0 && facts.verdict?.status !== 'paid')
    return unclear('the statement has the reversal, and not the payment');
  const paidMinor = payments.length === 0 ? (facts.receivedMinor ?? facts.order.amountMinor) : gross;
  if (reversedMinor > paidMinor) return unclear('more was taken back than was paid');
  return judge(facts, rows, { paidMinor, reversedMinor }, { by: 'receipt', isStrong: !isLoose, rows: found });
}

function withReference(facts: OrderFacts, index: RowIndex, found: readonly number[]): Comparison {
  const { order } = facts;
  const entries = found.map((nth) => ({ nth, row: index.row(nth) }));
  const isExact = ({ amountMinor, currency }: StatementRow) =>
    amountMinor === order.amountMinor && currency === order.currency;
  const exact = entries.filter(({ row }) => row.kind === 'payment' && isExact(row));
  const wentOut = entries.filter(({ row }) => row.kind !== 'payment');
  const match = (some: readonly { readonly nth: number }[], isStrong: boolean): Match => ({
    by: 'reference',
    isStrong,
    rows: some.map(({ nth }) => nth),
  });
  const unclear = (note: string): Comparison => ({ ...nothing('unclear'), ...match(entries, false), note });
  const payments = distinct(exact.map(({ row }) => row));
  if (payments.length > 1) return unclear('several rows have the reference and the amount of the order');
  if (payments.length === 1) {
    const isUndone = wentOut.some(({ row }) => isExact(row));
    if (wentOut.length > 0 && !isUndone)
      return unclear('money went out under the reference, and the statement does not say why');
    const amounts = { paidMinor: order.amountMinor, reversedMinor: isUndone ? order.amountMinor : 0 };
    const row = payments.filter(({ isReceiptLoose }) => isReceiptLoose).length === 0;
    return judge(facts, payments, amounts, match([...exact, ...(isUndone ? wentOut : [])], row));
  }
  const others = entries.filter(({ row }) => row.kind === 'payment');
  if (others.length !== 1 || wentOut.length > 0)
    return others.length === 0
      ? { ...nothing('no-row'), note: 'only money that went out has the reference' }
      : unclear('several rows have the reference, none with the amount of the order');
  const [other] = others as [(typeof others)[number]];
  const amounts = { paidMinor: other.row.amountMinor, reversedMinor: 0 };
  return judge(facts, [other.row], amounts, match(others, false));
}

type Match = Pick<Comparison, 'by' | 'isStrong' | 'rows'>;

interface Amounts {
  readonly paidMinor: number;
  readonly reversedMinor: number;
}

/** Compares what the statement says with what we say. */
function judge(
  facts: OrderFacts,
  rows: readonly StatementRow[],
  { paidMinor, reversedMinor }: Amounts,
  match: Match,
): Comparison {
  const { order, verdict, receivedMinor } = facts;
  const netMinor = paidMinor - reversedMinor;
  const isOurCurrency = rows.every(({ currency }) => currency === order.currency);
  const found = (
    finding: OrderFinding,
    isStrong = match.isStrong,
    note: string | null = null,
  ): Comparison => {
    // What was recorded of a paid order raised its alarm then. All others publish nothing twice by themselves.
    const isNew =
      verdict?.status !== 'paid' ||
      !facts.recorded.has(textOf(rows, netMinor, reversedMinor > 0, isOurCurrency));
    return {
      ...match,
      finding,
      netMinor,
      isStrong: isStrong && isNew,
      note: isNew ? note : 'recorded before',
    };
  };
  if (reversedMinor > 0) {
    if (verdict?.status === 'paid') return found('reversed');
    // The customer has the money back: not paid, as we say.
    if (verdict?.status === 'failed' || verdict?.status === 'expired') return found('agrees', false);
    return found('reversed', false, 'paid and taken back: nothing is left for the order');
  }
  if (verdict?.status === 'paid') {
    if (isOurCurrency && netMinor === (receivedMinor ?? order.amountMinor)) return found('agrees', false);
    const isLess = !isOurCurrency || netMinor < order.amountMinor;
    return found('other-amount', match.isStrong && isLess, isLess ? null : 'enough arrived for the order');
  }
  const isEnough = isOurCurrency && netMinor >= order.amountMinor;
  if (!isEnough && verdict?.reason === 'underpaid' && isOurCurrency && receivedMinor === netMinor)
    return found('agrees', false);
  return found(isEnough ? 'paid' : 'other-amount');
}

function textOf(
  rows: readonly StatementRow[],
  netMinor: number,
  isReversed: boolean,
  isOurs: boolean,
): string {
  const receipt = rows.find((row) => row.receipt !== '')?.receipt ?? null;
  const status = isReversed ? statusWords.reversed : statusWords.paid;
  return recordedText(receipt, isOurs ? toMajor(netMinor) : null, status);
}

function ofKind(rows: readonly StatementRow[], kind: StatementRow['kind']): StatementRow[] {
  return rows.filter((row) => row.kind === kind);
}

/** Exports that overlap have the same row twice. */
function distinct(rows: readonly StatementRow[]): StatementRow[] {
  const seen = new Map(
    rows.map((row) => {
      // Two rows without a receipt may be two payments.
      const name = row.receipt === '' ? `line ${row.line}` : row.receipt;
      return [`${row.kind} ${name} ${row.amountMinor} ${row.currency} ${row.at}`, row];
    }),
  );
  return [...seen.values()];
}

function sumOf(rows: readonly StatementRow[]): number {
  return rows.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
}
