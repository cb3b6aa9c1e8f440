import { toMajor } from '../domain/money.ts';
import type { FailureReason, Order, UnresolvedReason } from '../domain/order.ts';
import { decisiveEvidence, type PaymentFacts, paymentFactsOf } from './payment-facts.ts';
import type { OrderRecord } from './record.ts';

/** Explains the state of an order in sentences for support staff. */
export function explain(record: OrderRecord): string {
  const { progress, order } = record;
  const { verdict } = progress;
  const facts = paymentFactsOf(record);
  if (verdict === null) return `No verdict yet. ${lastHeard(record)} ${whatNext(record)}`;
  switch (verdict.status) {
    case 'paid':
      return `Paid: the provider confirmed the payment${receiptOf(facts)}${byOverride(record)}; ${amountOf(facts, order)}.`;
    case 'failed':
    case 'expired':
      return `Not paid: the provider says that ${failures[verdict.reason as FailureReason]}. ${whatNext(record)}`;
    case 'unresolved':
      return `Unresolved: ${doubts[verdict.reason as UnresolvedReason]}${usedBy(record)}${arrived(facts, order)}. ${lastHeard(record)} ${whatNext(record)}`;
  }
}

const failures: { readonly [reason in FailureReason]: string } = {
  cancelled: 'the customer cancelled the prompt',
  'insufficient-funds': 'the customer did not have enough money',
  'wrong-pin': 'the customer entered a wrong PIN',
  'limit-exceeded': 'the amount exceeds a limit of the customer or the merchant',
  rejected: 'the payment was rejected',
  'not-reached': "the prompt did not reach the customer's phone, or was not answered",
  'timed-out': 'the prompt expired before the customer answered',
};

const doubts: { readonly [reason in UnresolvedReason]: string } = {
  deadline: 'the provider had not given a final, confirmed answer by the deadline',
  underpaid: 'the provider says paid, but less money arrived than was asked for',
  'reference-mismatch': 'the provider says paid, but for another reference than ours, or for none',
  'amount-unknown': 'the provider says paid, but not how much arrived',
  contradiction: 'the provider contradicts itself about the payment',
  'wrong-direction': 'the provider reports money that went out, or does not say that it came to us',
  'currency-mismatch':
    'the provider says paid, but in another currency than the order, or in one that could not be understood',
  'receipt-missing': 'the provider says paid, but gives no receipt',
  withdrawn: 'it was withdrawn before a final answer, and is not followed any more',
  'receipt-used': 'the provider says paid, but this payment already paid another order',
};

function receiptOf({ receipt }: PaymentFacts): string {
  return receipt === null ? '' : ` with receipt ${receipt}`;
}

function byOverride(record: OrderRecord): string {
  return decisiveEvidence(record)?.overridden ? ', by a status defined in STATUS_OVERRIDES' : '';
}

/** States the amount received, or that it is not verified. */
function amountOf({ amountReceived }: PaymentFacts, { currency, amountMinor }: Order): string {
  const expected = `${currency} ${toMajor(amountMinor)}`;
  return amountReceived === null
    ? `how much arrived is not known, so the amount of ${expected} is not verified`
    : `${currency} ${amountReceived} arrived, ${expected} was expected`;
}

/** For an unresolved order: what is known to have arrived. */
function arrived({ amountReceived, otherAmount }: PaymentFacts, { currency, amountMinor }: Order): string {
  if (otherAmount !== null) return `: ${otherAmount} instead of ${currency} ${toMajor(amountMinor)}`;
  return amountReceived === null
    ? ''
    : `: ${currency} ${amountReceived} of ${currency} ${toMajor(amountMinor)}`;
}

/** Names the order that has claimed the payment, so that both can be examined. */
function usedBy({ progress, history }: OrderRecord): string {
  if (progress.verdict?.reason !== 'receipt-used') return '';
  const owner = history.findLast(({ usedBy }) => usedBy !== undefined)?.usedBy;
  return owner === undefined ? '' : ` (order ${owner})`;
}

function lastHeard({ progress, history }: OrderRecord): string {
  const { polls, answeredPolls, lastAnsweredAt } = progress;
  const last = history.at(-1);
  if (last === undefined) return 'The order has not been polled yet.';
  const said = last.providerStatus === null ? last.reading : `${last.reading} (${last.providerStatus})`;
  if (lastAnsweredAt === null) return `Polled ${times(polls)}, never with a usable answer; last: ${said}.`;
  return `Polled ${times(polls)}, ${answeredPolls} with a usable answer, the last at ${new Date(lastAnsweredAt).toISOString()}; last: ${said}.`;
}

function whatNext({ nextPollAt, progress }: OrderRecord): string {
  if (progress.withdrawnAt !== undefined) {
    return 'It is not polled any more; proof that is still pushed to us would be published as a correction.';
  }
  if (nextPollAt === null) return 'The order is closed; it is not polled any more.';
  const at = new Date(nextPollAt).toISOString();
  return progress.phase === 'watching'
    ? `This may still change: the next poll is at ${at}, and a change is published as a correction.`
    : `Next poll at ${at}.`;
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}
