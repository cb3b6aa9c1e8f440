import type { Evidence } from '../domain/evidence.ts';
import type { OrderRecord } from './record.ts';

/** What is proven about the money of an order: as in the last result on the stream. Amounts are decimal strings. */
export interface Findings {
  /** The provider said how much arrived, and it is enough. Only ever true of `paid`. */
  readonly amountVerified: boolean;
  readonly receipt: string | null;
  /** In the order's currency; `null` where the provider did not say. */
  readonly amountReceived: string | null;
  /** What arrived in another currency, with its code. */
  readonly otherAmount: string | null;
}

const nothing: Findings = { amountVerified: false, receipt: null, amountReceived: null, otherAmount: null };

/** The findings that the last verdict of an order rests on; nothing while there is none. */
export function findingsOf(record: OrderRecord): Findings {
  const decisive = decisiveEvidence(record);
  if (decisive === undefined) return nothing;
  const { receipt = null, amountReceived = null, otherAmount = null } = decisive;
  const isPaid = record.progress.verdict?.status === 'paid';
  return { amountVerified: isPaid && amountReceived !== null, receipt, amountReceived, otherAmount };
}

/** The answer about money that led to the verdict: one that says paid with the verdict's own doubt, or without any. */
export function decisiveEvidence({ progress, history }: OrderRecord): Evidence | undefined {
  const { verdict } = progress;
  if (verdict === null || (verdict.status !== 'paid' && verdict.status !== 'unresolved')) return undefined;
  const fits = history.filter(
    ({ reading, reason = null }) => reading === 'paid' && reason === verdict.reason,
  );
  // Further answers may have come in since, for a closed order too.
  const known = fits.filter(({ at, firstAt = at }) => Date.parse(firstAt) <= verdict.at);
  return known.at(-1) ?? fits.at(-1);
}
