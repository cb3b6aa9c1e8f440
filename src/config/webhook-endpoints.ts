import { z } from 'zod';
import { accountIdPattern, verdictStatuses } from '../domain/order.ts';
import { jsonListSchema } from './json-list.ts';
import { keyNameSchema } from './named-keys.ts';

/** The results that an endpoint receives. */
export interface WebhookFilter {
  /** The accounts whose results it receives; `null`: all. */
  readonly accounts: readonly string[] | null;
  /** The event types that it receives, e.g. `payment.paid`; `null`: all. */
  readonly types: readonly string[] | null;
}

/** A configured receiver of webhooks. */
export interface WebhookEndpoint extends WebhookFilter {
  readonly name: string;
  readonly url: string;
  /** `whsec_` secrets. During a rotation there are two, and every message carries a signature of each. */
  readonly secrets: readonly string[];
}

/** Prefix of every secret, as the Standard Webhooks specification defines it. */
export const secretPrefix = 'whsec_';
/** Bytes of a secret: the limits of the specification. */
const leastBytes = 24;
const mostBytes = 64;

const eventTypes = verdictStatuses.map((status) => `payment.${status}`);

/** The URL of a receiver: of webhooks, or of alerts. */
export const webhookUrlSchema = z
  .string()
  .max(2_048, 'must be at most 2048 characters long')
  .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), 'must be an https URL')
  .refine(
    (text) => !URL.canParse(text) || new URL(text).username + new URL(text).password === '',
    'must not contain a user or password: receivers verify the signature instead',
  );

const secretSchema = z
  .string()
  .refine(
    isSecret,
    `must contain secrets of the form ${secretPrefix}<base64 of ${leastBytes} to ${mostBytes} bytes>; payment-poller webhooks new makes one`,
  );

const entrySchema = z.strictObject({
  name: keyNameSchema,
  url: webhookUrlSchema,
  secrets: z
    .array(secretSchema)
    .min(1, 'must contain a secret')
    .max(2, 'may contain two secrets at most: the new one and the old one'),
  accounts: z
    .array(z.string().regex(accountIdPattern, 'must be an account id'))
    .min(1, 'must name at least one account; omit it for all')
    .optional(),
  types: z
    .array(z.enum(eventTypes, `must be one of ${eventTypes.join(', ')}`))
    .min(1, 'must name at least one type; omit it for all')
    .optional(),
});

/** The setting WEBHOOKS. */
export const webhookEndpointsSchema = jsonListSchema({
  noun: 'endpoint',
  schema: entrySchema,
  fields: 'name, url, secrets, accounts and types',
  nameSchema: keyNameSchema,
  toEntry: ({ accounts = null, types = null, ...endpoint }): WebhookEndpoint => ({
    ...endpoint,
    accounts,
    types,
  }),
  conflicts: ({ name }, before) =>
    before.some((other) => other.name === name) ? ['this name is used twice'] : [],
});

function isSecret(text: string): boolean {
  if (!text.startsWith(secretPrefix)) return false;
  const base64 = text.slice(secretPrefix.length);
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || base64.length % 4 !== 0) return false;
  const { length } = Buffer.from(base64, 'base64');
  return length >= leastBytes && length <= mostBytes;
}
