import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { defineCallback, type Push } from './callback-rules.ts';
import { hmacSignature } from './callback-signature.ts';
import { currenciesOf, currencyFields } from './currency.ts';
import {
  baseUrl,
  code,
  credential,
  denial,
  idNote,
  note,
  referenceText,
  secret,
  section,
  text,
} from './fields.ts';
import { oauthGrant } from './oauth.ts';
import { valuesUnder } from './printed-values.ts';
import { defineProvider, type Finding } from './provider.ts';
import { parseJson } from './read-answer.ts';
import { mobileMoneyReceipt, type ReceiptKind } from './receipts.ts';
import { repeatedNames } from './repeated-keys.ts';
import { type Meaning, statuses } from './status-table.ts';
import { promptOfAMinute } from './usual-times.ts';

/**
 * Airtel Money Africa, Collections, transaction enquiry. Only `data.transaction.status` decides: official samples show TS
 * with `success: false` and TF with `success: true`, and two versions of the portal give one DP code two meanings.
 *
 * The answer has no amount, and TF gives no reason that could be relied on, so failures are soft.
 */
const page = 'Airtel Africa, Collections, Transaction Enquiry';
const errors = 'Airtel Africa, Error Codes';

const envelope = section({
  code: code.catch(null),
  message: note,
  result_code: code.catch(null),
  response_code: code.catch(null),
});

const answer = z.object({
  data: section({
    transaction: section({
      ...currencyFields,
      id: idNote,
      airtel_money_id: idNote,
      message: note,
      status: text,
    }),
  }),
  status: denial,
  // Errors of the identity service and of the gateway before the API.
  error: note,
  error_description: note,
  status_code: code.catch(null),
  status_message: note,
});
type Body = z.infer<typeof answer>;

const pushed = z.object({
  transaction: section({ id: idNote }),
  hash: note,
});

const payment = statuses({
  TS: { reading: 'paid', from: page },
  TF: { reading: 'failed', certainty: 'soft', reason: 'rejected', from: page },
  TE: { reading: 'expired', certainty: 'soft', reason: 'timed-out', from: page },
  TIP: { reading: 'pending', from: page },
  TI: { reading: 'pending', from: page },
  TA: { reading: 'pending', from: page },
  // The word with which a push, or a refund, is accepted.
  SUCCESS: { reading: 'unrecognised', from: 'Airtel Africa, Collections, USSD Push' },
});

const unavailable: Meaning = { reading: 'unavailable', from: `${errors}: make an enquiry again` };
const notFound: Meaning = { reading: 'not-found', from: `${errors}: no such transaction` };

/** Codes of the gateway (`ROUTER…`): country, currency or wallet are not set up. */
const router = 'ROUTER';

const call = statuses({
  ESB000045: notFound,
  DP00800001025: notFound,
  ESB000014: unavailable,
  ESB000001: unavailable,
  ESB000004: unavailable,
  '0000900': unavailable,
  ROUTER117: unavailable,
  [router]: { reading: 'refused', from: `${errors}: ROUTER` },
});

/** The signed text is the `transaction` alone: as JSON without blanks, or as it was sent. */
const signedBy = (signed: (push: Push) => string | null) =>
  hmacSignature<{ callbackKey?: string | undefined }, z.infer<typeof pushed>>({
    hash: 'sha256',
    encoding: 'base64',
    given: ({ hash }) => hash,
    signed,
    key: ({ callbackKey }) => callbackKey,
  });
const compact = signedBy((push) => {
  const sent = transactionIn(push);
  return sent === null ? null : JSON.stringify(JSON.parse(sent));
});
const asSent = signedBy(transactionIn);

/** Its own codes, of which the tables hold some only. */
const ownCode = /^(?:DP|ESB|ROUTER)\d+$/i;

/**
 * Airtel numbers them; some answers mask them: `C36*******67`. A masked one shows that the payment has a receipt, which is all
 * that can be had there. It identifies no payment, so it is never claimed (`receiptScope`): the reference is.
 */
const receipt: ReceiptKind = {
  isReceipt: (text) =>
    !ownCode.test(text) &&
    mobileMoneyReceipt.isReceipt(text.replace(/(?<=[\w.])(?:\*+|x{2,})(?=[\w.])/gi, 'A')),
  systemOf: () => null,
};

export const airtelMoney = defineProvider({
  id: 'airtel-money',
  title: 'Airtel Money Africa, Collections',
  page,
  // The markets' own; answers name none, so an account has one.
  currencies: ['KES', 'UGX', 'TZS', 'RWF', 'ZMW', 'MWK', 'MGA', 'CDF', 'XAF', 'XOF', 'NGN', 'SCR', 'USD'],
  settings: z.object({
    baseUrl: baseUrl()
      .default('https://openapi.airtel.africa')
      .describe('API base; some markets have hosts of their own, such as https://openapi.airtel.co.zm'),
    country: z
      .string()
      .trim()
      .toUpperCase()
      .regex(/^[A-Z]{2}$/, 'must be two letters such as KE')
      .default('KE')
      .describe('Market of the account (header X-Country); its currency is the setting CURRENCY'),
    clientId: credential().describe('Client id of the application'),
    clientSecret: secret().describe('Client secret of the application'),
    callbackKey: secret()
      .optional()
      .describe(
        'Private key of callback authentication; callbacks without a valid hash are then refused. Not set: callbacks are not signed',
      ),
  }),
  usualTimes: promptOfAMinute,
  sandbox: {
    addresses: { baseUrl: 'https://openapiuat.airtel.africa' },
    reference: (hex) => hex(24),
  },
  reference: referenceText.describe('the transaction.id that your checkout chose'),
  receipt,
  // Merchants choose their ids; an application keeps its client id when its secret is changed.
  merchant: ['country', 'clientId'],
  aliases: (reference) => [reference],
  guarantees: { amount: false, receipt: true, reference: true, currency: false },
  // The page says "only on TS"; its own sample of a failure has the id.
  failuresCarry: ['receipt'],
  // The documentation asks for three minutes before an enquiry. A callback makes it earlier.
  defaults: {
    firstPollAfterMs: 180_000,
    initialIntervalMs: 180_000,
    maxIntervalMs: 300_000,
    minIntervalMs: 180_000,
    confirmAfterMs: 180_000,
    deadlineMs: 1_800_000,
    ratePerSecond: 5,
  },

  auth: {
    request: ({ baseUrl, clientId, clientSecret }) => ({
      method: 'POST',
      url: `${baseUrl}/auth/oauth2/token`,
      headers: { accept: '*/*', 'content-type': 'application/json' },
      body: JSON.stringify({
        client_id: clientId,
        client_secret: clientSecret,
        grant_type: 'client_credentials',
      }),
    }),
    // `expires_in` is a text: "180".
    grant: oauthGrant,
    defaultLifetimeMs: 180_000,
    maxLifetimeMs: 3_600_000,
    renewBeforeMs: 30_000,
  },

  headers: ({ country }, currency) => ({ 'x-country': country, 'x-currency': currency }),
  request: ({ reference, token }, { baseUrl }) => ({
    method: 'GET',
    url: `${baseUrl}/standard/v1/payments/${encodeURIComponent(reference)}`,
    headers: { authorization: `Bearer ${token}`, accept: '*/*' },
  }),

  callback: defineCallback({
    body: pushed,
    aliases: ({ transaction }) => [transaction?.id],
    signature: {
      verify(push, settings: { callbackKey?: string | undefined }, body, now) {
        const check = compact.verify(push, settings, body, now);
        return check === 'wrong' ? asSent.verify(push, settings, body, now) : check;
      },
      isRequired: ({ callbackKey }) => callbackKey !== undefined,
    },
    reply: { contentType: 'application/json', body: '{}' },
  }),

  answer,
  read(body): Finding | null {
    const transaction = body.data?.transaction;
    if (transaction?.status == null) return readEnvelope(body);
    return {
      about: 'payment',
      word: transaction.status,
      ...(payment.has(transaction.status) && { shown: withCode(transaction.status, body) }),
      message: transaction.message ?? envelope.parse(body.status)?.message,
      currencies: currenciesOf(transaction),
      receipt: transaction.airtel_money_id,
      references: [transaction.id],
      doubt: isPayout(body) ? 'wrong-direction' : null,
    };
  },
  payment,
  call,
});

/** What the envelope says where there is no payment in it: the first code that is known, else the first. */
function readEnvelope(body: Body): Finding | null {
  const { status_code, error, error_description, status_message } = body;
  const status = envelope.parse(body.status);
  const codes = [status?.response_code, status?.result_code, status_code, error, status?.code]
    .map((each) => textOf(each) ?? '')
    .filter((each) => each !== '');
  const message = status?.message ?? error_description ?? status_message;
  for (const each of codes) {
    if (call.has(rowOf(each))) return { about: 'call', code: rowOf(each), shown: each, message };
  }
  const [first] = codes;
  return first === undefined ? null : { about: 'call', code: first, message };
}

/** The name under which a code stands in the table: some answers leave out `ESB`, and the gateway has a family. */
function rowOf(given: string): string {
  const plain = given.trim().toUpperCase();
  if (/^\d{6}$/.test(plain)) return `ESB${plain}`;
  return plain.startsWith(router) && !call.has(plain) ? router : plain;
}

/** DP codes decide nothing; people may want to know them. */
function withCode(word: string, { status }: Body): string {
  const responseCode = textOf(envelope.parse(status)?.response_code);
  return responseCode ? `${word}/${responseCode}` : word;
}

/** Codes of the series DP009, wherever in the envelope, belong to disbursements, whose answers have the same shape. */
function isPayout({ status }: Body): boolean {
  return valuesUnder({ status }, (name) => name === 'status').some(({ value }) =>
    String(value).trim().toUpperCase().startsWith('DP009'),
  );
}

/**
 * The flat object behind `"transaction"`, as it was sent. Only the one that the order is taken from: a stranger may have put
 * a signed transaction of another order in front of it, deeper in the body or under the same key.
 */
function transactionIn({ rawBody }: Push): string | null {
  const text = Buffer.from(rawBody).toString('utf8');
  const [, sent] = /"transaction"\s*:\s*(\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\})/.exec(text) ?? [];
  if (sent === undefined || repeatedNames(text).length > 0) return null;
  const body = wholeBody.safeParse(parseJson(rawBody)).data;
  return isDeepStrictEqual(JSON.parse(sent), body?.transaction) ? sent : null;
}

const wholeBody = z.object({ transaction: z.unknown() });

function textOf(value: string | number | null | undefined): string | null {
  return value == null ? null : String(value);
}
