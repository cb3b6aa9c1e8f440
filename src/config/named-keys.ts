import { z } from 'zod';
import { accountIdPattern } from '../domain/order.ts';
import { hashOfNoKeyHelp, isHashOfNoKey } from './hash-of-no-key.ts';
import { jsonListSchema } from './json-list.ts';

/**
 * What an API key may be allowed to do.
 * - `orders:write`: enqueue orders, and request polls of them
 * - `orders:read`: read orders, and wait for their verdicts
 * - `results:read`: read the results
 * - `metrics:read`: read /metrics where METRICS_PUBLIC is false
 * - `operator`: request polls, and operate on orders and accounts
 */
export const scopes = ['orders:write', 'orders:read', 'results:read', 'metrics:read', 'operator'] as const;
export type Scope = (typeof scopes)[number];

/** A configured API key: its name, its permissions and its hash. */
export interface ApiKey {
  readonly name: string;
  /** SHA-256 of the key, hex in lower case. */
  readonly sha256: string;
  readonly scopes: readonly Scope[];
  /** The accounts whose orders it may read and enqueue; `null`: all. */
  readonly accounts: readonly string[] | null;
  /** Epoch milliseconds at which it expires; `null`: never. */
  readonly expiresAt: number | null;
}

/** Shorter than any hash or key, so that neither can be configured as the name, which is logged. */
const maxNameLength = 32;

/** The name of an API key. */
export const keyNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]*$/, 'must consist of a-z 0-9 . _ - and begin with a letter or digit')
  .max(maxNameLength, `must be at most ${maxNameLength} characters long`);

/** When an API key expires: a time, or a date, which means the start of that day in UTC. */
export const expirySchema = z
  .union(
    [z.iso.date(), z.iso.datetime({ offset: true })],
    'must be a date or an RFC 3339 time, e.g. 2027-01-01',
  )
  .transform((text) => Date.parse(text));

const sha256Schema = z
  .string()
  .regex(/^[0-9a-f]{64}$/i, 'must be a SHA-256 hash in hex')
  .refine((hash) => !isHashOfNoKey(hash), `is ${hashOfNoKeyHelp}`)
  .transform((hash) => hash.toLowerCase());

const entrySchema = z.strictObject({
  name: keyNameSchema,
  sha256: sha256Schema,
  scopes: z
    .array(z.enum(scopes, `must be one of ${scopes.join(', ')}`))
    .min(1, 'must name at least one scope'),
  accounts: z
    .array(z.string().regex(accountIdPattern, 'must be an account id'))
    .min(1, 'must name at least one account; omit it to allow all')
    .optional(),
  expiresAt: expirySchema.optional(),
});

/** The setting API_KEYS. */
export const namedKeysSchema = jsonListSchema({
  noun: 'key',
  schema: entrySchema,
  fields: 'name, sha256, scopes, accounts and expiresAt',
  nameSchema: keyNameSchema,
  toEntry: ({ accounts = null, expiresAt = null, ...key }): ApiKey => ({ ...key, accounts, expiresAt }),
  conflicts({ name, sha256 }, before) {
    const twin = before.find((other) => other.sha256 === sha256);
    return [
      ...(before.some((other) => other.name === name) ? ['this name is used twice'] : []),
      ...(twin === undefined ? [] : [`has the same hash as "${twin.name}"; make a separate key for each`]),
    ];
  },
});

/** Refuses keys in both lists: API_KEYS_SHA256 would give them full access despite their limits. */
export function doubledKeyFaults({
  apiKeys,
  apiKeysSha256,
}: {
  readonly apiKeys: readonly ApiKey[];
  readonly apiKeysSha256: readonly string[];
}): string[] {
  const unlimited = new Set(apiKeysSha256.map((hash) => hash.toLowerCase()));
  return apiKeys
    .filter(({ sha256 }) => unlimited.has(sha256))
    .map(
      ({ name }) =>
        `API_KEYS_SHA256 also contains the key "${name}" of API_KEYS; remove it from API_KEYS_SHA256.`,
    );
}

/** The keys of API_KEYS_SHA256, which have no names and full access. */
export function fullAccessKeys(hashes: readonly string[]): ApiKey[] {
  return hashes.map((hash) => {
    const sha256 = hash.toLowerCase();
    return { name: `sha256:${sha256.slice(0, 8)}`, sha256, scopes, accounts: null, expiresAt: null };
  });
}
