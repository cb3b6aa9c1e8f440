import { toMajor } from './money.ts';
import { isForeign, type Reading, type ReadingSource, type Reason, type Verdict } from './order.ts';

/** One reading as it is stored and published, with the hash of the body it was taken from. */
export interface Evidence {
  readonly source: ReadingSource;
  /** RFC 3339; the latest time if the same reading was repeated. */
  readonly at: string;
  readonly httpStatus: number | null;
  readonly reading: Reading['kind'];
  readonly certainty?: 'firm' | 'soft';
  readonly reason?: Reason;
  readonly providerStatus: string | null;
  readonly providerMessage: string | null;
  readonly receipt?: string;
  /** Further receipts, if one answer reports several payments. */
  readonly furtherReceipts?: readonly string[];
  /** In the order's currency. */
  readonly amountReceived?: string;
  /** The amount received in another currency than the order's, with its code: `UGX 100.00`. */
  readonly otherAmount?: string;
  readonly bodySha256: string | null;
  /** True when a configured status override, not the adapter's own table, gave `providerStatus` its meaning. */
  readonly overridden?: true;
  /** How many times in a row; present when more than once. */
  readonly count?: number;
  readonly firstAt?: string;
  /** For an answer that was pushed to us: when the query was sent that it answers, RFC 3339, where that is known. */
  readonly askedAt?: string;
  /** The order that has claimed the receipt or the reference, where the reason is `receipt-used`. */
  readonly usedBy?: string;
}

/** Entries of history kept per order. */
export const historyLimit = 50;

/** Converts a reading to its stored form. */
export function toEvidence(reading: Reading): Evidence {
  const shared = {
    source: reading.source,
    at: new Date(reading.at).toISOString(),
    httpStatus: reading.httpStatus,
    reading: reading.kind,
    providerStatus: reading.providerStatus,
    providerMessage: reading.providerMessage,
    bodySha256: reading.bodySha256,
    ...(reading.overridden === undefined ? {} : { overridden: reading.overridden }),
    ...(reading.askedAt === undefined ? {} : { askedAt: new Date(reading.askedAt).toISOString() }),
  };
  switch (reading.kind) {
    case 'paid':
      return {
        ...shared,
        certainty: reading.certainty,
        ...(reading.doubt === null ? {} : { reason: reading.doubt }),
        ...(reading.receipt === null ? {} : { receipt: reading.receipt }),
        ...(reading.furtherReceipts === undefined ? {} : { furtherReceipts: reading.furtherReceipts }),
        ...(reading.amountReceivedMinor === null
          ? {}
          : { amountReceived: toMajor(reading.amountReceivedMinor) }),
        ...(reading.otherAmount === undefined ? {} : { otherAmount: withCode(reading.otherAmount) }),
        ...(reading.usedBy === undefined ? {} : { usedBy: reading.usedBy }),
      };
    case 'failed':
    case 'expired':
      return { ...shared, certainty: reading.certainty, reason: reading.reason };
    case 'pending':
    case 'not-found':
    case 'unrecognised':
    case 'unavailable':
    case 'refused':
      return shared;
  }
}

function withCode({ currency, amountMinor }: { currency: string; amountMinor: number }): string {
  return `${currency} ${toMajor(amountMinor)}`;
}

/** Adds a reading to the history: repeats are merged with a count, and the oldest entries beyond `limit` are dropped. */
export function remember(
  history: readonly Evidence[],
  reading: Reading,
  limit: number = historyLimit,
): Evidence[] {
  const latest = toEvidence(reading);
  const last = history.at(-1);
  if (last !== undefined && isSame(last, latest)) {
    return [
      ...history.slice(0, -1),
      { ...latest, count: (last.count ?? 1) + 1, firstAt: last.firstAt ?? last.at },
    ];
  }
  if (history.length < limit) return [...history, latest];
  // Drop non-final readings first: later verdicts may need the final ones as evidence.
  const oldest = history.findIndex(({ reading }) => !isClaim(reading));
  return [...history.toSpliced(Math.max(oldest, 0), 1), latest].slice(-limit);
}

function isSame(a: Evidence, b: Evidence): boolean {
  return (
    a.reading === b.reading &&
    a.source === b.source &&
    a.certainty === b.certainty &&
    a.reason === b.reason &&
    a.providerStatus === b.providerStatus &&
    a.httpStatus === b.httpStatus &&
    a.receipt === b.receipt &&
    a.furtherReceipts?.join() === b.furtherReceipts?.join() &&
    a.amountReceived === b.amountReceived &&
    a.otherAmount === b.otherAmount &&
    a.overridden === b.overridden &&
    a.usedBy === b.usedBy
  );
}

/** The most entries an event carries. */
const evidenceLimit = 5;

/** The readings that a verdict is based on, oldest first. `history` ends with the reading that led to it. */
export function evidenceOf(verdict: Verdict, history: readonly Evidence[]): readonly Evidence[] {
  const decisive = history.at(-1);
  if (verdict.reason === 'deadline') return history.slice(-evidenceLimit);
  if (verdict.reason === 'contradiction') return claimsOf(history);
  if (verdict.reason === 'withdrawn') {
    const claims = claimsOf(history);
    return claims.length === 0 ? history.slice(-evidenceLimit) : claims;
  }
  // A firm reading needs no other; an earlier one of its kind may have been about another payment.
  if (decisive?.certainty !== 'soft') return history.slice(-1);
  return history
    .filter((entry) => entry.reading === decisive.reading && entry.certainty === 'soft')
    .slice(-2);
}

function claimsOf(history: readonly Evidence[]): readonly Evidence[] {
  return history.filter(({ reading }) => isClaim(reading)).slice(-evidenceLimit);
}

/** The last reading that said, even with doubts, that our money arrived; `undefined` if there was none. */
export function moneyEvidence(history: readonly Evidence[]): Evidence | undefined {
  return history.findLast(({ reading, reason = null }) => reading === 'paid' && !isForeign(reason));
}

function isClaim(reading: Reading['kind']): boolean {
  return reading === 'paid' || reading === 'failed' || reading === 'expired';
}
