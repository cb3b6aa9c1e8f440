import { z } from 'zod';
import { isLess, isMoney, leastAmount } from '../domain/money.ts';
import type { Doubt } from '../domain/order.ts';
import { defineCallback } from './callback-rules.ts';
import { currenciesOf, currencyFields } from './currency.ts';
import {
  anything,
  baseUrl,
  code,
  credential,
  id,
  note,
  path,
  referenceText,
  secret,
  section,
  text,
} from './fields.ts';
import { lacksYes } from './flags.ts';
import { defineProvider, type Finding } from './provider.ts';
import { canonicalReceipt, mpesaReceipt, receiptReference } from './receipts.ts';
import { statuses } from './status-table.ts';
import { nairobiTime } from './time.ts';
import { promptOfAMinute } from './usual-times.ts';
import { type SignPosition, sign, signPositions } from './vexora-sign.ts';

/**
 * Vexora (earlier PayPro), M-Pesa query for Kenya. The outer `code` reports the call, the inner `data.status` the payment.
 *
 * The documentation lets merchants treat every unlisted code as a failure. We do not: 0001 is money that arrived in part
 * and 00032 an unknown error. Codes differ in length ("0000", "00029", "0100019") and are compared as strings.
 */
const page = 'Vexora, Mpesa Query API (queryResultByCode)';
const section3 = 'docs/providers.md section 3';

const answer = z.object({
  code,
  msg: note,
  success: anything,
  data: section({
    ...currencyFields,
    status: text,
    message: note,
    tradeNo: id,
    mpesaReceiptNumber: id,
    receivedAmount: anything,
    payAmount: anything,
    amount: anything,
    orderAmount: anything,
    successTime: note,
  }),
});

/** The Kenya sample of a notify has no signature, others carry one over all their fields. */
const signedValue = z.union([z.string(), z.number(), z.null()]).catch(null);
interface CallbackSettings {
  readonly appSecret: string;
  readonly signPosition: SignPosition;
  readonly callbackSign: 'optional' | 'required';
}

const byTradeNo = z.strictObject({
  tradeNo: referenceText.describe('Merchant number of the payment'),
});

export const vexora = defineProvider({
  id: 'vexora',
  title: 'Vexora (PayPro), M-Pesa Kenya',
  page,
  currencies: ['KES'],
  settings: z.object({
    baseUrl: baseUrl().describe('API base, as the vendor gave it to you'),
    merchantNo: credential().describe('Merchant number'),
    appSecret: secret().describe('App secret for signatures'),
    signPosition: z
      .enum(signPositions)
      .default('append')
      .describe('Where the app secret stands in the signed text; older PayPro pages prepend it'),
    callbackSign: z
      .enum(['optional', 'required'])
      .default('optional')
      .describe('Whether a callback without a signature is taken as a hint; a wrong signature never is'),
    queryByCodePath: path().default('/api/queryResultByCode').describe('Path of the query by M-Pesa receipt'),
    queryByTradeNoPath: path()
      .default('/v1/vexora/queryPayInResult')
      .describe("Path of the query by merchant number; PayPro's was /api/queryPayinResult"),
    tradeNoTimestamp: z
      .stringbool()
      .default(true)
      .describe('Send, and sign, a timestamp with the query by merchant number; the Kenya page lists none'),
  }),
  usualTimes: promptOfAMinute,
  sandbox: {
    addresses: { baseUrl: 'https://sandbox-api.vexora.com/kenya' },
    reference: (hex) => ({ tradeNo: `live-check-${hex(12)}` }),
  },
  reference: z
    .union([receiptReference, byTradeNo])
    .describe(
      'an M-Pesa receipt (ten letters and digits, such as SH90HU7FO2), or {"tradeNo": "…"} with the merchant number of the payment',
    ),
  receipt: mpesaReceipt,
  merchant: ['merchantNo'],
  aliases: (reference) => [typeof reference === 'string' ? canonicalReceipt(reference) : reference.tradeNo],
  asksByReceipt: (reference) => typeof reference === 'string',
  guarantees: { amount: true, receipt: true, reference: true, currency: false },
  // The documented rejection has both; `doubtOf` knows the fields that only received money has.
  failuresCarry: ['amount', 'receipt'],

  request({ reference, now }, settings) {
    // The Kenya payment query lists no timestamp, public clients send one: only the fields that are sent are signed.
    const isReceipt = typeof reference === 'string';
    const asked = isReceipt ? { code: canonicalReceipt(reference) } : { tradeNo: reference.tradeNo };
    const fields = isReceipt || settings.tradeNoTimestamp ? { ...asked, timestamp: String(now) } : asked;
    return {
      method: 'POST',
      url: `${settings.baseUrl}${isReceipt ? settings.queryByCodePath : settings.queryByTradeNoPath}`,
      headers: { merchantno: settings.merchantNo, 'content-type': 'application/json' },
      body: JSON.stringify({ ...fields, sign: sign(fields, settings.appSecret, settings.signPosition) }),
    };
  },

  callback: defineCallback({
    body: z.record(z.string(), signedValue),
    aliases: ({ tradeNo, mpesaReceiptNumber }) => [
      tradeNo?.toString(),
      mpesaReceiptNumber == null ? null : canonicalReceipt(mpesaReceiptNumber.toString()),
    ],
    signature: {
      verify(_push, { appSecret, signPosition }: CallbackSettings, { sign: given, ...fields }) {
        if (given == null || given === '') return 'absent';
        return given === sign(fields, appSecret, signPosition) ? 'valid' : 'wrong';
      },
      isRequired: ({ callbackSign }) => callbackSign === 'required',
    },
    reply: { contentType: 'text/plain', body: 'OK' },
  }),

  answer,
  read(body, { reference }): Finding | null {
    const { data } = body;
    if (body.code == null) return null;
    if (body.code !== '0000' || data?.status == null) {
      return { about: 'call', code: String(body.code), message: body.msg };
    }
    const asksByTradeNo = reference !== null && typeof reference !== 'string';
    return {
      about: 'payment',
      word: data.status,
      message: data.message,
      amountReceived: receivedOf(data),
      currencies: currenciesOf(data),
      receipt: data.mpesaReceiptNumber,
      references: [asksByTradeNo ? data.tradeNo : data.mpesaReceiptNumber],
      doubt: doubtOf(body, data),
      paidAt: nairobiTime(data.successTime),
    };
  },
  payment: statuses({
    '0000': { reading: 'paid', from: page },
    '0001': { reading: 'paid', doubt: 'underpaid', from: `${section3}: partly successful` },
    '0015': { reading: 'pending', from: page },
    '00029': { reading: 'failed', certainty: 'firm', reason: 'rejected', from: `${page}: sample` },
    '00032': { reading: 'unrecognised', from: `${section3}: unknown error` },
    '0100019': { reading: 'failed', certainty: 'firm', reason: 'limit-exceeded', from: section3 },
  }),
  call: statuses({
    '5000': { reading: 'unavailable', from: `${section3}: system exception, not to be marked failed` },
    '8000': { reading: 'unavailable', aboutOrder: true, from: `${section3}: speaks about the query only` },
  }),
});

type Body = z.infer<typeof answer>;
type Data = NonNullable<Body['data']>;

/** Where it prints what was received twice, the least of both; `amount` may be what was asked for. */
function receivedOf({ receivedAmount, payAmount, amount }: Data): unknown {
  const received = [receivedAmount, payAmount].filter((each) => each != null && each !== '');
  return received.length === 0 ? amount : leastAmount(received);
}

/** Success with less than was asked for, and a failure with money, contradict themselves. */
function doubtOf(body: Body, data: Data): Doubt | null {
  const isPaid = data.status === '0000';
  if (isPaid && isLess(receivedOf(data), data.orderAmount ?? data.amount)) return 'underpaid';
  if (lacksYes(body.success)) return 'contradiction';
  const hasMoney = isMoney(data.receivedAmount) || isMoney(data.payAmount);
  return data.status !== '0001' && !isPaid && hasMoney ? 'contradiction' : null;
}
