import { z } from 'zod';
import type { Doubt } from '../domain/order.ts';
import { defineCallback } from './callback-rules.ts';
import { currenciesOf, currencyFields } from './currency.ts';
import {
  anything,
  baseUrl,
  credential,
  denial,
  id,
  idNote,
  isGiven,
  note,
  referenceText,
  secret,
  section,
  text,
} from './fields.ts';
import { basic, oauthGrant } from './oauth.ts';
import { defineProvider, type Finding } from './provider.ts';
import { mpesaReceipt } from './receipts.ts';
import { type Meaning, statuses } from './status-table.ts';
import { promptOfFiveMinutes } from './usual-times.ts';

/**
 * MTN MoMo Collections, request to pay. `status` decides; a `financialTransactionId` stands beside PENDING too and proves
 * nothing by itself.
 *
 * A wrong configuration is answered with HTTP 500 and a code, so the code is read first. Before 2024 failed payments came as
 * HTTP 500 as well, with the reason as the code: they are no verdict now.
 */
const section9 = 'docs/providers.md section 9';

const answer = z.object({
  ...currencyFields,
  status: text,
  amount: anything,
  externalId: id,
  financialTransactionId: idNote,
  // A text since January 2024, an object before.
  reason: z.union([z.string(), z.looseObject({ code: text, message: denial })]).nullish(),
  payer: section({ partyId: idNote }),
  payee: anything,
  code: text,
  message: note,
});
type Body = z.infer<typeof answer>;

const markets = [
  ...[
    'sandbox',
    'mtnuganda',
    'mtnrwanda',
    'mtnzambia',
    'mtnghana',
    'mtncameroon',
    'mtnivorycoast',
    'mtnbenin',
  ],
  ...[
    'mtncongo',
    'mtnswaziland',
    'mtnguineaconakry',
    'mtnsouthafrica',
    'mtnliberia',
    'mtnsouthsudan',
    'mtnnigeria',
  ],
] as const;

const failed = (
  certainty: 'firm' | 'soft',
  reason: Extract<Meaning, { certainty: 'firm' | 'soft' }>['reason'],
) => ({ reading: 'failed', certainty, reason, from: section9 }) as const;
const notApproved: Meaning = { reading: 'expired', certainty: 'soft', reason: 'timed-out', from: section9 };
/** Words for "still running" that were met as reasons of a failure. */
const stillRunning = ['ONGOING', 'PENDING', 'DELAYED', 'PAYER_DELAYED', 'PAYEE_DELAYED'] as const;
const notFailedYet: Meaning = { reading: 'unrecognised', from: section9 };
const rejected = failed('firm', 'rejected');
const cancelled = failed('soft', 'cancelled');
const refused: Meaning = { reading: 'refused', from: `${section9}: configuration, whatever the HTTP status` };
const badLogin: Meaning = { reading: 'refused', credentials: true, from: `${section9}: errors` };

const referenceId = z
  .uuid('must be the UUID that was sent as X-Reference-Id')
  .overwrite((id) => id.toLowerCase());
const byBoth = z.strictObject({
  referenceId: referenceId.describe('The UUID that was sent as X-Reference-Id'),
  externalId: referenceText.describe('Your own externalId; the answer must repeat it'),
});

export const mtnMomo = defineProvider({
  id: 'mtn-momo',
  title: 'MTN MoMo, Collections (request to pay)',
  page: section9,
  currencies: ['UGX', 'RWF', 'ZMW', 'GHS', 'XAF', 'XOF', 'SZL', 'GNF', 'ZAR', 'LRD', 'SSP', 'NGN', 'EUR'],
  settings: z.object({
    baseUrl: baseUrl()
      .default('https://proxy.momoapi.mtn.com')
      .describe('API base; the sandbox is https://sandbox.momodeveloper.mtn.com'),
    apiUser: credential().describe('API user of the Collections product'),
    apiKey: secret().describe('API key of that user'),
    subscriptionKey: secret().describe('Ocp-Apim-Subscription-Key of the Collections product'),
    targetEnvironment: z
      .enum(markets)
      .describe('X-Target-Environment: the market, such as mtnuganda; never "production"'),
  }),
  usualTimes: promptOfFiveMinutes,
  sandbox: {
    addresses: { baseUrl: 'https://sandbox.momodeveloper.mtn.com' },
    settings: { targetEnvironment: 'sandbox' },
    reference: (hex) => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
  },
  reference: z
    .union([referenceId, byBoth])
    .describe('the UUID sent as X-Reference-Id, or {"referenceId": "…", "externalId": "…"}'),
  receipt: { isReceipt: mpesaReceipt.isReceipt, systemOf: () => null },
  aliases: (reference) =>
    typeof reference === 'string' ? [reference] : [reference.referenceId, reference.externalId],
  merchant: [],
  // The answer repeats only the externalId, which we may not know.
  guarantees: { amount: true, receipt: true, reference: false, currency: true },
  // The amount was asked for, and an id stands beside PENDING too.
  failuresCarry: ['amount', 'receipt'],
  defaults: { ratePerSecond: 5 },

  auth: {
    request: ({ baseUrl, apiUser, apiKey, subscriptionKey }) => ({
      method: 'POST',
      url: `${baseUrl}/collection/token/`,
      headers: { authorization: basic(apiUser, apiKey), 'ocp-apim-subscription-key': subscriptionKey },
    }),
    grant: oauthGrant,
    isRefusal: (body, httpStatus) =>
      loginError.safeParse(body).success || [400, 401, 403].includes(httpStatus),
    defaultLifetimeMs: 3_600_000,
    maxLifetimeMs: 3_600_000,
  },

  headers: ({ subscriptionKey, targetEnvironment }) => ({
    'ocp-apim-subscription-key': subscriptionKey,
    'x-target-environment': targetEnvironment,
  }),
  request: ({ reference, token }, { baseUrl }) => ({
    method: 'GET',
    url: `${baseUrl}/collection/v1_0/requesttopay/${encodeURIComponent(
      typeof reference === 'string' ? reference : reference.referenceId,
    )}`,
    headers: { authorization: `Bearer ${token}` },
  }),

  // Sent once and never again; the reference id is not always in it.
  callback: defineCallback({
    methods: ['PUT', 'POST'],
    body: z.object({ externalId: idNote, referenceId: idNote }),
    aliases: ({ externalId, referenceId }) => [referenceId?.toLowerCase(), externalId],
    reply: { contentType: 'application/json', body: '{}' },
  }),

  answer,
  read(body, { reference }): Finding | null {
    if (body.code != null) return { about: 'call', code: body.code, message: body.message };
    if (body.status == null) return null;
    const { code, message } = reasonOf(body);
    const knowsExternal = reference !== null && typeof reference !== 'string';
    return {
      about: 'payment',
      word: body.status,
      reason: code,
      message,
      amountReceived: body.amount,
      currencies: currenciesOf(body),
      receipt: body.financialTransactionId,
      references: [knowsExternal ? body.externalId : null],
      doubt: doubtOf(body),
    };
  },
  payment: statuses({
    SUCCESSFUL: { reading: 'paid', from: section9 },
    PENDING: { reading: 'pending', from: section9 },
    CREATED: { reading: 'pending', from: section9 },
    FAILED: {
      reasons: {
        NOT_ENOUGH_FUNDS: failed('firm', 'insufficient-funds'),
        LOW_BALANCE_OR_PAYEE_LIMIT_REACHED_OR_NOT_ALLOWED: rejected,
        PAYER_LIMIT_REACHED: failed('firm', 'limit-exceeded'),
        PAYER_NOT_FOUND: failed('firm', 'not-reached'),
        SENDER_ACCOUNT_NOT_ACTIVE: failed('firm', 'not-reached'),
        APPROVAL_REJECTED: cancelled,
        REJECTED: cancelled,
        TRANSACTION_CANCELED: cancelled,
        TRANSACTION_CANCELLED: cancelled,
        CANCELLED: cancelled,
        EXPIRED: notApproved,
        COULD_NOT_PERFORM_TRANSACTION: notApproved,
        PAYMENT_NOT_APPROVED: notApproved,
        PAYEE_NOT_FOUND: rejected,
        PAYEE_NOT_ALLOWED_TO_RECEIVE: rejected,
        PAYEE_LIMIT_REACHED: rejected,
        NOT_ALLOWED: rejected,
        NOT_ALLOWED_TARGET_ENVIRONMENT: rejected,
        INVALID_CURRENCY: rejected,
        INVALID_CALLBACK_URL_HOST: rejected,
        VALIDATION_ERROR: rejected,
        INTERNAL_PROCESSING_ERROR: failed('soft', 'rejected'),
        SERVICE_UNAVAILABLE: failed('soft', 'rejected'),
        ...Object.fromEntries(stillRunning.map((word) => [word, notFailedYet])),
      },
      otherwise: failed('soft', 'rejected'),
    },
  }),
  call: statuses({
    RESOURCE_NOT_FOUND: { reading: 'not-found', from: `${section9}: errors` },
    NOT_ALLOWED: refused,
    NOT_ALLOWED_TARGET_ENVIRONMENT: refused,
    INVALID_CURRENCY: refused,
    INVALID_CALLBACK_URL_HOST: refused,
    FORBIDDEN_IP: badLogin,
    SERVICE_UNAVAILABLE: { reading: 'unavailable', from: `${section9}: errors` },
  }),
});

const loginError = z.object({ error: z.literal('login_failed') });

function reasonOf({ reason }: Body): { code: string | null; message: string | null } {
  if (reason == null || typeof reason === 'string') return { code: known(reason), message: null };
  return { code: known(reason.code), message: note.parse(reason.message) ?? null };
}

/** A reason under the name of its row. What leaves an order open does so however it is spelt; a failure has one spelling. */
function known(reason: string | null | undefined): string | null {
  const plain = reason?.trim().toUpperCase();
  return stillRunning.find((word) => word === plain) ?? reason ?? null;
}

/** A disbursement looks the same, with a payee in place of the payer; and what succeeded has no reason for its failure. */
function doubtOf({ status, payer, payee, reason }: Body): Doubt | null {
  if (payer == null || payee != null) return 'wrong-direction';
  return status === 'SUCCESSFUL' && isGiven(reason) ? 'contradiction' : null;
}
