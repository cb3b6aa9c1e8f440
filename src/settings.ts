import { z } from 'zod';
import { hashOfNoKeyHelp, isHashOfNoKey } from './hash-of-no-key.ts';
import { scheduleSchema } from './jobs/accounts.ts';
import { defaultSchedule, defaultWatchMs } from './jobs/schedule.ts';
import { defaultPrefix } from './orders/keys.ts';
import { isRedisUrl, redisUrlHelp } from './redis-url.ts';

/**
 * Every setting of the service and of its accounts, by its name in lower camel case: `redisUrl` is `REDIS_URL` in the
 * environment, `ratePerSecond` of the account `shop2` is `SHOP2_RATE_PER_SECOND`. Descriptions become the documentation.
 */

const days = z.coerce.number().min(1).max(3_650);
const ms = z.coerce
  .number()
  .int()
  .min(1)
  .max(366 * 86_400_000);
/** Node's timers take no more than 24 days; longer ones would fire at once. */
const timerMs = ms.max(86_400_000);
const longestWatchMs = 3_650 * 86_400_000;

/** Words separated by commas. */
function listOf(item: z.ZodType<string, string>) {
  return z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((word) => word.trim())
        .filter((word) => word !== ''),
    )
    .pipe(z.array(item));
}

const addressForms = [z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()] as const;

/** Settings of the service. */
export const serviceSettings = z.object({
  redisUrl: z
    .string()
    .refine(isRedisUrl, redisUrlHelp)
    .default('redis://127.0.0.1:6379')
    .meta({ secret: true })
    .describe(
      'Redis: one server, Sentinel (`redis+sentinel://h1:26379,h2:26379/mymaster`) or Cluster (`redis+cluster://h1:6379,h2:6379`); `rediss` for TLS',
    ),
  redisCaFile: z
    .string()
    .optional()
    .describe(
      'PEM file of the authority that signed the certificates of Redis (and of its sentinels), if private',
    ),
  redisCertFile: z
    .string()
    .optional()
    .describe('PEM file of the certificate that we show to Redis, if it asks'),
  redisKeyFile: z.string().optional().describe('PEM file of the key to REDIS_CERT_FILE'),
  redisSentinelUsername: z
    .string()
    .optional()
    .describe('User at the sentinels, which know none of Redis itself'),
  redisSentinelPassword: z.string().optional().meta({ secret: true }).describe('Password at the sentinels'),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,32}$/, 'must be 1 to 32 of A-Z a-z 0-9 _ -')
    .default(defaultPrefix)
    .describe('First word of every Redis key'),
  logLevel: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('Least level that is logged'),
  host: z
    .string()
    .default('127.0.0.1')
    .describe('Address that the HTTP API listens on; 0.0.0.0 in a container'),
  port: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(8080)
    .describe('Port of the HTTP API, 0 for a free one'),
  publicUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Where providers reach the HTTP API from outside; needed by daraja accounts'),
  maxConnections: z.coerce
    .number()
    .int()
    .min(16)
    .max(1_000_000)
    .default(4_096)
    .describe('Connections to the HTTP API at once; more are hung up on'),
  apiKeysSha256: listOf(
    z
      .string()
      .regex(/^[0-9a-f]{64}$/i, 'must be SHA-256 in hex')
      .refine((hash) => !isHashOfNoKey(hash), hashOfNoKeyHelp),
  )
    .default([])
    .describe('SHA-256 in hex of every valid API key, separated by commas: `printf %s "$KEY" | sha256sum`'),
  apiRatePerSecond: z.coerce.number().min(1).default(200).describe('Requests per second of one API key'),
  apiKeyWaits: z.coerce
    .number()
    .int()
    .min(1)
    .max(2_000)
    .default(500)
    .describe('Requests with `wait` that one API key may hold open at once'),
  apiKeyStreams: z.coerce
    .number()
    .int()
    .min(1)
    .max(200)
    .default(20)
    .describe('Event streams of the results that one API key may follow at once'),
  trustedProxies: listOf(
    z.union(
      [...addressForms, z.enum(['loopback', 'linklocal', 'uniquelocal'])],
      'must be addresses, CIDR blocks, or the words loopback, linklocal or uniquelocal',
    ),
  )
    .default([])
    .describe('Addresses or CIDR blocks of proxies whose X-Forwarded-For is believed, separated by commas'),
  metricsPublic: z.stringbool().default(true).describe('Serve /metrics without an API key'),
  docsPublic: z
    .stringbool()
    .default(false)
    .describe('Serve /docs, the description of the HTTP API, without an API key or a login'),
  boardUsername: z.string().min(1).max(128).default('operator').describe('User who may see / and /board'),
  boardPassword: z
    .string()
    .min(12, 'must have at least 12 characters')
    .max(512)
    .optional()
    .meta({ secret: true })
    .describe('Password for / and /board, at least 12 characters; without it both are closed'),
  boardWritable: z
    .stringbool()
    .default(false)
    .describe('Let /board pause queues, and retry, promote and remove jobs; otherwise it only shows'),
  sessionHours: z.coerce
    .number()
    .min(0.01)
    .max(720)
    .default(12)
    .describe('How long a login to / and /board lasts'),
  privateMetadata: listOf(z.string().max(128))
    .default(['phone', 'phoneNumber', 'msisdn', 'mobile', 'email', 'name'])
    .describe(
      'Keys of order metadata whose values / and /board never show, at any depth, separated by commas',
    ),
  retentionDays: days.default(90).describe('How long a closed order is kept, counted from its last change'),
  resultsRetentionDays: days
    .default(30)
    .describe('Results older than this are removed once every consumer group has acknowledged them'),
  statusOverrides: z
    .string()
    .optional()
    .describe(
      'Further words of a provider, as JSON or the path of a JSON file: `{"jenga":{"Reversed":{"reading":"failed","certainty":"firm","reason":"rejected"}}}`',
    ),
  sweepIntervalMs: timerMs.default(60_000).describe('How often open orders are compared with the queues'),
  lockDurationMs: timerMs
    .default(10_000)
    .describe('A worker that died is noticed after this long plus one to two STALLED_INTERVAL_MS'),
  stalledIntervalMs: timerMs.default(5_000).describe('How often orders of dead workers are looked for'),
  tracing: z
    .stringbool()
    .default(false)
    .describe(
      'OpenTelemetry spans of enqueueing, polls and provider calls, under the SDK that Node was started with',
    ),
  shutdownMs: timerMs.default(10_000).describe('Time for polls under way to end after SIGTERM'),
});
export type ServiceSettings = z.infer<typeof serviceSettings>;

const watchList = z
  .string()
  .transform((text, context) => {
    const steps = text.split(',').map((step) => Number(step.trim()));
    if (
      steps.some(
        (step, index) =>
          !(Number.isInteger(step) && step > (steps[index - 1] ?? 0) && step <= longestWatchMs),
      )
    ) {
      context.addIssue({
        code: 'custom',
        message: 'must be ascending whole milliseconds, separated by commas',
      });
    }
    return steps;
  })
  .default([...defaultWatchMs]);

const schedule = scheduleSchema.shape;
const said = (field: keyof typeof schedule) => schedule[field].description ?? '';

/** Settings that every account has, whatever its provider. */
export const accountSettings = z.object({
  currency: z
    .string()
    .regex(/^[A-Z]{3}(?:\s*,\s*[A-Z]{3})*$/, 'must be an ISO 4217 code, or several separated by commas')
    .transform((text) => [...new Set(text.split(/[\s,]+/))] as [string, ...string[]])
    .optional()
    .describe(
      'The currency this account settles in, KES unless given; several, separated by commas, where its answers name theirs. The first is that of orders that name none',
    ),
  firstPollAfterMs: ms.default(defaultSchedule.firstPollAfterMs).describe(said('firstPollAfterMs')),
  initialIntervalMs: ms.default(defaultSchedule.initialIntervalMs).describe(said('initialIntervalMs')),
  factor: z.coerce.number().min(1).max(10).default(defaultSchedule.factor).describe(said('factor')),
  maxIntervalMs: ms.default(defaultSchedule.maxIntervalMs).describe(said('maxIntervalMs')),
  jitter: z.coerce.number().min(0).max(0.5).default(defaultSchedule.jitter).describe(said('jitter')),
  deadlineMs: ms.default(defaultSchedule.deadlineMs).describe(said('deadlineMs')),
  schedule: z
    .enum(['exponential', 'adaptive'])
    .default('exponential')
    .describe(
      '`adaptive` learns when orders become final, and makes as many polls as the settings above would, at better times',
    ),
  minIntervalMs: ms
    .default(1_000)
    .describe(
      'Adaptive polls of one order are at least so far apart, and so are those of an order with a schedule of its own',
    ),
  maxDeadlineMs: ms
    .default(7 * 86_400_000)
    .describe('Latest deadline that an order with a schedule of its own may have'),
  confirmAfterMs: ms
    .default(10_000)
    .describe('A soft failure is published when a second reading, at least this much later, agrees'),
  sharedReferences: z
    .stringbool()
    .default(false)
    .describe(
      'Let several orders be paid by one payment, as long as it covers all of them; otherwise a payment pays one order',
    ),
  watchMs: watchList.describe(
    'When to ask again after a verdict that may still turn, counted from the verdict',
  ),
  ratePerSecond: z.coerce
    .number()
    .min(0.01)
    .max(10_000)
    .optional()
    .describe(
      'Status requests per second, over all processes; default 10, for daraja 2: no provider publishes its limit',
    ),
  concurrency: z.coerce
    .number()
    .int()
    .min(1)
    .max(2_000)
    .default(50)
    .describe('Status requests under way at once in one process'),
  timeoutMs: timerMs.default(10_000).describe('Time for the headers of an answer, and again for its body'),
  maxBodyBytes: z.coerce
    .number()
    .int()
    .min(1_024)
    .default(1_048_576)
    .describe('A larger answer counts as none'),
  breakerFailures: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000)
    .default(10)
    .describe(
      'Orders in a row that must fail for a reason of the account until its circuit breaker opens and it rests',
    ),
  breakerPauseMs: ms
    .default(5_000)
    .describe('First rest of a sick account; each further one is twice as long'),
  breakerMaxPauseMs: ms.default(300_000).describe('Longest rest of a sick account'),
  throttlePauseMs: ms.default(2_000).describe('Rest after a throttling answer that names no time'),
  callbackToken: z
    .string()
    .regex(/^[A-Za-z0-9_-]{16,128}$/, 'must be 16 to 128 of A-Z a-z 0-9 _ -')
    .optional()
    .meta({ secret: true })
    .describe(
      'Last part of the callback URL `/callbacks/<account>/<token>`; without it callbacks are refused',
    ),
  callbackUsername: z.string().min(1).optional().describe('HTTP Basic user that callbacks must carry'),
  callbackPassword: z
    .string()
    .min(1)
    .optional()
    .meta({ secret: true })
    .describe('HTTP Basic password that callbacks must carry'),
  callbackAddresses: listOf(z.union(addressForms, 'must be addresses or CIDR blocks'))
    .default([])
    .describe('Addresses or CIDR blocks that callbacks may come from, separated by commas; empty: any'),
  minHintIntervalMs: ms.default(2_000).describe('Callbacks make an order be polled at most this often'),
});
export type AccountSettings = z.infer<typeof accountSettings>;

/** No provider publishes its limits: where nothing is configured, this many status requests a second. */
export const defaultRatePerSecond = 10;
