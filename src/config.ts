import { z } from 'zod';
import { scheduleSchema } from './jobs/accounts.ts';
import type { Policy } from './jobs/decide.ts';
import { defaultSchedule, defaultWatchMs } from './jobs/schedule.ts';
import { accountIdPattern, type Schedule } from './order.ts';
import { defaultPrefix } from './orders/keys.ts';
import { providers } from './providers/index.ts';
import type { Provider } from './providers/provider.ts';
import type { TransportLimits } from './providers/transport.ts';
import { isRedisUrl, redisUrlHelp } from './redis.ts';

/** Everything the service is told from outside, validated. */
export interface Config extends z.infer<typeof serviceSettings> {
  readonly accounts: readonly AccountConfig[];
}

/** One set of credentials at a provider, with its schedule and limits. */
export interface AccountConfig {
  readonly id: string;
  readonly provider: Provider;
  /** As the provider's own schema accepted them. */
  readonly settings: { readonly [name: string]: unknown };
  readonly currency: string;
  readonly schedule: Schedule;
  readonly policy: Policy;
  readonly transport: TransportLimits;
  readonly concurrency: number;
  readonly ratePerSecond: number;
}

/** Everything that is wrong with a configuration, at once. Names settings, never their values. */
export class ConfigError extends Error {
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(
      `The configuration has ${faults.length} fault${faults.length === 1 ? '' : 's'}:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    );
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

const days = z.coerce.number().min(1).max(3_650);
const ms = z.coerce
  .number()
  .int()
  .min(1)
  .max(366 * 86_400_000);

/** Settings of the service, by their name in lower camel case; in the environment `REDIS_URL` and so on. */
export const serviceSettings = z.object({
  redisUrl: z
    .string()
    .refine(isRedisUrl, redisUrlHelp)
    .default('redis://127.0.0.1:6379')
    .meta({ secret: true })
    .describe(
      'Redis: one server, Sentinel (`redis+sentinel://h1:26379,h2:26379/mymaster`) or Cluster (`redis+cluster://h1:6379,h2:6379`); `rediss` for TLS',
    ),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,32}$/, 'must be 1 to 32 of A-Z a-z 0-9 _ -')
    .default(defaultPrefix)
    .describe('First word of every Redis key'),
  logLevel: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('pino level'),
  retentionDays: days.default(90).describe('How long a closed order is kept, counted from its last change'),
  lockDurationMs: ms
    .default(10_000)
    .describe('A worker that died is noticed after this long plus one to two STALLED_INTERVAL_MS'),
  stalledIntervalMs: ms.default(5_000).describe('How often orders of dead workers are looked for'),
  shutdownMs: ms.default(10_000).describe('Time for polls under way to end after SIGTERM'),
});

const watchList = z
  .string()
  .transform((text, context) => {
    const steps = text.split(',').map((step) => Number(step.trim()));
    if (steps.some((step, index) => !(Number.isInteger(step) && step > (steps[index - 1] ?? 0)))) {
      context.addIssue({
        code: 'custom',
        message: 'must be ascending whole milliseconds, separated by commas',
      });
    }
    return steps;
  })
  .default([...defaultWatchMs]);

const schedule = scheduleSchema.shape;

/** Settings that every account has, whatever its provider; in the environment `<ACCOUNT>_RATE_PER_SECOND` and so on. */
export const accountSettings = z.object({
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code')
    .default('KES')
    .describe('The currency this account settles in'),
  firstPollAfterMs: ms
    .default(defaultSchedule.firstPollAfterMs)
    .describe(schedule.firstPollAfterMs.description ?? ''),
  initialIntervalMs: ms
    .default(defaultSchedule.initialIntervalMs)
    .describe(schedule.initialIntervalMs.description ?? ''),
  factor: z.coerce
    .number()
    .min(1)
    .max(10)
    .default(defaultSchedule.factor)
    .describe(schedule.factor.description ?? ''),
  maxIntervalMs: ms.default(defaultSchedule.maxIntervalMs).describe(schedule.maxIntervalMs.description ?? ''),
  jitter: z.coerce
    .number()
    .min(0)
    .max(0.5)
    .default(defaultSchedule.jitter)
    .describe(schedule.jitter.description ?? ''),
  deadlineMs: ms.default(defaultSchedule.deadlineMs).describe(schedule.deadlineMs.description ?? ''),
  confirmAfterMs: ms
    .default(10_000)
    .describe('A soft failure is published when a second reading, at least this much later, agrees'),
  watchMs: watchList.describe(
    'When to ask again after a verdict that may still turn, counted from the verdict',
  ),
  ratePerSecond: z.coerce
    .number()
    .min(0.01)
    .max(10_000)
    .optional()
    .describe('Status requests per second, over all processes; the default is cautious'),
  concurrency: z.coerce
    .number()
    .int()
    .min(1)
    .max(2_000)
    .default(50)
    .describe('Status requests under way at once in one process'),
  timeoutMs: ms.default(10_000).describe('Time for the headers of an answer, and again for its body'),
  maxBodyBytes: z.coerce
    .number()
    .int()
    .min(1_024)
    .default(1_048_576)
    .describe('A larger answer counts as none'),
});

/** No provider publishes its limits: where nothing is configured, this many status requests a second. */
const defaultRatePerSecond = 10;

/** The environment variable of a setting: `redisUrl` → `REDIS_URL`. */
export function variableName(setting: string, accountId?: string): string {
  const name = setting.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
  return accountId === undefined ? name : `${accountId.replaceAll('-', '_').toUpperCase()}_${name}`;
}

/**
 * The configuration behind an environment.
 *
 * @throws ConfigError with every fault at once
 */
export function readConfig(environment: { readonly [name: string]: string | undefined }): Config {
  const faults: string[] = [];
  const service = readSettings(serviceSettings, environment, faults);
  const accounts = readAccountIds(environment.ACCOUNTS, faults).map(({ id, provider }) => {
    const common = readSettings(accountSettings, environment, faults, id);
    const settings = readSettings(provider.settings, environment, faults, id);
    return common === null || settings === null ? null : toAccount(id, provider, common, settings);
  });
  if (faults.length > 0 || service === null) throw new ConfigError(faults);
  return { ...service, accounts: accounts.filter((account) => account !== null) };
}

/** The service's own settings alone, for commands that need no accounts. @throws ConfigError */
export function readServiceSettings(environment: { readonly [name: string]: string | undefined }) {
  const faults: string[] = [];
  const service = readSettings(serviceSettings, environment, faults);
  if (service === null) throw new ConfigError(faults);
  return service;
}

function readAccountIds(text: string | undefined, faults: string[]): { id: string; provider: Provider }[] {
  const known = [...providers.keys()].join(', ');
  const entries = (text ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  if (entries.length === 0) {
    faults.push(
      `ACCOUNTS is missing: name the accounts to serve, e.g. ACCOUNTS=jenga,shop2=jenga (providers: ${known}).`,
    );
  }
  const variables = new Set<string>();
  return entries.flatMap((entry) => {
    const [id = '', providerId = id, ...rest] = entry.split('=').map((part) => part.trim());
    const provider = providers.get(providerId);
    if (!accountIdPattern.test(id) || id.length > 40 || rest.length > 0) {
      faults.push(
        'ACCOUNTS has an entry that is not `id` or `id=provider` with an id of lower-case words joined by "-".',
      );
      return [];
    }
    if (variables.has(variableName('', id))) {
      faults.push(`ACCOUNTS names ${id} twice; every account needs an id, and settings, of its own.`);
      return [];
    }
    variables.add(variableName('', id));
    if (provider === undefined) {
      faults.push(
        `ACCOUNTS: ${id} needs a provider that exists, written ${id}=<provider> (providers: ${known}).`,
      );
      return [];
    }
    return [{ id, provider }];
  });
}

/** Reads one schema's settings; `null` when any was at fault. */
function readSettings<Schema extends z.ZodObject>(
  schema: Schema,
  environment: { readonly [name: string]: string | undefined },
  faults: string[],
  accountId?: string,
): z.infer<Schema> | null {
  const raw = Object.fromEntries(
    Object.keys(schema.shape).map((name) => [name, clean(name, environment[variableName(name, accountId)])]),
  );
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    const setting = String(issue.path[0]);
    const description = schema.shape[setting]?.description ?? '';
    const wrong = raw[setting] === undefined ? 'is missing' : `is not valid: ${issue.message}`;
    faults.push(`${variableName(setting, accountId)} ${wrong} (${description}).`);
  }
  return null;
}

/** An empty variable is an absent one; a base URL may end in slashes. */
function clean(name: string, value: string | undefined): string | undefined {
  const text = value?.trim();
  if (text === undefined || text === '') return undefined;
  return name.endsWith('Url') && name !== 'redisUrl' ? text.replace(/\/+$/, '') : text;
}

function toAccount(
  id: string,
  provider: Provider,
  common: z.infer<typeof accountSettings>,
  settings: AccountConfig['settings'],
): AccountConfig {
  const { firstPollAfterMs, initialIntervalMs, factor, maxIntervalMs, jitter, deadlineMs } = common;
  return {
    id,
    provider,
    settings,
    currency: common.currency,
    schedule: { firstPollAfterMs, initialIntervalMs, factor, maxIntervalMs, jitter, deadlineMs },
    policy: { confirmAfterMs: common.confirmAfterMs, watchMs: common.watchMs },
    transport: {
      timeoutMs: common.timeoutMs,
      maxBodyBytes: common.maxBodyBytes,
      connections: common.concurrency,
    },
    concurrency: common.concurrency,
    ratePerSecond: common.ratePerSecond ?? provider.defaultRatePerSecond ?? defaultRatePerSecond,
  };
}
