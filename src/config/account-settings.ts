import { z } from 'zod';
import { scheduleSchema } from '../accounts/accounts.ts';
import { defaultSchedule, defaultWatchMs } from '../domain/schedule.ts';
import { addressForms, listOf, ms, timerMs } from './setting-kinds.ts';

/** No provider publishes its limits: where nothing is configured, this many status requests a second. */
const defaultRatePerSecond = 10;

const longestWatchMs = 3_650 * 86_400_000;

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
        message: 'must be whole milliseconds in ascending order, separated by commas',
      });
    }
    return steps;
  })
  .default([...defaultWatchMs]);

const schedule = scheduleSchema.shape;
const said = (field: keyof typeof schedule) => schedule[field].description ?? '';

/**
 * Settings that every account has, whatever its provider, by their names in lower camel case: `ratePerSecond` of the account
 * `shop2` is `SHOP2_RATE_PER_SECOND` in the environment. Descriptions become the documentation.
 */
export const accountSettings = z.object({
  currency: z
    .string()
    .regex(/^[A-Z]{3}(?:\s*,\s*[A-Z]{3})*$/, 'must be an ISO 4217 code, or several separated by commas')
    .transform((text) => [...new Set(text.split(/[\s,]+/))] as [string, ...string[]])
    .optional()
    .describe(
      'Currency of this account, by default KES; several, separated by commas, if the provider names the currency of each payment. Orders without a currency use the first',
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
      '`adaptive` learns when orders become final, and spends POLL_SHARE of the rate limit on polls at the times that see them soonest; until it knows enough, the settings above apply',
    ),
  minIntervalMs: ms
    .optional()
    .describe(
      'Minimum interval between polls of one order: of the adaptive schedule, by default 2000, and of orders with their own schedule, by default 1000',
    ),
  maxDeadlineMs: ms
    .default(7 * 86_400_000)
    .describe('Latest deadline that an order with its own schedule may have, counted from createdAt'),
  confirmAfterMs: ms
    .default(10_000)
    .describe(
      'Minimum time between the answer with a soft failure and the poll that confirms it; only then is the failure published',
    ),
  sharedReferences: z
    .stringbool()
    .default(false)
    .describe(
      'Allow one payment to pay several orders, as long as it covers all of them; otherwise a payment pays one order. Only for providers that report the amount received',
    ),
  watchMs: watchList.describe(
    'Times of the watch: when to poll again after a verdict that may still change, counted from the verdict',
  ),
  ratePerSecond: z.coerce
    .number()
    .min(0.01)
    .max(10_000)
    .default(defaultRatePerSecond)
    .describe('Status requests per second, over all processes; no provider publishes its limit'),
  concurrency: z.coerce
    .number()
    .int()
    .min(1)
    .max(2_000)
    .default(50)
    .describe('Concurrent status requests in one process'),
  timeoutMs: timerMs.default(10_000).describe('Timeout for the headers of an answer, and again for its body'),
  maxBodyBytes: z.coerce
    .number()
    .int()
    .min(1_024)
    .default(1_048_576)
    .describe('Maximum size of an answer; a larger one counts as no answer'),
  breakerFailures: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000)
    .default(10)
    .describe(
      'Number of consecutive orders that must fail for a reason of the account before its circuit breaker opens',
    ),
  breakerPauseMs: ms
    .default(5_000)
    .describe('First pause of an open circuit breaker; each further pause is twice as long'),
  breakerMaxPauseMs: ms.default(300_000).describe('Longest pause of an open circuit breaker'),
  throttlePauseMs: ms.default(2_000).describe('Pause after a throttling answer without Retry-After'),
  callbackToken: z
    .string()
    .regex(/^[A-Za-z0-9_-]{16,128}$/, 'must be 16 to 128 of A-Z a-z 0-9 _ -')
    .optional()
    .meta({ secret: true })
    .describe('Token in the callback URL `/callbacks/<account>/<token>`; without it callbacks are refused'),
  callbackUsername: z.string().min(1).optional().describe('HTTP Basic user name required of callbacks'),
  callbackPassword: z
    .string()
    .min(1)
    .optional()
    .meta({ secret: true })
    .describe('HTTP Basic password required of callbacks'),
  callbackAddresses: listOf(z.union(addressForms, 'must be addresses or CIDR blocks'))
    .default([])
    .describe(
      'Addresses or CIDR blocks from which callbacks are accepted, separated by commas; empty means any',
    ),
  minHintIntervalMs: ms
    .default(2_000)
    .describe('Minimum interval between polls of an order that callbacks or poll requests trigger'),
});
export type AccountSettings = z.infer<typeof accountSettings>;
