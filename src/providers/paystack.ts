import { z } from 'zod';
import type { Doubt } from '../domain/order.ts';
import { defineCallback } from './callback-rules.ts';
import { hmacSignature } from './callback-signature.ts';
import { currenciesOf, currencyFields } from './currency.ts';
import {
  anything,
  baseUrl,
  denial,
  id,
  idNote,
  isUnreadableId,
  note,
  referenceText,
  secret,
  section,
  text,
  visibleText,
} from './fields.ts';
import { lacksWord, saysNo, saysYes } from './flags.ts';
import { defineProvider, type Finding } from './provider.ts';
import { mpesaReceipt, type ReceiptKind } from './receipts.ts';
import { type Meaning, statuses } from './status-table.ts';
import { isoTime } from './time.ts';
import { paymentPage } from './usual-times.ts';

/**
 * Paystack, Verify transaction. Only `data.status` decides: the outer `status: true` and its "Verification successful"
 * come with failed transactions as well.
 *
 * A customer can try again on the same page, under the same reference, so no failure is firm; and `abandoned` is the word
 * of a transaction that nobody has touched yet.
 */
const page = 'Paystack, Verify transaction';
const charges = 'Paystack, Charge: responses';
const errors = 'Paystack, Errors';

const answer = z.object({
  status: anything,
  message: note,
  code: note,
  data: z
    .object({
      ...currencyFields,
      domain: denial,
      status: text,
      reference: id,
      // Never requested_amount, which is what was asked for.
      amount: anything,
      receipt_number: denial,
      gateway_response: note,
      message: note,
      paid_at: note,
      // What would make it a transfer of ours to somebody.
      transfer_code: anything,
      recipient: anything,
    })
    .nullish(),
});
type Data = NonNullable<z.infer<typeof answer>['data']>;

const waiting: Meaning = { reading: 'pending', from: page };
const customerMustAct: Meaning = { reading: 'pending', from: charges };

/** Only that of M-Pesa is known to name one payment; other channels print `null`, or numbers of their own. */
const receipt: ReceiptKind = {
  isReceipt: (given) => mpesaReceipt.isReceipt(given) && mpesaReceipt.systemOf(given) !== null,
  systemOf: mpesaReceipt.systemOf,
};

const named = section({ reference: idNote });

export const paystack = defineProvider({
  id: 'paystack',
  title: 'Paystack, transactions',
  page,
  currencies: ['KES', 'GHS', 'NGN', 'USD', 'XOF', 'ZAR'],
  settings: z.object({
    baseUrl: baseUrl().default('https://api.paystack.co').describe('API base, for live and test keys'),
    secretKey: secret().describe('Secret key (sk_live_…); test keys (sk_test_…) see test transactions only'),
    business: visibleText()
      .optional()
      .describe('A name for the Paystack business, where accounts of several have the same references'),
  }),
  // Live and test mode share the address; the key of the nightly check is a test key.
  usualTimes: paymentPage,
  sandbox: {
    addresses: { baseUrl: 'https://api.paystack.co' },
    reference: (hex) => `nightly-check-${hex(16)}`,
  },
  reference: referenceText.describe('reference of the transaction, as you chose it or Paystack did'),
  receipt,
  merchant: ['business'],
  aliases: (reference) => [reference],
  guarantees: { amount: true, receipt: false, reference: true, currency: true },
  failuresCarry: ['amount'],
  amountUnit: 'minor',
  // Its page on charges wants ten seconds between questions. Hosted pages stay open for long.
  defaults: {
    ...{ firstPollAfterMs: 10_000, initialIntervalMs: 10_000, maxIntervalMs: 60_000 },
    ...{ deadlineMs: 1_800_000, ratePerSecond: 5 },
  },

  request: ({ reference }, { baseUrl, secretKey }) => ({
    method: 'GET',
    url: `${baseUrl}/transaction/verify/${encodeURIComponent(reference)}`,
    headers: { authorization: `Bearer ${secretKey}` },
  }),

  // Besides charges, refunds and disputes are worth a question: the transaction may be reversed.
  callback: defineCallback({
    body: z.object({
      data: section({ reference: idNote, transaction_reference: idNote, transaction: named }),
    }),
    aliases: ({ data }) => [data?.transaction_reference, data?.transaction?.reference, data?.reference],
    signature: hmacSignature({
      hash: 'sha512',
      encoding: 'hex',
      given: 'x-paystack-signature',
      key: ({ secretKey }: { secretKey: string }) => secretKey,
      isRequired: () => true,
    }),
    reply: { contentType: 'text/plain', body: '' },
  }),

  answer,
  read({ status, code, message, data }, { settings }): Finding | null {
    if (saysNo(status)) return code ? { about: 'call', code, message } : null;
    if (!saysYes(status) || data?.status == null) return null;
    return {
      about: 'payment',
      word: data.status,
      message: data.gateway_response ?? data.message,
      amountReceived: data.amount,
      currencies: currenciesOf(data),
      receipt: idNote.parse(data.receipt_number),
      references: [data.reference],
      doubt: doubtOf(data, settings?.secretKey),
      paidAt: isoTime(data.paid_at),
    };
  },
  payment: statuses({
    success: { reading: 'paid', from: page },
    failed: { reading: 'failed', certainty: 'soft', reason: 'rejected', from: page },
    // Also the first word of a transaction, before the customer has done anything.
    abandoned: waiting,
    ongoing: waiting,
    pending: waiting,
    processing: waiting,
    queued: waiting,
    pay_offline: customerMustAct,
    send_otp: customerMustAct,
    send_pin: customerMustAct,
    send_phone: customerMustAct,
    send_birthday: customerMustAct,
    send_address: customerMustAct,
    open_url: customerMustAct,
    // Refunded or charged back: it was paid, and neither word would be true.
    reversed: { reading: 'unrecognised', from: page },
  }),
  call: statuses({
    transaction_not_found: { reading: 'not-found', from: errors },
    invalid_Key: { reading: 'refused', credentials: true, from: errors },
  }),
});

function doubtOf(
  { status, transfer_code, recipient, domain, receipt_number }: Data,
  secretKey: string | undefined,
): Doubt | null {
  if (transfer_code != null || recipient != null) return 'wrong-direction';
  if (status !== 'success' && isUnreadableId(receipt_number)) return 'contradiction';
  // Test money in the answer to a live key.
  return secretKey?.startsWith('sk_live_') && lacksWord(domain, 'live') ? 'contradiction' : null;
}
