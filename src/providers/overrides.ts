import { z } from 'zod';
import { doubts, failureReasons } from '../domain/order.ts';
import type { Provider } from './provider.ts';
import type { Meaning, StatusTable } from './status-table.ts';

const from = 'STATUS_OVERRIDES';

/** What a configured word may mean: the same as in an adapter's own table. */
const meaningSchema = z.union(
  [
    z.strictObject({ reading: z.literal('paid'), doubt: z.enum(doubts).optional() }),
    z.strictObject({
      reading: z.enum(['failed', 'expired']),
      certainty: z.enum(['firm', 'soft']),
      reason: z.enum(failureReasons),
    }),
    z.strictObject({ reading: z.enum(['pending', 'not-found', 'unrecognised']) }),
  ],
  `must be {"reading":"pending"}, {"reading":"paid"} or {"reading":"failed"|"expired","certainty":"firm"|"soft","reason":${failureReasons.map((reason) => `"${reason}"`).join('|')}}`,
);
const overridesSchema = z.record(z.string(), z.record(z.string().min(1), meaningSchema));

/** Further words by provider id. */
export type Overrides = ReadonlyMap<string, StatusTable>;

/**
 * Words that a provider uses and no release knows yet: `{"jenga":{"Reversed":{"reading":"failed",…}}}`. They add to an
 * adapter's table and never change it: what is documented stays as it is.
 */
export function parseOverrides(
  json: string,
  providers: ReadonlyMap<string, Provider>,
): { readonly overrides: Overrides } | { readonly faults: readonly string[] } {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return { faults: [`${from} is not valid: it must be JSON, or the path of a JSON file.`] };
  }
  const parsed = overridesSchema.safeParse(value);
  if (!parsed.success) {
    return {
      faults: parsed.error.issues.map(
        ({ path, message }) => `${from} is not valid: ${path.join('.')} ${message}.`,
      ),
    };
  }
  const faults = Object.entries(parsed.data).flatMap(([id, rows]) =>
    faultsOf(id, Object.keys(rows), providers),
  );
  return faults.length > 0
    ? { faults }
    : { overrides: new Map(Object.entries(parsed.data).map(toStatusTable)) };
}

function toStatusTable([id, rows]: [string, { [word: string]: object }]): [string, StatusTable] {
  return [
    id,
    new Map(Object.entries(rows).map(([word, meaning]) => [word, { ...meaning, from } as Meaning])),
  ];
}

function faultsOf(id: string, rows: readonly string[], providers: ReadonlyMap<string, Provider>): string[] {
  const provider = providers.get(id);
  if (provider === undefined) {
    return [`${from} is not valid: there is no provider ${id} (${[...providers.keys()].join(', ')}).`];
  }
  const table = provider.asyncResult?.payment ?? provider.payment;
  return rows
    .filter((word) => table.has(word))
    .map(
      (word) =>
        `${from} is not valid: ${id} knows ${word} already, and overrides never change a documented word.`,
    );
}
