import { plainName, valuesUnder } from './printed-values.ts';

const phoneName = /phone|msisdn|mobile|payer|partyid|sender|subscriber|paymentaccount/;

/** The last nine digits of every telephone number that an answer prints for a customer: the rest depends on its spelling. */
export function printedPhones(body: unknown): ReadonlySet<string> {
  return new Set(
    valuesUnder(body, (field) => phoneName.test(plainName(field)))
      .map(({ value }) => phoneDigits(value))
      .filter((digits) => digits !== null),
  );
}

/** The last nine digits of a telephone number; `null` when it is none. */
export function phoneDigits(value: unknown): string | null {
  const text =
    typeof value === 'number' || typeof value === 'string' ? String(value).replace(/[\s.-]/g, '') : '';
  return /^\+?\d{9,15}$/.test(text) ? text.slice(-9) : null;
}
