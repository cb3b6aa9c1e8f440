import {
  type Certainty,
  type Doubt,
  type FailureReason,
  isForeign,
  type Reading,
  type Verdict,
} from './order.ts';

/** The verdict that a reading would lead to if it were published. */
export interface Conclusion {
  readonly kind: 'paid' | 'failed' | 'expired';
  readonly certainty: Certainty;
  readonly verdict: Verdict;
  /** True when no later answer is expected to change it, so the order can be closed. */
  readonly final: boolean;
}

/** The conclusion from a reading, `null` when the reading is not final. Once our money was seen, nothing is `failed`. */
export function conclusionOf(reading: Reading, moneySeen: boolean): Conclusion | null {
  switch (reading.kind) {
    case 'paid':
      return {
        kind: 'paid',
        certainty: reading.certainty,
        verdict: reading.doubt === null ? { status: 'paid', reason: null } : unresolved(reading.doubt),
        final: reading.doubt === null,
      };
    case 'failed':
    case 'expired':
      return moneySeen
        ? { kind: reading.kind, certainty: 'firm', verdict: unresolved('contradiction'), final: false }
        : notPaid(reading.kind, reading.certainty, reading.reason);
    case 'pending':
    case 'not-found':
    case 'unrecognised':
    case 'unavailable':
    case 'refused':
      return null;
  }
}

function notPaid(kind: 'failed' | 'expired', certainty: Certainty, reason: FailureReason): Conclusion {
  return { kind, certainty, verdict: { status: kind, reason }, final: certainty === 'firm' };
}

function unresolved(doubt: Doubt): Verdict {
  return { status: 'unresolved', reason: doubt };
}

/** Does this conclusion say anything that the last published verdict did not? */
export function isNews(verdict: Verdict | null, conclusion: Conclusion): boolean {
  if (verdict === null) return true;
  const { status, reason } = conclusion.verdict;
  // An answer about another payment does not retract a verdict about ours.
  if (isForeign(reason)) return verdict.reason === 'deadline';
  if (verdict.status === 'unresolved') return status !== 'unresolved' || reason !== verdict.reason;
  if (status === verdict.status) return false;
  // Failed and expired both mean "not paid": only a firm reading corrects one into the other.
  return status === 'paid' || status === 'unresolved' || conclusion.certainty === 'firm';
}

/** Does the reading say, even with doubts, that the provider received our money? */
export function saysOurMoneyArrived(reading: Reading): boolean {
  return reading.kind === 'paid' && !isForeign(reading.doubt);
}

/** Does the reading contradict a published `paid`? */
export function contradictsPaid(reading: Reading): boolean {
  if (reading.kind === 'paid') {
    return ['underpaid', 'contradiction', 'currency-mismatch'].includes(reading.doubt ?? '');
  }
  return reading.kind === 'failed' || reading.kind === 'expired';
}
