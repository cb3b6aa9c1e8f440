import { z } from 'zod';
import { loopbackUrl } from './loopback.ts';
import { faultKinds, isResultTrouble, plainStates, resultTroubles } from './words.ts';

// Timers of the platform go no further: a longer delay would fire at once.
const longestDelayMs = 2 ** 31 - 1;
const milliseconds = z.number().min(0).max(longestDelayMs);
const stateSchema = z.union([z.enum(plainStates), z.strictObject({ word: z.string().min(1).max(200) })], {
  error: `A state is { word: "…" } or one of ${plainStates.join(', ')}.`,
});
const amountSchema = z
  .string()
  .regex(/^\d{1,9}(\.\d{1,2})?$/, 'An amount is a string in major units, such as "100.00".')
  .transform(withTwoDecimals);

/** A window, in milliseconds since the order was scripted (without an end: for ever), in which answers go wrong. */
const faultSchema = z.strictObject({
  fromMs: milliseconds.default(0),
  untilMs: milliseconds.optional(),
  kind: z.enum(faultKinds),
  /** Printed as `Retry-After` by the kinds that answer with a status of 400 or more. */
  retryAfterSeconds: z.number().int().min(0).optional(),
  /** Only each nth request about the order meets the fault; without it every one does. */
  every: z.number().int().min(1).optional(),
});

/** How the Transaction Status API treats the queries about one order (providers.md, 2.2). */
const darajaSchema = z.strictObject({
  /** Milliseconds from the acknowledgement to the result; default 50. */
  resultDelayMs: milliseconds.default(50),
  /** The result stays away: for every query, or for the first one only. */
  lose: z.union([z.boolean(), z.literal('first')], { error: 'Write true, false or "first".' }).default(false),
  /** How many further copies of each result are posted; default 0. */
  duplicate: z.number().int().min(0).max(20).default(0),
  /** The result is delivered before the acknowledgement is sent. */
  early: z.boolean().default(false),
  /** The queue time-out body is posted in place of the result: for every query, or for the first one only. */
  queueTimeout: z.enum(['first', 'always']).optional(),
  /** How the result is spelt; every value but "list" is a parsing hazard that was seen; default "list". */
  shape: z
    .enum([
      'list',
      'single',
      'numbers',
      'strings',
      'spaced-keys',
      'missing-values',
      'repeated-keys',
      'no-credit-party',
    ])
    .default('list'),
  /** The query fails with this code and no parameters, e.g. 2032 or "SFC_IC0003". */
  resultCode: z
    .union([z.number().int(), z.string().min(1).max(40)], {
      error: 'A result code is a whole number or a text.',
    })
    .optional(),
});

/** A push to the merchant, of the form that the provider documents. */
const callbackSchema = z.strictObject({
  /** Milliseconds after the order was scripted, by the real clock. */
  afterMs: milliseconds,
  /** Where to post; only addresses of this machine are accepted. */
  url: loopbackUrl,
  /** "genuine" tells the last state of the timeline; "forged" claims full payment, with a made-up receipt. */
  form: z.enum(['genuine', 'forged']),
  /** How often the same body is posted; default 1. */
  copies: z.number().int().min(1).max(50).default(1),
  /** A variant of the body: "flat" (Lipia), "signed" (Vexora), "masked-phone" (STK), "old-gateway" (Jenga). */
  shape: z.enum(['nested', 'flat', 'signed', 'unsigned', 'masked-phone', 'old-gateway']).optional(),
  /** HTTP Basic credentials to send along, as Jenga does with the pair that the merchant registered. */
  basic: z.strictObject({ username: z.string(), password: z.string() }).optional(),
});

/** One order as a provider is to report it. Throughout, times are milliseconds since the order was scripted. */
export const orderScriptSchema = z
  .strictObject({
    provider: z.string(),
    /** What the provider is asked by. Scripting the same reference again starts it afresh. */
    reference: z.string().min(1).max(200),
    /** Requested amount in major units, "100.00". */
    amount: amountSchema,
    /** The last entry reached is the present state; before the first one the order is pending. */
    timeline: z.array(z.strictObject({ afterMs: milliseconds, state: stateSchema })).min(1),
    /** M-Pesa receipt; default: the reference where that is a receipt, else a made-up one. */
    receipt: z.string().min(1).max(40).optional(),
    /** What arrived; default: the amount, or half of it when the timeline holds "partly-paid". */
    amountPaid: amountSchema.optional(),
    /** Default 254712345678. */
    phone: z
      .string()
      .regex(/^\d{9,15}$/)
      .default('254712345678'),
    /** "out" makes it a payout; default "in". */
    direction: z.enum(['in', 'out']).default('in'),
    /** The answer speaks of this reference in place of the one asked for. */
    answeredReference: z.string().min(1).max(200).optional(),
    /** The merchant's own key where the provider prints one besides its own (Lipia, Tanda); default: the reference. */
    externalReference: z.string().min(1).max(200).optional(),
    /** Lipia's `Metadata`. */
    metadata: z.record(z.string(), z.string()).optional(),
    /** HTTP status of a "not found" body where no document states it (Jenga, Lipia); default 404. */
    notFoundHttpStatus: z.number().int().min(200).max(599).default(404),
    faults: z.array(faultSchema).default([]),
    daraja: darajaSchema.prefault({}),
    /** Which of the three ways of saying "pending" the STK query uses (providers.md, 2.3); "mixed" takes turns. */
    stk: z
      .strictObject({
        pending: z.enum(['processing', '4999', 'empty-message', 'mixed']).default('processing'),
      })
      .prefault({}),
    /** Variants of Vexora's answers that were seen (providers.md, 3). */
    vexora: z
      .strictObject({
        /** `amount: 3.0000`, `"100.00"`, `"100"`, orderAmount/payAmount, or amount/receivedAmount. */
        amount: z.enum(['number', 'text', 'whole-text', 'split', 'received']).default('number'),
        success: z.enum(['boolean', 'string']).default('boolean'),
        /** Where the secret goes in the signed string; default: the simulator's own setting. */
        secretPosition: z.enum(['append', 'prepend']).optional(),
      })
      .prefault({}),
    callbacks: z.array(callbackSchema).default([]),
  })
  .superRefine((order, context) => {
    const { timeline, callbacks } = order;
    const last = timeline.at(-1)?.state;
    if (timeline.some((entry, index) => entry.afterMs < (timeline[index - 1]?.afterMs ?? 0))) {
      context.addIssue({
        code: 'custom',
        path: ['timeline'],
        message: 'A timeline runs forward: afterMs never falls.',
      });
    }
    if ((last === 'pending' || last === 'not-found') && callbacks.some(({ form }) => form === 'genuine')) {
      const message = 'A genuine callback needs a timeline that ends in an outcome.';
      context.addIssue({ code: 'custom', path: ['callbacks'], message });
    }
  });

/** Trouble with everything at one provider, in milliseconds from now (without an end: until the simulator closes). */
export const outageScriptSchema = z
  .strictObject({
    provider: z.string(),
    fromMs: milliseconds.default(0),
    untilMs: milliseconds.optional(),
    kind: z.enum([...faultKinds, ...resultTroubles]),
    retryAfterSeconds: z.number().int().min(0).optional(),
    /** Only each nth request meets the fault; without it every one does. */
    every: z.number().int().min(1).optional(),
    /** Logins fail too; default false. */
    logins: z.boolean().default(false),
  })
  .refine(({ provider, kind }) => provider === 'daraja' || !isResultTrouble(kind), {
    path: ['kind'],
    message: 'This kind shows only in the results of provider "daraja".',
  });

/** An order script with its defaults filled in. */
export type OrderScript = z.output<typeof orderScriptSchema>;
/** A window of wrong answers within an order script. */
export type Fault = z.input<typeof faultSchema>;
/** An outage with its defaults filled in. */
export type OutageScript = z.output<typeof outageScriptSchema>;
/** A variant of a callback's body. */
export type CallbackShape = NonNullable<z.output<typeof callbackSchema>['shape']>;

function withTwoDecimals(amount: string): string {
  const [whole = '0', decimals = ''] = amount.split('.');
  return `${Number(whole)}.${decimals.padEnd(2, '0')}`;
}
