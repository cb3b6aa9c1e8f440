import { anything } from './fields.ts';

/**
 * Comparing the currency of an answer with the order's. Fails closed: a currency that is named but not understood is not
 * taken for the right one, and where nothing is named the account must leave no choice.
 */

/** The currencies of an account that names none: all of its provider's, where answers say which of them it is. */
export function usualCurrencies(provider: {
  readonly currencies: readonly [string, ...string[]];
  readonly guarantees: { readonly currency: boolean };
}): readonly [string, ...string[]] {
  return provider.guarantees.currency ? provider.currencies : [provider.currencies[0]];
}

/** The names under which a section of an answer may give its currency. */
const names = [
  'currency',
  'Currency',
  'currencyCode',
  'CurrencyCode',
  'orderCurrency',
  'paymentCurrency',
  'transactionCurrency',
] as const;
type CurrencyField = (typeof names)[number];

/** The fields of a section that may give a currency, for its schema. */
export const currencyFields = Object.fromEntries(names.map((name) => [name, anything])) as {
  readonly [name in CurrencyField]: typeof anything;
};

/** Whether a key names a currency, however it is spelt: `CURRENCY`, `currency_code`, `invoiceCurrency`, `ccy`. */
export function isCurrencyName(key: string): boolean {
  const name = key.replace(/[\s_-]/g, '').toLowerCase();
  return name === 'ccy' || (name.includes('currency') && !/(?:symbol|name)$/.test(name));
}

type Section = { readonly [name in CurrencyField]?: unknown } | null | undefined;

/** All that sections of an answer say about its currency, as it came. */
export function currenciesOf(...sections: readonly Section[]): unknown[] {
  return sections.flatMap((section) => names.map((name) => section?.[name])).filter((value) => value != null);
}

/** The currency of an answer: one that is known, or what keeps us from knowing it. */
export type NamedCurrency = { readonly code: string } | 'not-named' | 'unclear';

/**
 * The one currency that an answer names. Gateways print an empty text where they have nothing to say; anything else that
 * is no code of three letters, and two different ones, is unclear.
 */
export function namedCurrency(named: readonly unknown[] | undefined): NamedCurrency {
  const codes = new Set<string | null>();
  for (const value of named ?? []) {
    const text = typeof value === 'string' ? value.trim() : null;
    if (text === '') continue;
    codes.add(text !== null && /^[a-z]{3}$/i.test(text) ? text.toUpperCase() : null);
  }
  const [code] = codes;
  if (code === undefined) return 'not-named';
  return codes.size === 1 && code !== null ? { code } : 'unclear';
}

/**
 * The currency that an amount is in: what the answer names, else the only one that the account can have. `null`: unknown.
 *
 * @param possible the currencies that the account can have
 */
export function currencyOfAmount(
  named: readonly unknown[] | undefined,
  possible: readonly string[],
): string | null {
  const found = namedCurrency(named);
  if (found === 'unclear') return null;
  if (found !== 'not-named') return found.code;
  return possible.length === 1 ? (possible[0] ?? null) : null;
}
