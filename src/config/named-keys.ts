import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { accountIdPattern } from '../domain/order.ts';
import { hashOfNoKeyHelp, isHashOfNoKey } from './hash-of-no-key.ts';

/**
 * What an API key may be allowed to do.
 * - `orders:write`: enqueue orders, and request polls of them
 * - `orders:read`: look at orders, and wait for their verdicts
 * - `results:read`: follow the results
 * - `metrics:read`: read /metrics where METRICS_PUBLIC is false
 * - `operator`: request polls, and what operators do to orders and accounts
 */
export const scopes = ['orders:write', 'orders:read', 'results:read', 'metrics:read', 'operator'] as const;
export type Scope = (typeof scopes)[number];

/** One API key as it is configured: what it is called, what it may do, and the hash by which it is known. */
export interface ApiKey {
  readonly name: string;
  /** SHA-256 of the key, hex in lower case. */
  readonly sha256: string;
  readonly scopes: readonly Scope[];
  /** The accounts whose orders it may see and enqueue; `null`: all. */
  readonly accounts: readonly string[] | null;
  /** Epoch milliseconds from which on it is refused; `null`: never. */
  readonly expiresAt: number | null;
}

/** Shorter than any hash and any key, so that neither can be configured as a name by mistake: names are logged. */
const maxNameLength = 32;

/** The name of an API key. */
export const keyNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]*$/, 'must be of a-z 0-9 . _ - and begin with a letter or digit')
  .max(maxNameLength, `must have at most ${maxNameLength} characters`);

/** Until when an API key is accepted: a day (from its first moment in UTC on it is refused) or an instant. */
export const expirySchema = z
  .union(
    [z.iso.date(), z.iso.datetime({ offset: true })],
    'must be a date or an RFC 3339 time, e.g. 2027-01-01',
  )
  .transform((text) => Date.parse(text));

const sha256Schema = z
  .string()
  .regex(/^[0-9a-f]{64}$/i, 'must be SHA-256 in hex')
  .refine((hash) => !isHashOfNoKey(hash), `is ${hashOfNoKeyHelp}`)
  .transform((hash) => hash.toLowerCase());

const entrySchema = z.strictObject({
  name: keyNameSchema,
  sha256: sha256Schema,
  scopes: z.array(z.enum(scopes, `must be of ${scopes.join(', ')}`)).min(1, 'must name at least one scope'),
  accounts: z
    .array(z.string().regex(accountIdPattern, 'must be an account id'))
    .min(1, 'must name at least one account; leave it out for all')
    .optional(),
  expiresAt: expirySchema.optional(),
});

/**
 * The keys behind API_KEYS, which is a JSON list or the path of a file with it; or everything that is wrong with it. Faults
 * name keys by their name or place, and repeat nothing else of what stands there.
 */
function parseNamedKeys(
  given: string,
): { readonly keys: readonly ApiKey[] } | { readonly faults: readonly string[] } {
  const text = given.trimStart().startsWith('[') ? given : readText(given);
  if (text === null)
    return { faults: ['must be a JSON list, or the path of a file with one that can be read'] };
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return { faults: ['is not JSON'] };
  }
  if (!Array.isArray(list)) return { faults: ['must be a JSON list of keys'] };
  const faults: string[] = [];
  const keys: ApiKey[] = [];
  for (const [index, entry] of list.entries()) {
    const parsed = entrySchema.safeParse(entry);
    if (!parsed.success) {
      faults.push(...parsed.error.issues.map((issue) => `${labelOf(entry, index)}: ${faultOf(issue)}`));
      continue;
    }
    const { accounts = null, expiresAt = null, ...key } = parsed.data;
    const label = `key "${key.name}"`;
    if (keys.some(({ name }) => name === key.name)) faults.push(`${label}: there are two of this name`);
    const twin = keys.find(({ sha256 }) => sha256 === key.sha256);
    if (twin !== undefined)
      faults.push(`${label}: has the hash of the key "${twin.name}"; make a key for each`);
    keys.push({ ...key, accounts, expiresAt });
  }
  return faults.length > 0 ? { faults } : { keys };
}

function readText(path: string): string | null {
  try {
    return readFileSync(path.trim(), 'utf8');
  } catch {
    return null;
  }
}

function labelOf(entry: unknown, index: number): string {
  const name = keyNameSchema.safeParse(
    typeof entry === 'object' && entry !== null && Reflect.get(entry, 'name'),
  );
  return name.success ? `key "${name.data}"` : `key ${index + 1} of the list`;
}

/** Where and what, in words of ours: neither the value nor an unknown field's name is repeated. */
function faultOf({ code, path, message }: z.core.$ZodIssue): string {
  if (code === 'unrecognized_keys') return 'may have name, sha256, scopes, accounts and expiresAt only';
  const [field] = path;
  if (code === 'invalid_type')
    return field === undefined ? 'must be an object' : `${String(field)} is missing or of the wrong type`;
  return `${String(field)} ${message}`;
}

/** The setting API_KEYS. */
export const namedKeysSchema = z.string().transform((text, context) => {
  const parsed = parseNamedKeys(text);
  if ('keys' in parsed) return parsed.keys;
  for (const message of parsed.faults) context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

/** A key in both lists would have its limits in one and none in the other. */
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
    .map(({ name }) => `API_KEYS_SHA256 holds the key "${name}" of API_KEYS too; remove it there.`);
}

/** The keys of API_KEYS_SHA256, which have no names: each may do everything. */
export function fullAccessKeys(hashes: readonly string[]): ApiKey[] {
  return hashes.map((hash) => {
    const sha256 = hash.toLowerCase();
    return { name: `sha256:${sha256.slice(0, 8)}`, sha256, scopes, accounts: null, expiresAt: null };
  });
}
