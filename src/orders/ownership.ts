import type { Evidence } from '../domain/evidence.ts';
import { toMinor } from '../domain/money.ts';
import type { Order, Reading, Reference } from '../domain/order.ts';
import type { ResultEvent } from '../domain/result-event.ts';
import type { Keys } from '../redis/keys.ts';
import { canonicalReference } from './codec.ts';
import type { RecordUpdate } from './record.ts';

/**
 * One payment proves one order: who is paid owns its receipt, where the provider gives one, and its reference, and while
 * its record is kept no other order of the account can be paid by either.
 */

/** What a step does about ownership, as `settle.lua` takes it: the keys, and what to do in one word and three figures. */
export interface Owning {
  /** The reference first, then the receipt if there is one. */
  readonly keys: readonly string[];
  /** `take`: nothing is written when another order owns one of the keys. `keep`: what is owned already lives on. */
  readonly text: `${'take' | 'keep'} ${number} ${number | '-'} ${'alone' | 'shared'}`;
}

/** `null` for a step of an order that is not paid. */
export function owningOf(
  order: Order,
  { progress, history }: Pick<RecordUpdate, 'progress' | 'history'>,
  event: ResultEvent | null,
  isShared: boolean,
  keys: Keys,
): Owning | null {
  if (progress.verdict?.status !== 'paid') return null;
  const { account, amountMinor } = order;
  const receipt = event === null ? receiptOf(history) : event.data.receipt;
  const received = event === null ? null : toMinor(event.data.amountReceived);
  return {
    keys: [
      keys.paid(account, referenceName(order.reference)),
      ...(receipt === null ? [] : [keys.receipt(account, receipt)]),
    ],
    text: `${event === null ? 'keep' : 'take'} ${amountMinor} ${received ?? '-'} ${isShared ? 'shared' : 'alone'}`,
  };
}

/** The receipt that an order was paid by: of the first reading that proved it, for with that one it was published. */
function receiptOf(history: readonly Evidence[]): string | null {
  return history.find(({ reading, reason }) => reading === 'paid' && reason === undefined)?.receipt ?? null;
}

/** A reading that turned out to speak of a payment by which another order was paid. */
export function asUsed(reading: Reading, owner: string): Reading {
  if (reading.kind !== 'paid') return reading;
  return { ...reading, doubt: 'receipt-used', certainty: 'firm', usedBy: owner };
}

/** A reference in the name of a key: text as it is, an object as JSON with its keys in order. */
export function referenceName(reference: Reference): string {
  return typeof reference === 'string' ? reference : canonicalReference(reference);
}
