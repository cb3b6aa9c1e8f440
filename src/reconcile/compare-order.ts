import { toMajor } from '../domain/money.ts';
import { mpesaReceipt } from '../providers/receipts.ts';
import { type OrderFacts, recordedText } from './order-facts.ts';
import { mostOfOneName, type RowIndex, type StatementRow } from './statement/row-index.ts';
import { distinct, weighRows } from './weigh-rows.ts';

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
/** Where the statement gives the time, only the clocks may differ: what was paid earlier is the payment of something else. */
const clocksDifferMs = hourMs;

/** Words that stand as the provider's status beside the evidence. */
export const statusWords = { paid: 'Completed', reversed: 'Reversed' } as const;

/** Compares an order with the rows that name it. Pure. */
export function compareOrder(facts: OrderFacts, rows: RowIndex, period: Period | null): Comparison {
  const byReceipt = [...new Set(facts.receipts.flatMap(rows.byReceipt))];
  if (byReceipt.length >= mostOfOneName)
    return unclear({ by: 'receipt', isStrong: false, rows: [] }, 'too many rows have its receipt');
  const named = [...new Set(facts.references.flatMap(rows.byReference))];
  if (named.length >= mostOfOneName)
    return unclear({ by: 'reference', isStrong: false, rows: [] }, 'too many rows have its reference');
  const inTime = named.filter((nth) => isInTime(rows.row(nth), facts.order.createdAt, rows.isDayOnly));
  if (byReceipt.length > 0) return withReceipt(facts, rows, byReceipt, inTime);
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

function isInTime({ kind, at }: StatementRow, createdAt: number, isDayOnly: boolean): boolean {
  if (kind === 'uncertain' && at === 0) return true;
  const beforeMs = isDayOnly ? bookedWithin.beforeMs : clocksDifferMs;
  // A payment may be taken back at any time.
  const isLate = kind !== 'reversal' && at > createdAt + bookedWithin.afterMs;
  return at >= createdAt - beforeMs && !isLate;
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

function withReceipt(
  facts: OrderFacts,
  index: RowIndex,
  found: readonly number[],
  named: readonly number[],
): Comparison {
  // A reversal may have the reference only, and a receipt of its own.
  const against = named.filter((nth) => !found.includes(nth) && isAgainst(index, nth));
  const match: Match = { by: 'receipt', isStrong: true, rows: [...found, ...against] };
  const weighed = weighRows(index, match.rows);
  if (weighed.kind === 'unclear') return unclear(match, weighed.note);
  const { rows, grossMinor, reversedMinor, isLoose } = weighed;
  // A payment from before the statement began.
  if (grossMinor === 0 && facts.verdict?.status !== 'paid')
    return unclear(match, 'the statement has the reversal, and not the payment');
  const paidMinor = grossMinor === 0 ? (facts.receivedMinor ?? facts.order.amountMinor) : grossMinor;
  if (reversedMinor > paidMinor) return unclear(match, 'more was taken back than was paid');
  const others = named.filter((nth) => !found.includes(nth) && index.row(nth).kind === 'payment');
  if (against.length > 0 && (reversedMinor !== paidMinor || others.length > 0))
    return unclear(match, 'money went out under its reference, and may be this payment or not');
  return judge(facts, rows, { paidMinor, reversedMinor }, { ...match, isStrong: !isLoose });
}

/** Whether a row with an order's reference may take back its payment: not if it is about another payment for certain. */
function isAgainst(index: RowIndex, nth: number): boolean {
  const { kind, isLinked, receipt } = index.row(nth);
  if (kind === 'payment' || isLinked) return false;
  return (
    kind === 'uncertain' || index.byReceipt(receipt).every((other) => index.row(other).kind !== 'payment')
  );
}

function withReference(facts: OrderFacts, index: RowIndex, found: readonly number[]): Comparison {
  const { order } = facts;
  const all: Match = { by: 'reference', isStrong: false, rows: found };
  const entries = found.map((nth) => ({ nth, row: index.row(nth) }));
  const payments = entries.filter(({ row }) => row.kind === 'payment');
  const wentOut = entries.filter(({ row }) => row.kind !== 'payment').map(({ nth }) => nth);
  const exact = payments.filter(
    ({ row: { amountMinor, currency } }) => amountMinor === order.amountMinor && currency === order.currency,
  );
  const [payment, ...more] = distinct((exact.length > 0 ? exact : payments).map(({ row }) => row));
  if (payment === undefined) {
    const note = 'only money that went out has the reference';
    const isOpen = entries.every(({ row }) => row.kind !== 'uncertain') && facts.verdict?.status !== 'paid';
    return isOpen ? { ...nothing('no-row'), note } : unclear(all, note);
  }
  if (more.length > 0)
    return unclear(
      all,
      exact.length > 0
        ? 'several rows have the reference and the amount of the order'
        : 'several rows have the reference, none with the amount of the order',
    );
  // The same payment may have more rows that do not repeat the reference: a reversal names its receipt only.
  const own = (exact.length > 0 ? exact : payments).map(({ nth }) => nth);
  const rows = [...new Set([...own, ...wentOut, ...index.byReceipt(payment.receipt)])];
  const match: Match = { ...all, rows };
  const weighed = weighRows(index, rows);
  if (weighed.kind === 'unclear') return unclear(match, weighed.note);
  const known = facts.receipts.find(isOfMpesa);
  if (known !== undefined && isOfMpesa(payment.receipt) && !payment.isReceiptLoose)
    return unclear(match, `the statement has another payment than ${known}, by which we know it`);
  const { grossMinor, reversedMinor, isLoose } = weighed;
  if (reversedMinor > 0 && (exact.length === 0 || reversedMinor !== grossMinor))
    return unclear(match, 'money went out under its receipt or reference, but not all that was paid');
  const amounts = { paidMinor: payment.amountMinor, reversedMinor };
  // Without a receipt nothing keeps the same row from paying an order of another account, or of another run.
  const isStrong = exact.length > 0 && !isLoose && facts.isReceipt(payment.receipt);
  return judge(facts, weighed.rows, amounts, { ...match, isStrong });
}

/** Only receipts of one system can be told apart: gateways have their own besides. */
function isOfMpesa(receipt: string): boolean {
  return mpesaReceipt.systemOf(receipt) !== null;
}

function unclear(match: Match, note: string): Comparison {
  return { ...nothing('unclear'), ...match, isStrong: false, note };
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
