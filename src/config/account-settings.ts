import { z } from 'zod';
import { scheduleSchema } from '../accounts/accounts.ts';
import { defaultSchedule, defaultWatchMs } from '../domain/schedule.ts';
import { addressForms, listOf, ms, timerMs } from './setting-kinds.ts';

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
        message: 'must be ascending whole milliseconds, separated by commas',
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
      'Let several orders be paid by one payment, as long as it covers all of them; otherwise a payment pays one order. Only where the API tells the amount received',
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
