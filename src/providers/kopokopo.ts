import { z } from 'zod';
import type { Doubt } from '../domain/order.ts';
import { defineCallback } from './callback-rules.ts';
import { hmacSignature } from './callback-signature.ts';
import { currenciesOf, currencyFields } from './currency.ts';
import {
  anything,
  baseUrl,
  code,
  credential,
  denial,
  denyingSection,
  id,
  idNote,
  isGiven,
  note,
  secret,
  section,
  text,
} from './fields.ts';
import { oauthGrant } from './oauth.ts';
import { defineProvider, type Finding } from './provider.ts';
import { mpesaReceipt } from './receipts.ts';
import { statuses } from './status-table.ts';
import { isoTime } from './time.ts';
import { promptOfAMinute } from './usual-times.ts';

/**
 * Kopo Kopo, incoming payments (M-Pesa to a till). The status of the request decides. `Received` means two things: as the
 * status of the request, that it is waiting; as the status of the payment inside, what it always is.
 *
 * Errors are free text, so that no failure says why, and none is firm.
 */
const page = 'Kopo Kopo API v2, Incoming payments';
const plugin = 'kopokopo/k2-connect-woocommerce: statuses';

const answer = z.object({
  error: denial,
  error_description: note,
  error_code: denial,
  error_message: note,
  data: section({
    id,
    type: text,
    attributes: z
      .object({
        status: text,
        event: denyingSection({
          resource: denyingSection({
            ...currencyFields,
            reference: denial,
            amount: anything,
            status: anything,
            origination_time: note,
          }),
          errors: anything,
        }),
      })
      .nullish(),
  }),
});
type Attributes = NonNullable<NonNullable<z.infer<typeof answer>['data']>['attributes']>;

/** What the `Location` header holds: only the id in it is kept, for no token is sent to an address of an order. */
const location = /^https?:\/\/\S+\/incoming_payments\/([^/?#\s]+)\/?$/;

export const kopokopo = defineProvider({
  id: 'kopokopo',
  title: 'Kopo Kopo, incoming payments to an M-Pesa till',
  page,
  currencies: ['KES'],
  settings: z.object({
    baseUrl: baseUrl()
      .default('https://api.kopokopo.com')
      .describe('API base; the sandbox is https://sandbox.kopokopo.com'),
    clientId: credential().describe('Client id of the application'),
    clientSecret: secret().describe('Client secret of the application'),
    apiKey: secret().optional().describe('API key of the application: callbacks must then be signed with it'),
    apiVersion: z.enum(['v2', 'v1']).default('v2').describe('Version of the API in its paths'),
  }),
  usualTimes: promptOfAMinute,
  sandbox: {
    addresses: { baseUrl: 'https://sandbox.kopokopo.com' },
    reference: (hex) => `00000000-0000-4000-8000-${hex(12)}`,
  },
  reference: z
    .string()
    .max(512)
    .overwrite((given) => location.exec(given)?.[1] ?? given)
    .regex(
      /^(?!\.{1,2}$)[^\p{C}/]{1,128}$/u,
      'must be the id at the end of the Location header, or that header',
    )
    .describe('id of the incoming payment, or the Location header that ends in it'),
  receipt: mpesaReceipt,
  merchant: [],
  aliases: (reference) => [reference],
  guarantees: { amount: true, receipt: true, reference: true, currency: true },
  // Its own plugin asks every three seconds, ten times.
  defaults: { firstPollAfterMs: 6_000, initialIntervalMs: 4_000, ratePerSecond: 3 },

  auth: {
    request: ({ baseUrl, clientId, clientSecret }) => ({
      method: 'POST',
      url: `${baseUrl}/oauth/token`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        ...{ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret },
      }).toString(),
    }),
    grant: oauthGrant,
    defaultLifetimeMs: 3_600_000,
    maxLifetimeMs: 3_600_000,
  },

  request: ({ reference, token }, { baseUrl, apiVersion }) => ({
    method: 'GET',
    url: `${baseUrl}/api/${apiVersion}/incoming_payments/${encodeURIComponent(reference)}`,
    headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
  }),

  callback: defineCallback({
    body: z.object({ data: section({ id: idNote }) }),
    aliases: ({ data }) => [data?.id],
    signature: hmacSignature({
      hash: 'sha256',
      encoding: 'hex',
      given: 'x-kopokopo-signature',
      key: ({ apiKey }: { apiKey?: string | undefined }) => apiKey,
      isRequired: ({ apiKey }) => apiKey !== undefined,
    }),
    reply: { contentType: 'text/plain', body: '' },
  }),

  answer,
  read(body): Finding | null {
    const error = [body.error, body.error_code].find(isGiven);
    if (error !== undefined) {
      const shown = code.safeParse(error).data;
      const message = body.error_description ?? body.error_message;
      return shown == null ? null : { about: 'call', code: String(shown), message };
    }
    const { id, type, attributes } = body.data ?? {};
    // Queries for lists and payouts are answered with the same words.
    if (type !== 'incoming_payment' || attributes?.status == null) return null;
    const { status, event } = attributes;
    if (status === 'Success' && event?.resource == null) return null;
    return {
      about: 'payment',
      word: status,
      message: textOf(event?.errors),
      amountReceived: event?.resource?.amount,
      currencies: currenciesOf(event?.resource),
      receipt: idNote.parse(event?.resource?.reference),
      references: [id],
      doubt: doubtOf(attributes),
      paidAt: isoTime(event?.resource?.origination_time),
    };
  },
  payment: statuses({
    Success: { reading: 'paid', from: page },
    Pending: { reading: 'pending', from: page },
    Received: { reading: 'pending', from: plugin },
    Failed: { reading: 'failed', certainty: 'soft', reason: 'rejected', from: page },
  }),
  call: statuses({
    invalid_token: { reading: 'refused', credentials: true, token: true, from: `${page}: errors` },
  }),
});

/** The parts of an answer agree: no errors on success, and a payment, always `Received`, on nothing else. */
function doubtOf({ status, event }: Attributes): Doubt | null {
  if (status !== 'Success') return isGiven(event?.resource?.reference) ? 'contradiction' : null;
  const inner = event?.resource?.status;
  const isReceived = inner == null || (typeof inner === 'string' && inner.toLowerCase() === 'received');
  return textOf(event?.errors) === null && isReceived ? null : 'contradiction';
}

/** Errors are text, `null` or a list; `null` when there are none. An object has its text in its values. */
function textOf(errors: unknown): string | null {
  const all = listOf(errors);
  return all.length === 0
    ? null
    : all
        .flatMap((each) => (typeof each === 'object' ? Object.values(each ?? {}) : [each]))
        .filter((each) => typeof each !== 'object')
        .join('; ');
}

function listOf(errors: unknown): unknown[] {
  return (Array.isArray(errors) ? errors : [errors]).filter((each) => each != null && each !== '');
}
