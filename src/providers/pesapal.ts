import { z } from 'zod';
import type { Doubt } from '../domain/order.ts';
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
} from './fields.ts';
import { lacksWord } from './flags.ts';
import { tokenText } from './oauth.ts';
import { defineProvider, type Finding } from './provider.ts';
import { mobileMoneyReceipt } from './receipts.ts';
import { statuses } from './status-table.ts';
import { isoTime } from './time.ts';
import { paymentPage } from './usual-times.ts';

/**
 * Pesapal API 3.0, GetTransactionStatus. Only `status_code` decides. An order that is not paid yet looks like an error
 * (status_code 0, INVALID, in-body status "500", a filled `error`), and a declined card has a receipt.
 *
 * The hosted page lets customers pay again under the same tracking id, so every failure is soft.
 */
const page = 'Pesapal API 3.0, GetTransactionStatus';
const section12 = 'docs/providers.md section 12';

/** The code of an order that nobody has paid yet, also met as an HTTP error. */
const notPaidYet = 'payment_details_not_found';
const badToken = 'authentication_error';
const badCredentials = 'invalid_consumer_key_or_secret_provided';

const errorFields = section({ error_type: note, code: note, message: note });

const answer = z.object({
  ...currencyFields,
  status_code: code,
  payment_status_description: denial,
  payment_status_code: note,
  description: note,
  message: note,
  amount: anything,
  confirmation_code: idNote,
  order_tracking_id: id,
  merchant_reference: idNote,
  error: denial,
  status: denial,
});
type Body = z.infer<typeof answer>;

const refusedLogin = z.object({ error: errorFields });
const grantAnswer = z.object({ token: tokenText, expiryDate: anything });

/** A GUID, in one spelling, so that an order is one payment however the checkout writes it. */
const trackingId = referenceText.overwrite((id) =>
  /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i.test(id) ? id.toLowerCase() : id,
);

const byBoth = z.strictObject({
  orderTrackingId: trackingId.describe('order_tracking_id that SubmitOrderRequest was answered with'),
  merchantReference: referenceText.describe('Your own `id` of the order; the answer must repeat it'),
});

export const pesapal = defineProvider({
  id: 'pesapal',
  title: 'Pesapal API 3.0, hosted payment page',
  page,
  currencies: ['KES', 'UGX', 'TZS', 'RWF', 'MWK', 'ZMW', 'USD'],
  settings: z.object({
    baseUrl: baseUrl().default('https://pay.pesapal.com/v3').describe('API base'),
    consumerKey: secret().describe('Consumer key of the Pesapal account'),
    consumerSecret: secret().describe('Consumer secret of the Pesapal account'),
  }),
  usualTimes: paymentPage,
  sandbox: {
    addresses: { baseUrl: 'https://cybqa.pesapal.com/pesapalv3' },
    reference: (hex) => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
  },
  reference: z
    .union([trackingId.describe('order_tracking_id'), byBoth])
    .describe('the order_tracking_id, or {"orderTrackingId": "…", "merchantReference": "…"}'),
  receipt: mobileMoneyReceipt,
  // Pesapal makes the tracking ids.
  merchant: [],
  // A GUID is the same in capitals.
  aliases: (reference) => {
    const id = typeof reference === 'string' ? reference : reference.orderTrackingId;
    const own = typeof reference === 'string' ? [] : [reference.merchantReference];
    return [id, id.toLowerCase(), id.toUpperCase(), ...own];
  },
  // Recorded answers repeat the tracking id; the documented one repeats only our own reference, which we may not know.
  guarantees: { amount: true, receipt: true, reference: false, currency: true },
  // Customers choose how to pay on a page, and try again there after a failure.
  defaults: {
    firstPollAfterMs: 15_000,
    initialIntervalMs: 10_000,
    maxIntervalMs: 60_000,
    deadlineMs: 1_800_000,
    confirmAfterMs: 60_000,
    ratePerSecond: 5,
  },

  auth: {
    request: ({ baseUrl, consumerKey, consumerSecret }) => ({
      method: 'POST',
      url: `${baseUrl}/api/Auth/RequestToken`,
      headers: { accept: 'application/json', 'content-type': 'application/json' },
      body: JSON.stringify({ consumer_key: consumerKey, consumer_secret: consumerSecret }),
    }),
    // A refusal is HTTP 200 without a token; its message is empty.
    isRefusal: (body, httpStatus) =>
      refusedLogin.safeParse(body).data?.error?.code === badCredentials ||
      [400, 401, 403].includes(httpStatus),
    grant(body, now) {
      const granted = grantAnswer.safeParse(body).data;
      if (granted === undefined) return null;
      const lifetimeMs = (isoTime(granted.expiryDate) ?? now) - now;
      return { token: granted.token, lifetimeMs: lifetimeMs > 0 ? lifetimeMs : null };
    },
    defaultLifetimeMs: 300_000,
    maxLifetimeMs: 300_000,
  },

  request: ({ reference, token }, { baseUrl }) => ({
    method: 'GET',
    url: `${baseUrl}/api/Transactions/GetTransactionStatus?orderTrackingId=${encodeURIComponent(
      typeof reference === 'string' ? reference : reference.orderTrackingId,
    )}`,
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'application/json',
      'content-type': 'application/json',
    },
  }),

  // The notification (IPN) says that something changed, not what.
  callback: defineCallback({
    methods: ['GET', 'POST'],
    body: z.object({ OrderTrackingId: idNote, OrderMerchantReference: idNote, OrderNotificationType: note }),
    aliases: ({ OrderTrackingId, OrderMerchantReference }) => [OrderTrackingId, OrderMerchantReference],
    reply: ({ OrderTrackingId, OrderMerchantReference, OrderNotificationType }) => ({
      contentType: 'application/json',
      body: JSON.stringify({
        orderNotificationType: OrderNotificationType ?? '',
        orderTrackingId: OrderTrackingId ?? '',
        orderMerchantReference: OrderMerchantReference ?? '',
        status: 200,
      }),
    }),
  }),

  answer,
  // A declined card has both.
  failuresCarry: ['amount', 'receipt'],
  bodyBeforeStatus: true,
  read(body, { reference }): Finding | null {
    const callCode = callCodeOf(body);
    if (callCode !== null)
      return { about: 'call', code: callCode, message: errorFields.parse(body.error)?.message };
    if (body.status_code == null) return null;
    const knowsOwn = reference !== null && typeof reference !== 'string';
    return {
      about: 'payment',
      word: String(body.status_code),
      message: body.payment_status_code || body.description || note.parse(body.payment_status_description),
      amountReceived: body.amount,
      currencies: currenciesOf(body),
      receipt: body.confirmation_code,
      references: [body.order_tracking_id, knowsOwn ? body.merchant_reference : null],
      doubt: doubtOf(body, reference !== null, knowsOwn),
    };
  },
  payment: statuses({
    '0': { reading: 'pending', from: `${page}: INVALID; recorded: "Pending Payment"` },
    '1': { reading: 'paid', from: `${page}: COMPLETED` },
    '2': { reading: 'failed', certainty: 'soft', reason: 'rejected', from: `${page}: FAILED` },
    // It was paid once: a person must look.
    '3': { reading: 'unrecognised', from: `${page}: REVERSED` },
  }),
  call: statuses({
    [notPaidYet]: { reading: 'pending', from: `${section12}: recorded in the sandbox` },
    [badToken]: { reading: 'refused', credentials: true, token: true, from: `${section12}: recorded` },
    [badCredentials]: { reading: 'refused', credentials: true, from: 'Pesapal API 3.0, Authentication' },
  }),
});

/**
 * The code of an error that speaks of the call; `null` where the payment speaks. A filled `error` beside a status of the
 * payment other than 0 does not hide it.
 */
function callCodeOf(body: Body): string | null {
  const { status_code: status, payment_status_description: word } = body;
  const error = errorFields.parse(body.error);
  const isOpen = status == null || String(status) === '0';
  if (!isOpen || !error?.code) return null;
  if (error.error_type === badToken) return badToken;
  const isPaymentOpen = status != null && (error.code === notPaidYet || isWord(word, 'INVALID'));
  return isPaymentOpen && error.code !== badCredentials ? null : error.code;
}

/** What keeps an answer from being believed as it stands. */
function doubtOf(body: Body, knowsReference: boolean, knowsOwn: boolean): Doubt | null {
  if (isAtOdds(body)) return 'contradiction';
  const named = [body.merchant_reference, knowsOwn ? null : body.order_tracking_id];
  const isNamed = named.some((name) => name != null && name !== '');
  return knowsReference && !isNamed ? 'reference-mismatch' : null;
}

/**
 * The layers of a documented answer agree: 1 is "Completed", without an error; 2 is "Failed", and not "INVALID" with the error
 * of an order that nobody has paid yet.
 */
function isAtOdds({ status_code, payment_status_description: word, status, error }: Body): boolean {
  if (String(status_code) === '1') {
    return lacksWord(word, 'COMPLETED') || lacksWord(status, '200') || hasError(error);
  }
  if (String(status_code) === '2') return lacksWord(word, 'FAILED') || saysNotPaidYet(error);
  return isWord(word, 'COMPLETED');
}

/** Documented successes carry an error too, of empty fields and at most an address. */
function hasError(error: unknown): boolean {
  const isObject = typeof error === 'object' && error !== null;
  return isGiven(isObject ? { ...error, call_back_url: null } : error);
}

function saysNotPaidYet(error: unknown): boolean {
  return [error, errorFields.parse(error)?.code].includes(notPaidYet);
}

function isWord(said: unknown, word: string): boolean {
  return isGiven(said) && !lacksWord(said, word);
}
