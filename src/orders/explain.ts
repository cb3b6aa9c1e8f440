import { toMajor } from '../money.ts';
import type { FailureReason, Reason, UnresolvedReason } from '../order.ts';
import type { Evidence } from './evidence.ts';
import type { OrderRecord } from './record.ts';

/** Why an order stands as it does, in words that a support person understands. */
export function explain(record: OrderRecord): string {
  const { progress, order } = record;
  const { verdict } = progress;
  if (verdict === null) return `No verdict yet. ${lastHeard(record)} ${whatNext(record)}`;
  switch (verdict.status) {
    case 'paid':
      return `Paid: the provider confirmed it${receiptOf(record.history)}, for our reference and at least the ${order.currency} ${toMajor(order.amountMinor)} expected.`;
    case 'failed':
    case 'expired':
      return `Not paid: ${failures[verdict.reason as FailureReason]}. ${whatNext(record)}`;
    case 'unresolved':
      return `Not known: ${doubts[verdict.reason as UnresolvedReason]}${usedBy(record)}. ${lastHeard(record)} ${whatNext(record)}`;
  }
}

const failures: { readonly [reason in FailureReason]: string } = {
  cancelled: 'the customer cancelled the prompt',
  'insufficient-funds': 'the customer had not enough money',
  'wrong-pin': 'the customer entered a wrong PIN',
  'limit-exceeded': 'the amount breaks a limit of the customer or the merchant',
  rejected: 'the provider rejected the payment',
  'not-reached': "the prompt did not reach the customer's phone, or was not answered",
  'timed-out': 'the prompt ran out before the customer answered',
};

const doubts: { readonly [reason in UnresolvedReason]: string } = {
  deadline: 'the provider had said nothing final when the deadline came',
  underpaid: 'less money arrived than the order asks for',
  'reference-mismatch': 'the provider says paid, but speaks of another reference than ours',
  'amount-unknown': 'the provider says paid, but not how much arrived',
  contradiction: 'the provider contradicts itself about whether the money arrived',
  'wrong-direction': 'the provider speaks of money that went out, not in',
  'currency-mismatch': 'the provider says paid, but not in the currency of the order',
  'receipt-missing': 'the provider says paid, but gives no receipt',
  'receipt-used': 'the provider says paid, but another order was paid by this payment',
};

/** The sentence for a reason, for tables and messages. */
export function reasonText(reason: Reason): string {
  return { ...failures, ...doubts }[reason];
}

function receiptOf(history: readonly Evidence[]): string {
  const receipt = history.findLast(({ receipt }) => receipt !== undefined)?.receipt;
  return receipt === undefined ? '' : ` with receipt ${receipt}`;
}

/** Which order owns the payment, so that both can be looked at. */
function usedBy({ progress, history }: OrderRecord): string {
  if (progress.verdict?.reason !== 'receipt-used') return '';
  const owner = history.findLast(({ usedBy }) => usedBy !== undefined)?.usedBy;
  return owner === undefined ? '' : ` (order ${owner})`;
}

function lastHeard({ progress, history }: OrderRecord): string {
  const { polls, answeredPolls, lastAnsweredAt } = progress;
  const last = history.at(-1);
  if (last === undefined) return 'The provider has not been asked yet.';
  const said = last.providerStatus === null ? last.reading : `${last.reading} (${last.providerStatus})`;
  if (lastAnsweredAt === null) return `Asked ${times(polls)}, never with a usable answer; last: ${said}.`;
  return `Asked ${times(polls)}, ${answeredPolls} with a usable answer, the last at ${new Date(lastAnsweredAt).toISOString()}; last: ${said}.`;
}

function whatNext({ nextPollAt, progress }: OrderRecord): string {
  if (nextPollAt === null) return 'It is not asked about any more.';
  const at = new Date(nextPollAt).toISOString();
  return progress.phase === 'watching'
    ? `It may still turn: asked again at ${at}, and corrected if it does.`
    : `Asked again at ${at}.`;
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}
