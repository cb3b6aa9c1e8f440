import { z } from 'zod';
import { isZoneName } from '../domain/zone.ts';
import { defaultPrefix } from '../redis/keys.ts';
import { redisSecuritySettings } from '../redis/security.ts';
import { isRedisUrl, redisUrlHelp } from '../redis/url.ts';
import { boardUsersSchema } from './board-users.ts';
import { hashOfNoKeyHelp, isHashOfNoKey } from './hash-of-no-key.ts';
import { namedKeysSchema } from './named-keys.ts';
import { addressList, days, listOf, timerMs } from './setting-kinds.ts';
import { userHeaderSchema } from './user-header.ts';
import { passwordSchema } from './weak-password.ts';
import { webhookEndpointsSchema, webhookUrlSchema } from './webhook-endpoints.ts';

/**
 * Every setting of the service, by its name in lower camel case: `redisUrl` is `REDIS_URL` in the environment.
 * Descriptions become the documentation.
 */
export const serviceSettings = z.object({
  redisUrl: z
    .string()
    .refine(isRedisUrl, redisUrlHelp)
    .default('redis://127.0.0.1:6379')
    .meta({ secret: true })
    .describe(
      'Redis: one server, Sentinel (`redis+sentinel://h1:26379,h2:26379/mymaster`) or Cluster (`redis+cluster://h1:6379,h2:6379`); `rediss` for TLS',
    ),
  ...redisSecuritySettings,
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,32}$/, 'must be 1 to 32 of A-Z a-z 0-9 _ -')
    .default(defaultPrefix)
    .describe('Prefix of every Redis key'),
  logLevel: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('Lowest level that is logged'),
  host: z
    .string()
    .default('127.0.0.1')
    .describe('Address that the HTTP API listens on; use 0.0.0.0 in a container'),
  port: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(8080)
    .describe('Port of the HTTP API; 0 picks a free one'),
  callbackPort: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .describe(
      'Port of a second listener that serves only /callbacks, to expose to the internet; PORT then serves no callbacks',
    ),
  publicUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Public base URL at which providers reach the HTTP API; required for daraja accounts'),
  maxConnections: z.coerce
    .number()
    .int()
    .min(16)
    .max(1_000_000)
    .default(4_096)
    .describe('Maximum number of open connections to the HTTP API; further ones are closed'),
  apiKeys: namedKeysSchema
    .default([])
    .meta({ secret: true })
    .describe(
      'API keys with a name, scopes, accounts and an expiry, as JSON or the path of a JSON file; `payment-poller key new` prints the entries',
    ),
  apiKeysSha256: listOf(
    z
      .string()
      .regex(/^[0-9a-f]{64}$/i, 'must be a SHA-256 hash in hex')
      .refine((hash) => !isHashOfNoKey(hash), hashOfNoKeyHelp),
  )
    .default([])
    .describe(
      'SHA-256 hashes (hex) of API keys with full access, separated by commas: `printf %s "$KEY" | sha256sum`',
    ),
  apiRatePerSecond: z.coerce
    .number()
    .min(1)
    .default(200)
    .describe('Requests per second allowed for each API key'),
  apiKeyWaits: z.coerce
    .number()
    .int()
    .min(1)
    .max(2_000)
    .default(500)
    .describe('Requests with `wait` that one API key may hold open at the same time'),
  apiKeyStreams: z.coerce
    .number()
    .int()
    .min(1)
    .max(200)
    .default(20)
    .describe('Event streams of results that one API key may hold open at the same time'),
  trustedProxies: addressList
    .default([])
    .describe(
      'Addresses or CIDR blocks of proxies whose X-Forwarded-For and TRUSTED_USER_HEADER are trusted, separated by commas',
    ),
  metricsPublic: z.stringbool().default(true).describe('Serve /metrics without an API key'),
  docsPublic: z
    .stringbool()
    .default(false)
    .describe('Serve /docs, the description of the HTTP API, without an API key or login'),
  boardUsers: boardUsersSchema
    .default([])
    .meta({ secret: true })
    .describe(
      'Users of / and /board with a name, a role (`viewer` or `operator`) and a password hash, as JSON or the path of a JSON file; `payment-poller user new` prints the entries',
    ),
  boardUsername: z
    .string()
    .min(1)
    .max(128)
    .default('operator')
    .describe('Name of the user whose password is BOARD_PASSWORD; has the role `operator`'),
  boardPassword: passwordSchema
    .optional()
    .meta({ secret: true })
    .describe(
      'Password of BOARD_USERNAME, at least 12 characters; without it and BOARD_USERS, / and /board are disabled',
    ),
  trustedUserHeader: userHeaderSchema
    .optional()
    .describe(
      'Header in which a proxy of TRUSTED_PROXIES passes the user that it has logged in, e.g. `X-Forwarded-User`; only users of BOARD_USERS are admitted',
    ),
  boardWritable: z
    .stringbool()
    .default(false)
    .describe(
      'Allow /board to pause queues and to retry, promote and remove jobs; otherwise it is read-only',
    ),
  webhooks: webhookEndpointsSchema
    .default([])
    .meta({ secret: true })
    .describe(
      'Endpoints that receive results as webhooks, with a name, url, secrets, and optionally accounts and types, as JSON or the path of a JSON file; `payment-poller webhooks new` prints the entries',
    ),
  notifyWebhookUrl: webhookUrlSchema
    .optional()
    .meta({ secret: true })
    .describe(
      'URL that alerts are sent to as text, for a shop without Prometheus: a POST of `{"text": "…"}`, as Slack, Google Chat and Mattermost accept it, when an alert begins and when it ends',
    ),
  webhookAllowedAddresses: addressList
    .default([])
    .describe(
      'Private addresses or CIDR blocks that webhooks and alerts may be sent to, over plain http too, separated by commas; otherwise only https to public addresses',
    ),
  webhookTimeoutMs: timerMs
    .max(60_000)
    .default(10_000)
    .describe('How long a webhook endpoint or NOTIFY_WEBHOOK_URL may take to answer'),
  webhookRetryMs: timerMs
    .max(600_000)
    .default(5_000)
    .describe(
      'Delay before the first retry of a webhook; it triples with every further one, to 4 h, until a day after the result',
    ),
  sessionHours: z.coerce
    .number()
    .min(0.01)
    .max(720)
    .default(12)
    .describe('How long a login to / and /board lasts, in hours'),
  privateMetadata: listOf(z.string().max(128))
    .default(['phone', 'phoneNumber', 'msisdn', 'mobile', 'email', 'name'])
    .describe('Keys of order metadata whose values / and /board hide, at any depth, separated by commas'),
  indexedMetadata: listOf(z.string().max(128))
    .pipe(z.array(z.string()).max(8, 'must be at most 8 keys'))
    .default([])
    .describe(
      'Keys of order metadata by which orders are found quickly (`metadata.<key>` in a search), at most 8, separated by commas; each costs about 50 bytes an order',
    ),
  retentionDays: days.default(90).describe('Days for which a closed order is kept after its last change'),
  resultsRetentionDays: days
    .default(30)
    .describe(
      'Results older than this many days are removed once every consumer group has acknowledged them; readers over HTTP may take three times as long',
    ),
  timezone: z
    .string()
    .refine(isZoneName, 'must be an IANA time zone such as Africa/Nairobi')
    .default('Africa/Nairobi')
    .describe('Time zone of statements and of the days of reports, an IANA name'),
  statusOverrides: z
    .string()
    .optional()
    .describe(
      'Meanings of additional provider statuses, as JSON or the path of a JSON file: `{"jenga":{"Reversed":{"reading":"failed","certainty":"firm","reason":"rejected"}}}`',
    ),
  sweepIntervalMs: timerMs
    .default(60_000)
    .describe('Interval at which the sweeper compares open orders with the queues'),
  lockDurationMs: timerMs
    .default(10_000)
    .describe(
      'Lifetime of a job lock: a crashed worker is detected after this time plus one to two STALLED_INTERVAL_MS',
    ),
  stalledIntervalMs: timerMs
    .default(5_000)
    .describe('Interval at which jobs of crashed workers are looked for'),
  pollBackend: z
    .enum(['batch', 'bullmq'])
    .default('batch')
    .describe(
      'How polls access the queue in Redis: `batch` runs one script per batch of polls; `bullmq` uses only calls of BullMQ itself, which is slower, in case a BullMQ release breaks `batch`',
    ),
  pollShare: z.coerce
    .number()
    .min(0.05)
    .max(1)
    .default(0.5)
    .describe(
      "Share of an account's rate limit that polls before the verdict may use with `SCHEDULE=adaptive`; the rest is for bursts, confirmations and the watch",
    ),
  tracing: z
    .stringbool()
    .default(false)
    .describe(
      'Create OpenTelemetry spans for enqueueing, polls and provider calls; needs Node to be started with an OpenTelemetry SDK',
    ),
  shutdownMs: timerMs.default(10_000).describe('How long polls in progress may take to finish after SIGTERM'),
});
export type ServiceSettings = z.infer<typeof serviceSettings>;
