import { isMoney } from '../domain/money.ts';
import { saysYes } from './flags.ts';
import { plainName, valuesUnder } from './printed-values.ts';

/** How answers say that money went back: by the name of a field, and what it must hold to say so. */
const signs: readonly { readonly name: RegExp; says(value: unknown): boolean }[] = [
  {
    // `reversed`, `isRefunded`, `partially_refunded`; not `nonRefunded`.
    name: /(?<!not|non|un)(?:reversed|reversal|refunded|refund|chargedback|chargeback|voided|cancell?ed)$/,
    says: saysYes,
  },
  {
    // `reversed_at`, `refundDate`.
    name: /(?:reversed|reversal|refunded|refund|chargedback|chargeback|voided|cancell?ed)(?:at|on|date|time)$/,
    says: (value) =>
      typeof value === 'string' ? /[1-9]/.test(value) : typeof value === 'number' && value > 0,
  },
  {
    // `amount_refunded`, `reversedAmount`.
    name: /amount(?:reversed|refunded)$|(?:reversed|reversal|refunded|refund)amount$/,
    says: isMoney,
  },
];

/**
 * Whether an answer says anywhere, by a flag, a time or an amount, that the money went back. A success word beside that
 * proves no payment. What the status words themselves mean is in the adapters' tables.
 */
export function saysReversed(body: unknown): boolean {
  return signs.some(({ name, says }) =>
    valuesUnder(body, (field) => name.test(plainName(field))).some(
      ({ value, isOwn }) => isOwn && says(value),
    ),
  );
}
