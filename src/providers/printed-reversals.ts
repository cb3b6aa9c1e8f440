import { isMoney } from '../domain/money.ts';
import { saysNo, saysYes } from './flags.ts';
import { type PrintedValue, plainName, valuesUnder } from './printed-values.ts';

/** `reversed`, `isRefunded`, `partially_refunded`, `refund_status`; not `nonRefunded`, not `refundable`. */
const about =
  /(?<!not|non|un)(?:reversed|reversals?|refunded|refunds?|chargedback|chargebacks?|voided)(?:at|on|date|time|status|state|amount)?$/;
/** `amount_refunded`, `reversedAmount`, and `amount` within `refund`. */
const amount = /amount(?:reversed|refunded)?$/;
const time = /(?:at|on|date|time)$/;
const status = /(?:status|state)$/;
/** Only beside the payment itself: a list may hold earlier attempts, of which some were cancelled. */
const cancelled = /^(?:is|was)?cancell?ed$/;

/** `refund_status: "processed"`; `pending` says that it is under way, and so as much. */
const goingBack =
  /^(?:processed|processing|pending|completed?|success(?:ful)?|done|paid|full|partial|settled)$/i;
/** The day from which on mobile money could be sent back: what frameworks print for "no date" is before it. */
const realDate = /(?<!\d)20[0-4]\d/;

/**
 * Whether an answer says anywhere, by a flag, a time, a status or an amount, that the money went back. A success word beside
 * that proves no payment. What the status words of the payment itself mean is in the adapters' tables.
 */
export function saysReversed(body: unknown): boolean {
  return (
    valuesUnder(body, (name) => about.test(plainName(name))).some(isSaid) ||
    valuesUnder(body, (name) => cancelled.test(plainName(name))).some(
      ({ value, isOwn, isListed }) => isOwn && !isListed && saysYes(value),
    )
  );
}

function isSaid({ value, name, isOwn }: PrintedValue): boolean {
  const plain = plainName(name);
  if (amount.test(plain)) return isMoney(value);
  if (time.test(plain)) return isDate(value);
  if (status.test(plain)) return typeof value === 'string' && goingBack.test(value.trim());
  return isOwn && isFlag(value);
}

/** A date may stand where a flag does, or an amount, or how much of the money it was. */
function isFlag(value: unknown): boolean {
  if (saysNo(value)) return false;
  return (
    saysYes(value) ||
    isMoney(value) ||
    isDate(value) ||
    (typeof value === 'string' && goingBack.test(value.trim()))
  );
}

function isDate(value: unknown): boolean {
  return typeof value === 'string' ? realDate.test(value) : typeof value === 'number' && value > 1e9;
}
