import type { Certainty, Doubt, FailureReason, Reading, Reason, Verdict } from './order.ts';

/** A reading that wants to become a verdict. */
export interface Conclusion {
  readonly kind: 'paid' | 'failed' | 'expired';
  readonly certainty: Certainty;
  readonly verdict: Verdict;
  /** No later answer is expected to change it. */
  readonly final: boolean;
}

/** What a reading would have us say, `null` when it says nothing final. Once our money was seen, nothing is `failed`. */
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

/** Would publishing this conclusion tell subscribers something that the last event did not? */
export function isNews(verdict: Verdict | null, conclusion: Conclusion): boolean {
  if (verdict === null) return true;
  const { status, reason } = conclusion.verdict;
  // An answer about another payment takes back nothing that was said about ours.
  if (isForeign(reason)) return verdict.reason === 'deadline';
  if (verdict.status === 'unresolved') return status !== 'unresolved' || reason !== verdict.reason;
  if (status === verdict.status) return false;
  // Failed and expired both mean "not paid": only a firm word corrects one into the other.
  return status === 'paid' || status === 'unresolved' || conclusion.certainty === 'firm';
}

/** However doubtfully: the provider has our money, or says so. */
export function saysOurMoneyArrived(reading: Reading): boolean {
  return reading.kind === 'paid' && !isForeign(reading.doubt);
}

/** The answer speaks of another payment, or of money that went the other way. */
function isForeign(reason: Reason | null): boolean {
  return reason === 'reference-mismatch' || reason === 'wrong-direction';
}

/** Does the reading speak against a published `paid`? */
export function contradictsPaid(reading: Reading): boolean {
  if (reading.kind === 'paid') {
    return ['underpaid', 'contradiction', 'currency-mismatch'].includes(reading.doubt ?? '');
  }
  return reading.kind === 'failed' || reading.kind === 'expired';
}
