import { z } from 'zod';
import { accountIdPattern } from '../domain/order.ts';
import type { Provider } from '../providers/provider.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';

const positiveMs = z
  .int()
  .positive()
  .max(366 * 86_400_000);

/** Schema of `Schedule`, in settings and in API input; with `.partial()` for overrides of single orders. */
export const scheduleSchema = z.object({
  firstPollAfterMs: positiveMs.describe('Time from createdAt to the first poll'),
  initialIntervalMs: positiveMs.describe('Interval between the first and the second poll'),
  factor: z.number().min(1).max(10).describe('Factor by which the interval grows with every poll'),
  maxIntervalMs: positiveMs.describe('Maximum interval between polls'),
  jitter: z
    .number()
    .min(0)
    .max(0.5)
    .describe('Fraction of the interval by which a poll may come earlier or later'),
  deadlineMs: positiveMs.describe(
    'Time from createdAt to the deadline, when a verdict is due even if no answer was final',
  ),
});

/** What a producer needs to know about an account. The service writes it to Redis (registry.ts). */
const accountInfoSchema = z.object({
  provider: z.string(),
  /** Default currency of its orders. */
  currency: z.string(),
  /** All currencies that its orders may use. Earlier releases did not write it: then only the default one. */
  currencies: z.array(z.string()).optional(),
  schedule: scheduleSchema,
  /** Limits on the schedules of single orders. Earlier releases did not write them. */
  limits: z
    .object({
      minIntervalMs: positiveMs.describe('Minimum interval'),
      maxDeadlineMs: positiveMs.describe('Latest deadline'),
    })
    .optional(),
  /** True if callbacks are enabled. Processes of earlier releases index orders by name only then. */
  callbacks: z.boolean().default(false),
  /** True if one payment may pay several orders. */
  sharedReferences: z.boolean().default(false),
  /** Scope in which equal references mean the same payment. Earlier releases did not write it. */
  referenceScope: z.string().optional(),
  /** Metadata keys by which its orders can be found. */
  indexedMetadata: z.array(z.string()).optional(),
});
export type AccountInfo = z.infer<typeof accountInfoSchema>;
export type AccountInfos = ReadonlyMap<string, AccountInfo>;

/** The accounts that any service has registered, except entries that cannot be parsed. */
export async function readAccounts(
  redis: Redis,
  keys: Keys,
  providers: ReadonlyMap<string, Provider>,
): Promise<AccountInfos> {
  return parseAccounts(await redis.hgetall(keys.registry), providers);
}

/** Parses registry entries. Skips invalid ones and those of a newer version, so that they affect no other account. */
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

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
