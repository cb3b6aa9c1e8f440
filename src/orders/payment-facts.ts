import { type Evidence, moneyEvidence } from '../domain/evidence.ts';
import type { OrderRecord } from './record.ts';

/** What is known about the payment of an order, as in its last result. Amounts are decimal strings in major units. */
export interface PaymentFacts {
  /** The provider reported the amount received, and it is sufficient. Only true for `paid`. */
  readonly amountVerified: boolean;
  readonly receipt: string | null;
  /** In the order's currency; `null` if the provider did not report it. */
  readonly amountReceived: string | null;
  /** The amount received in another currency, with its code: `UGX 100.00`. */
  readonly otherAmount: string | null;
}

const nothing: PaymentFacts = {
  amountVerified: false,
  receipt: null,
  amountReceived: null,
  otherAmount: null,
};

/** The payment facts behind the last verdict of an order; empty before the first verdict. */
export function paymentFactsOf(record: OrderRecord): PaymentFacts {
  const decisive = decisiveEvidence(record);
  if (decisive === undefined) return nothing;
  const { receipt = null, amountReceived = null, otherAmount = null } = decisive;
  const isPaid = record.progress.verdict?.status === 'paid';
  return { amountVerified: isPaid && amountReceived !== null, receipt, amountReceived, otherAmount };
}

/** The reading that led to the verdict: the latest "paid" before it with the same doubt, or without one. */
export function decisiveEvidence({ progress, history }: OrderRecord): Evidence | undefined {
  const { verdict } = progress;
  if (verdict === null || (verdict.status !== 'paid' && verdict.status !== 'unresolved')) return undefined;
  if (verdict.reason === 'withdrawn') return moneyEvidence(upTo(history, verdict.at));
  const fits = history.filter(
    ({ reading, reason = null }) => reading === 'paid' && reason === verdict.reason,
  );
  // The history may contain readings from after the verdict.
  return upTo(fits, verdict.at).at(-1) ?? fits.at(-1);
}

function upTo(history: readonly Evidence[], until: number): Evidence[] {
  return history.filter(({ at, firstAt = at }) => Date.parse(firstAt) <= until);
}
