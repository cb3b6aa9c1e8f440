import { parseExactly } from '../domain/exact-json.ts';
import { repeatedNames } from '../providers/repeated-keys.ts';
import type { Fault } from './validate-order.ts';

/**
 * Parses submitted JSON and reports what a parser would drop or change silently: repeated fields and numbers with too many
 * digits.
 *
 * @throws SyntaxError if it is not JSON
 */
export function readJson(text: string): { readonly value: unknown; readonly faults: readonly Fault[] } {
  const faults: Fault[] = [];
  const value = parseExactly(text, (key) =>
    faults.push({
      path: '',
      message: `has more digits in ${shown(key)} than a number can hold; write it as a string`,
    }),
  );
  for (const name of repeatedNames(text).slice(0, 10)) {
    faults.push({
      path: '',
      message: `names ${shown(name)} more than once in one object; leave one of them`,
    });
  }
  return { value, faults };
}

/** An untrusted name, quoted so that it is safe in logs and terminals. */
function shown(name: string): string {
  return JSON.stringify(name.slice(0, 40));
}
