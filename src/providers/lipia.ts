import { z } from 'zod';
import { defineCallback } from './callback-rules.ts';
import { currenciesOf, currencyFields } from './currency.ts';
import {
  anything,
  baseUrl,
  code,
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
import { lacksYes, saysYes } from './flags.ts';
import { defineProvider, type Finding } from './provider.ts';
import { mpesaReceipt } from './receipts.ts';
import { type Meaning, statuses } from './status-table.ts';
import { isoTime } from './time.ts';
import { promptOfAMinute } from './usual-times.ts';

/**
 * Lipia (kreativelabske), Transaction Status. Only `data.response.Status` separates paid from pending: `ResultCode` is 0
 * for both, and `data.status` is false for pending and failed alike.
 *
 * FAILED lumps cancel, time-out and lack of funds together; the M-Pesa `ResultCode` inside refines it. Code and text do
 * not always agree in its documentation, so every failure is soft.
 */
const page = 'Lipia, Transaction Status';
const section4 = 'docs/providers.md section 4';

const answer = z.object({
  success: anything,
  status: anything,
  message: note,
  error: anything,
  data: section({
    ...currencyFields,
    status: anything,
    response: z
      .object({
        ...currencyFields,
        Status: text,
        ResultCode: code,
        ResultDesc: note,
        Amount: anything,
        MpesaReceiptNumber: denial,
        TransactionReference: id,
        ExternalReference: id,
        TransactionDate: note,
      })
      .nullish(),
  }),
});
type Body = z.infer<typeof answer>;
type Response = NonNullable<NonNullable<Body['data']>['response']>;

const callbackReferences = { TransactionReference: idNote, ExternalReference: idNote };

const errorFields = z.object({ code: note, mpesaError: anything });

const limit: Meaning = { reading: 'failed', certainty: 'soft', reason: 'limit-exceeded', from: section4 };

const payment = statuses({
  SUCCESS: { reading: 'paid', from: page },
  PENDING: { reading: 'pending', from: page },
  FAILED: {
    reasons: {
      '1': { reading: 'failed', certainty: 'soft', reason: 'insufficient-funds', from: section4 },
      '2': limit,
      '3': limit,
      '4': limit,
      '8': limit,
      '1019': { reading: 'expired', certainty: 'soft', reason: 'timed-out', from: section4 },
      '1032': { reading: 'failed', certainty: 'soft', reason: 'cancelled', from: section4 },
      '1037': { reading: 'expired', certainty: 'soft', reason: 'not-reached', from: section4 },
      '2001': { reading: 'failed', certainty: 'soft', reason: 'wrong-pin', from: section4 },
    },
    otherwise: { reading: 'failed', certainty: 'soft', reason: 'rejected', from: page },
  },
});

const call = statuses({
  NOT_FOUND: { reading: 'not-found', from: `${page}: Transaction Not Found` },
  VALIDATION_ERROR: { reading: 'refused', from: `${page}: Invalid Reference Format` },
  mpesaError: { reading: 'unavailable', from: `${section4}: upstream error` },
});

const byBoth = z.strictObject({
  transactionReference: referenceText.describe('TransactionReference that the push was answered with'),
  externalReference: referenceText.describe('Your own reference; the answer must repeat it'),
});

export const lipia = defineProvider({
  id: 'lipia',
  title: 'Lipia (kreativelabske), M-Pesa STK push',
  page,
  currencies: ['KES'],
  settings: z.object({
    baseUrl: baseUrl().default('https://lipia-api.kreativelabske.com/api/v2').describe('API base'),
    apiKey: secret().describe('API key of the Lipia dashboard'),
  }),
  // It has no sandbox host, only test keys: use one of those. The question reads, and changes nothing.
  usualTimes: promptOfAMinute,
  sandbox: {
    addresses: { baseUrl: 'https://lipia-api.kreativelabske.com/api/v2' },
    reference: (hex) => hex(24),
  },
  reference: z
    .union([referenceText.describe('TransactionReference'), byBoth])
    .describe('the TransactionReference, or {"transactionReference": "…", "externalReference": "…"}'),
  receipt: mpesaReceipt,
  merchant: [],
  aliases: (reference) =>
    typeof reference === 'string'
      ? [reference]
      : [reference.transactionReference, reference.externalReference],
  // A documented answer repeats only the ExternalReference, which we may not know.
  guarantees: { amount: true, receipt: true, reference: false, currency: false },
  failuresCarry: ['amount'],

  request: ({ reference }, { baseUrl, apiKey }) => ({
    method: 'GET',
    url: `${baseUrl}/payments/status?reference=${encodeURIComponent(
      typeof reference === 'string' ? reference : reference.transactionReference,
    )}`,
    headers: { authorization: `Bearer ${apiKey}` },
  }),

  // Two shapes in the wild; the nested one may lack the Lipia reference.
  callback: defineCallback({
    body: z.object({ ...callbackReferences, response: section(callbackReferences) }),
    aliases: ({ TransactionReference, ExternalReference, response }) => [
      TransactionReference,
      ExternalReference,
      response?.TransactionReference,
      response?.ExternalReference,
    ],
    reply: { contentType: 'text/plain', body: '' },
  }),

  answer,
  read(body, { reference }): Finding | null {
    if (body.error != null && body.error !== '') return readError(body);
    const response = body.data?.response;
    if (response?.Status == null) return null;
    const knowsExternal = reference !== null && typeof reference !== 'string';
    return {
      about: 'payment',
      word: response.Status,
      reason: response.ResultCode,
      message: response.ResultDesc ?? body.message,
      amountReceived: response.Amount,
      currencies: currenciesOf(body.data, response),
      receipt: idNote.parse(response.MpesaReceiptNumber),
      references: [response.TransactionReference, knowsExternal ? response.ExternalReference : null],
      doubt: isAtOdds(body, response) ? 'contradiction' : null,
      paidAt: isoTime(response.TransactionDate),
    };
  },
  payment,
  call,
});

/** An error body never speaks of the payment, whatever stands beside it. */
function readError(body: Body): Finding | null {
  const error = errorFields.safeParse(body.error).data;
  if (error?.code != null && call.has(error.code)) {
    return { about: 'call', code: error.code, message: body.message };
  }
  if (error?.mpesaError != null) return { about: 'call', code: 'mpesaError', message: body.message };
  return error?.code == null ? null : { about: 'call', code: error.code, message: body.message };
}

/** The layers of a documented answer agree: a receipt and a true `data.status` come with SUCCESS only. */
function isAtOdds(body: Body, { Status, ResultCode, MpesaReceiptNumber }: Response): boolean {
  if (lacksYes(body.success) || lacksYes(body.status)) return true;
  const said = body.data?.status;
  if (Status === 'SUCCESS') return lacksYes(said) || (ResultCode != null && String(ResultCode) !== '0');
  return Status === 'FAILED' && (saysYes(said) || isGiven(MpesaReceiptNumber));
}
