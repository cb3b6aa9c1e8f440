import { isCurrencyName } from './currency.ts';

/** Sections that merchants fill with whatever they like. */
const theirOwn: ReadonlySet<string> = new Set(['metadata', 'custom_fields']);

/**
 * Every code of three letters that stands anywhere in an answer under the name of a currency. Gateways name one where no
 * page says so, and an adapter reads only the places that it knows. Without recursion: answers may be nested deeply.
 */
export function printedCurrencies(body: unknown): string[] {
  const codes: string[] = [];
  const open: { readonly value: unknown; readonly isNamed: boolean }[] = [{ value: body, isNamed: false }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, isNamed } = next;
    if (typeof value === 'string' && isNamed && /^[a-z]{3}$/i.test(value.trim())) codes.push(value);
    if (typeof value !== 'object' || value === null) continue;
    for (const [key, inner] of Object.entries(value)) {
      if (theirOwn.has(key.toLowerCase())) continue;
      open.push({ value: inner, isNamed: isNamed || isCurrencyName(key) });
    }
  }
  return codes;
}
