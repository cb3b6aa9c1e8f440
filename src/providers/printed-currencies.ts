import { isCurrencyName } from './currency.ts';
import { valuesUnder } from './printed-values.ts';

/** Every code of three letters that stands anywhere in an answer under the name of a currency. */
export function printedCurrencies(body: unknown): string[] {
  return valuesUnder(body, isCurrencyName)
    .map(({ value }) => value)
    .filter((value) => typeof value === 'string')
    .filter((text) => /^[a-z]{3}$/i.test(text.trim()))
    .toArray();
}
