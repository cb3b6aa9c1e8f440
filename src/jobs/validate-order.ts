import { z } from 'zod';
import { type AccountInfo, type AccountInfos, scheduleSchema } from '../accounts/accounts.ts';
import { brokenRule } from '../domain/broken-rule.ts';
import { toMinor } from '../domain/money.ts';
import { accountIdPattern, type Order, orderIdPattern, type Reference } from '../domain/order.ts';
import type { Provider } from '../providers/provider.ts';

const maxMetadataBytes = 4_096;
/** Validation recurses: a few hundred levels would end in a stack overflow instead of a fault. */
const maxMetadataDepth = 32;
/** Stricter than `toMinor`: a checkout may mean `1.000` as one thousand. */
const amountPattern = /^\d+(?:\.\d{1,2})?$/;
/** Tolerated clock difference: an order dated later than this is a mistake. */
const maxFutureMs = 600_000;

/** September 2001. A smaller number is probably in seconds, and would put the deadline into the past. */
const leastEpochMs = 1_000_000_000_000;

/** An order as a checkout enqueues it. */
export const orderInputSchema = z.strictObject({
  orderId: z
    .string()
    .regex(orderIdPattern, 'must have 1 to 128 characters from A-Z a-z 0-9 . _ : - and not be . or ..')
    .describe('Your own id of the order: 1–128 characters from `A-Z a-z 0-9 . _ : -`'),
  account: z
    .string()
    .regex(accountIdPattern, 'must be the id of a configured account')
    .describe('Id of the account with which the payment was started'),
  reference: z
    .union([z.string(), z.record(z.string(), z.string())], 'must be a string or an object of strings')
    .describe("The provider's identifier of the payment; its shape depends on the provider"),
  amount: z
    .union([z.number(), z.string()], 'must be a number or a string in major units')
    .describe('Expected amount, in major units with at most two decimals, e.g. `"2.00"`'),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code such as KES')
    .optional()
    .describe("ISO 4217; defaults to the account's currency"),
  createdAt: z
    .union(
      [z.iso.datetime({ offset: true }), z.int().min(leastEpochMs)],
      'must be RFC 3339 or epoch milliseconds',
    )
    .optional()
    .describe('When the payment was started: RFC 3339 or epoch milliseconds; defaults to now'),
  schedule: scheduleSchema.partial().strict().optional().describe("Overrides of the account's poll schedule"),
  metadata: z
    .record(z.string(), z.json(), 'must be an object of JSON values')
    .refine(
      (value) => Buffer.byteLength(JSON.stringify(value)) <= maxMetadataBytes,
      'must be at most 4096 bytes of JSON',
    )
    .optional()
    .describe('Your own data, returned with the result; at most 4096 bytes of JSON'),
});
export type OrderInput = z.input<typeof orderInputSchema>;

/** One thing that is wrong with an input: where, and which rule it breaks. */
export interface Fault {
  /** Dotted path of the field, `''` for the whole input. */
  readonly path: string;
  readonly message: string;
}

/**
 * Validates an input. Returns the order, or everything that is wrong with the input. Pure.
 *
 * @param unserved unserved accounts, with the reason why their orders are refused
 */
export function validateOrder(
  input: unknown,
  accounts: AccountInfos,
  providers: ReadonlyMap<string, Provider>,
  now: number,
  unserved: ReadonlyMap<string, string> = new Map(),
): { readonly order: Order } | { readonly faults: readonly Fault[] } {
  // Fields are checked independently, so that a fault in one does not hide those of others.
  const raw: { [name: string]: unknown } = typeof input === 'object' && input !== null ? { ...input } : {};
  const isTooDeep = isDeeperThan(maxMetadataDepth, raw.metadata);
  const parsed = orderInputSchema.safeParse(isTooDeep ? { ...raw, metadata: {} } : input);
  const faults: Fault[] = parsed.success ? [] : parsed.error.issues.map((issue) => toFault(issue, input));
  if (isTooDeep) {
    faults.push({ path: 'metadata', message: `must be nested at most ${maxMetadataDepth} levels deep` });
  } else if (hasHiddenKey(raw.metadata)) {
    faults.push({
      path: 'metadata',
      message: 'has a field named __proto__, which cannot be kept; rename it',
    });
  }
  const ok = (name: string) => !faults.some(({ path }) => path === name || path.startsWith(`${name}.`));

  const amountMinor = ok('amount') && amountPattern.test(String(raw.amount)) ? toMinor(raw.amount) : null;
  if (ok('amount') && (amountMinor === null || amountMinor === 0)) {
    faults.push({
      path: 'amount',
      message: 'must be more than 0, with at most two decimals and no sign or exponent',
    });
  }
  const account = ok('account') && typeof raw.account === 'string' ? accounts.get(raw.account) : undefined;
  const provider = account === undefined ? undefined : providers.get(account.provider);
  if (ok('account') && provider === undefined) {
    const known = [...accounts.keys()].join(', ') || 'none';
    faults.push({
      path: 'account',
      message:
        unserved.get(String(raw.account)) ??
        `is not an account of this service (known: ${known}); see ACCOUNTS`,
    });
  }
  // The provider's schema normalises the reference, so that one payment always has the same reference.
  let reference: Reference | null = null;
  if (account !== undefined && provider !== undefined) {
    if (ok('reference')) {
      const fitting = provider.reference.safeParse(raw.reference);
      if (fitting.success) reference = fitting.data;
      else faults.push(...fitting.error.issues.map((issue) => referenceFault(issue, provider)));
    }
    if (parsed.success) faults.push(...scheduleFaults(parsed.data.schedule, account.limits));
    const { currency, currencies = [currency] } = account;
    if (ok('currency') && !currencies.includes((raw.currency ?? currency) as string)) {
      faults.push({ path: 'currency', message: `must be ${oneOf(currencies)} of this account` });
    }
  }
  const createdAt = ok('createdAt') ? toInstant(raw.createdAt as OrderInput['createdAt'], now) : now;
  if (createdAt > now + maxFutureMs) {
    faults.push({ path: 'createdAt', message: 'is in the future; check the clock of the sender' });
  } else if (createdAt < leastEpochMs) {
    faults.push({ path: 'createdAt', message: 'is before 2001; check the clock of the sender' });
  }
  if (
    !parsed.success ||
    faults.length > 0 ||
    account === undefined ||
    amountMinor === null ||
    reference === null
  )
    return { faults };
  const { data } = parsed;
  return {
    order: {
      orderId: data.orderId,
      account: data.account,
      provider: account.provider,
      reference,
      amountMinor,
      currency: data.currency ?? account.currency,
      createdAt,
      schedule: { ...account.schedule, ...withoutUndefined(data.schedule) },
      metadata: data.metadata ?? {},
    },
  };
}

/** An API key must not be able to use up the provider's rate limit, or to keep an order open for years. */
function scheduleFaults(own: OrderInput['schedule'], limits: AccountInfo['limits']): Fault[] {
  if (own === undefined || limits === undefined) return [];
  const tooOften = (['initialIntervalMs', 'maxIntervalMs'] as const)
    .filter((field) => (own[field] ?? limits.minIntervalMs) < limits.minIntervalMs)
    .map((field) => ({
      path: `schedule.${field}`,
      message: `must be at least ${limits.minIntervalMs}, the MIN_INTERVAL_MS of this account`,
    }));
  if ((own.deadlineMs ?? 0) <= limits.maxDeadlineMs) return tooOften;
  const tooLate = `must be at most ${limits.maxDeadlineMs}, the MAX_DEADLINE_MS of this account`;
  return [...tooOften, { path: 'schedule.deadlineMs', message: tooLate }];
}

/** Converts a schema issue to a fault. Messages name the rule, never the value: it may be personal data. */
export function toFault(issue: z.core.$ZodIssue, input: unknown): Fault {
  // Field names are untrusted: control characters would reach the terminal of `enqueue --file`.
  const path = issue.path.map(String).join('.').replace(/\p{C}/gu, '?').slice(0, 200);
  if (issue.code === 'unrecognized_keys') {
    return { path, message: `has unknown fields: ${issue.keys.slice(0, 10).map(quoted).join(', ')}` };
  }
  return { path, message: valueAt(input, issue.path) === undefined ? 'is missing' : brokenRule(issue) };
}

/** No parser of ours keeps a field of this name: it would vanish from what the shop gets back. */
function hasHiddenKey(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.hasOwn(value, '__proto__') || Object.values(value).some(hasHiddenKey);
}

function isDeeperThan(depth: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((entry) => isDeeperThan(depth - 1, entry));
}

/** Quotes an untrusted name so that it is harmless in a log or terminal. */
function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 40));
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    input,
  );
}

function referenceFault(issue: z.core.$ZodIssue, provider: Provider): Fault {
  const path = ['reference', ...issue.path.map(String)].join('.');
  return {
    path,
    message: `is not a valid ${provider.id} reference: expected ${provider.reference.description ?? 'another shape'}`,
  };
}

function oneOf(currencies: readonly string[]): string {
  return currencies.length === 1
    ? `${currencies[0]}, the only currency`
    : `one of ${currencies.join(', ')}, the currencies`;
}

function toInstant(createdAt: string | number | undefined, now: number): number {
  if (createdAt === undefined) return now;
  return typeof createdAt === 'number' ? createdAt : Date.parse(createdAt);
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(value: T | undefined): Defined<T> {
  const given = Object.entries(value ?? {}).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(given) as Defined<T>;
}
