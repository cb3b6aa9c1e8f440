import { z } from 'zod';
import { defineCallback } from './callback-rules.ts';
import { currenciesOf, currencyFields } from './currency.ts';
import {
  acceptedReply,
  darajaAuth,
  darajaErrorFields,
  darajaErrors,
  darajaSandbox,
  darajaSettings,
  readDarajaError,
} from './daraja-gateway.ts';
import { code, id, idNote, note, path, referenceText, secret, section } from './fields.ts';
import { defineProvider, type Finding } from './provider.ts';
import { type Meaning, statuses } from './status-table.ts';
import { nairobiStamp } from './time.ts';
import { promptOfAMinute } from './usual-times.ts';

/**
 * Safaricom Daraja, STK push query: the fate of a prompt, at once. It reports neither the amount nor the receipt.
 *
 * `ResponseCode` says only that the query was accepted. `ResultCode` decides; it is absent while nothing is known, and a
 * missing one is not zero.
 */
const section23 = 'docs/providers.md section 2.3';

const answer = z.object({
  ...darajaErrorFields,
  ...currencyFields,
  ResponseCode: code,
  CheckoutRequestID: id,
  ResultCode: code,
  ResultDesc: note,
});

const limit: Meaning = { reading: 'failed', certainty: 'firm', reason: 'limit-exceeded', from: section23 };
const notSent: Meaning = { reading: 'failed', certainty: 'soft', reason: 'not-reached', from: section23 };
/** The wrong kind of short code for the product, or a party that M-Pesa does not know. */
const notAllowed: Meaning = { reading: 'failed', certainty: 'soft', reason: 'rejected', from: section23 };

export const darajaStk = defineProvider({
  id: 'daraja-stk',
  title: 'Safaricom Daraja, STK push query',
  page: section23,
  currencies: ['KES'],
  settings: z.object({
    ...darajaSettings,
    passkey: secret().describe('Passkey of the short code for STK push'),
    queryPath: path()
      .default('/mpesa/stkpushquery/v1/query')
      .describe('Path of the query; v2 has been seen in use'),
  }),
  reference: referenceText.describe('CheckoutRequestID that the STK push was answered with'),
  merchant: [],
  aliases: (reference) => [reference],
  // Suggested in providers.md section 2.4; Safaricom publishes no limits.
  defaults: { ratePerSecond: 2 },
  usualTimes: promptOfAMinute,
  sandbox: { addresses: darajaSandbox, reference: (hex) => `ws_CO_${Date.now()}${hex(8)}` },
  guarantees: { amount: false, receipt: false, reference: true, currency: false },
  auth: darajaAuth,

  request({ reference, token, now }, { baseUrl, queryPath, shortCode, passkey }) {
    const timestamp = nairobiStamp(now);
    return {
      method: 'POST',
      url: `${baseUrl}${queryPath}`,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        BusinessShortCode: shortCode,
        Password: Buffer.from(shortCode + passkey + timestamp, 'utf8').toString('base64'),
        Timestamp: timestamp,
        CheckoutRequestID: reference,
      }),
    };
  },

  callback: defineCallback({
    body: z.object({ Body: section({ stkCallback: section({ CheckoutRequestID: idNote }) }) }),
    aliases: ({ Body }) => [Body?.stkCallback?.CheckoutRequestID],
    reply: acceptedReply,
  }),

  answer,
  read(body): Finding | null {
    const error = readDarajaError(body);
    if (error !== null) return { ...error, code: withMessage(error.code, error.message) };
    if (body.ResultCode == null || body.ResultCode === '') return null;
    return {
      about: 'payment',
      word: String(body.ResultCode),
      message: body.ResultDesc,
      currencies: currenciesOf(body),
      references: [body.CheckoutRequestID],
      // The query was refused, and yet it is answered.
      doubt: body.ResponseCode != null && String(body.ResponseCode) !== '0' ? 'contradiction' : null,
    };
  },
  // Left out on purpose, so that they stay unrecognised and the order open: 1036 (the PIN may have been entered), 11 and
  // 26 (26 also means "system busy"), 2006 and 2029 (state of an account or product), E3008 (meaning not published).
  payment: statuses({
    '0': { reading: 'paid', from: section23 },
    '4999': { reading: 'pending', from: section23 },
    '1': { reading: 'failed', certainty: 'firm', reason: 'insufficient-funds', from: section23 },
    '2': limit,
    '3': limit,
    '4': limit,
    '8': limit,
    '1032': { reading: 'failed', certainty: 'soft', reason: 'cancelled', from: section23 },
    '1037': { reading: 'expired', certainty: 'soft', reason: 'not-reached', from: section23 },
    '1019': { reading: 'expired', certainty: 'soft', reason: 'timed-out', from: section23 },
    '2001': { reading: 'failed', certainty: 'soft', reason: 'wrong-pin', from: section23 },
    // The same amount was asked of the same number within two minutes: the earlier prompt may yet be paid.
    '17': { reading: 'failed', certainty: 'soft', reason: 'limit-exceeded', from: section23 },
    '2028': notAllowed,
    SFC_IC0003: notAllowed,
    // The customer's PIN is locked. In a Transaction Status result the same code speaks of our initiator.
    '8006': { reading: 'failed', certainty: 'soft', reason: 'wrong-pin', from: section23 },
    '1001': notSent,
    '1025': notSent,
    '9999': notSent,
  }),
  call: new Map([
    ...darajaErrors,
    ...statuses({
      '500.001.1001': { reading: 'unrecognised', from: `${section23}: the code alone decides nothing` },
      '500.001.1001 being processed': { reading: 'pending', from: section23 },
      '500.001.1001 does not exist': { reading: 'not-found', from: section23 },
      '500.001.1001 wrong credentials': { reading: 'refused', credentials: true, from: section23 },
    }),
  ]),
});

/** The one place where text decides, for 500.001.1001 says everything from "in progress" to "wrong credentials". */
function withMessage(code: string, message: string | null | undefined): string {
  if (code !== '500.001.1001') return code;
  const said = (message ?? '').toLowerCase();
  if (said.includes('being processed')) return `${code} being processed`;
  if (said.includes('wrong credentials')) return `${code} wrong credentials`;
  return said.includes('does not exist') && !said.includes('merchant') ? `${code} does not exist` : code;
}
