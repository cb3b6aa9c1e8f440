import { z } from 'zod';
import { accountIdPattern } from '../domain/order.ts';
import type { Provider } from '../providers/provider.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';

const positiveMs = z
  .int()
  .positive()
  .max(366 * 86_400_000);

/** When to ask about an order: the wire form of `Schedule`, every field optional where it only overrides. */
export const scheduleSchema = z.object({
  firstPollAfterMs: positiveMs.describe('First poll, counted from createdAt'),
  initialIntervalMs: positiveMs.describe('Interval after the first poll'),
  factor: z.number().min(1).max(10).describe('Growth of the interval with every poll'),
  maxIntervalMs: positiveMs.describe('The interval grows no further than this'),
  jitter: z
    .number()
    .min(0)
    .max(0.5)
    .describe('Share of the interval by which a poll may come earlier or later'),
  deadlineMs: positiveMs.describe('When the checkout must hear something, counted from createdAt'),
});

/** What a producer needs to know of an account. The service writes it to Redis (registry.ts). */
const accountInfoSchema = z.object({
  provider: z.string(),
  /** Of orders that name none. */
  currency: z.string(),
  /** All that its orders can be in; absent where an earlier release wrote it: only the one above. */
  currencies: z.array(z.string()).optional(),
  schedule: scheduleSchema,
  /** What schedules of single orders must keep to; services of former releases do not tell. */
  limits: z
    .object({
      minIntervalMs: positiveMs.describe('Least interval'),
      maxDeadlineMs: positiveMs.describe('Latest deadline'),
    })
    .optional(),
  /** Whether callbacks are taken, so that orders must be found by the names that providers use. */
  callbacks: z.boolean().default(false),
  /** Whether several orders may be paid by one payment. */
  sharedReferences: z.boolean().default(false),
});
export type AccountInfo = z.infer<typeof accountInfoSchema>;
export type AccountInfos = ReadonlyMap<string, AccountInfo>;

/** The accounts that any service has made known. What cannot be read (a newer version wrote it) is left out. */
export async function readAccounts(
  redis: Redis,
  keys: Keys,
  providers: ReadonlyMap<string, Provider>,
): Promise<AccountInfos> {
  return parseAccounts(await redis.hgetall(keys.registry), providers);
}

/** The entries that can be read. */
export function parseAccounts(
  entries: { readonly [account: string]: string },
  providers: ReadonlyMap<string, Provider>,
): AccountInfos {
  const known = new Map<string, AccountInfo>();
  for (const [account, text] of Object.entries(entries)) {
    const info = accountInfoSchema.safeParse(fromJson(text)).data;
    if (info !== undefined && accountIdPattern.test(account) && providers.has(info.provider)) {
      known.set(account, info);
    }
  }
  return known;
}

/** One entry that somebody broke must not stop the orders of all other accounts. */
function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
