import { z } from 'zod';
import { isMoney } from '../domain/money.ts';
import type { Doubt } from '../domain/order.ts';
import { defineCallback } from './callback-rules.ts';
import { currenciesOf, currencyFields } from './currency.ts';
import { anything, baseUrl, denial, id, idNote, isGiven, note, secret, section, text } from './fields.ts';
import { httpMessageSignature, publicKeyPem } from './http-signature.ts';
import { defineProvider, type Finding } from './provider.ts';
import { mobileMoneyReceipt } from './receipts.ts';
import { type Meaning, statuses } from './status-table.ts';
import { isoTime } from './time.ts';
import { promptOfFiveMinutes } from './usual-times.ts';

/**
 * pawaPay, Check deposit status. Only the status of the deposit decides: the outer `FOUND` of version 2 says that the
 * deposit exists. Version 1 answers with a list of at most one deposit, in other names.
 */
const page = 'pawaPay API v2, Check deposit status';
const version1 = 'pawaPay API v1, Check deposit status';
const codes = 'pawaPay API v2, Failure codes';
const errors = 'pawaPay API v2, Error codes';

const failure = section({ failureCode: text, failureMessage: note });

/** What would make it a payout or a refund: their answers look alike otherwise. */
const otherKinds = { payoutId: denial, refundId: denial, remittanceId: denial, recipient: denial };

const deposit = z.object({
  ...currencyFields,
  ...otherKinds,
  depositId: id,
  status: text,
  failureReason: denial,
});

const version2Answer = z.object({
  status: text,
  failureReason: denial,
  data: deposit
    .extend({
      amount: anything,
      providerTransactionId: idNote,
      payer: section({ accountDetails: section({ phoneNumber: idNote }) }),
    })
    .nullish(),
});

const version1Answer = z
  .array(
    deposit.extend({
      depositedAmount: anything,
      correspondentIds: z.record(z.string(), z.unknown()).nullish().catch(null),
      respondedByPayer: note,
    }),
  )
  .max(1);

type Deposit = z.infer<typeof deposit>;

const rejected: Meaning = { reading: 'failed', certainty: 'soft', reason: 'rejected', from: codes };
const refused: Meaning = { reading: 'refused', from: errors };
const badCredentials: Meaning = { reading: 'refused', credentials: true, from: errors };

const payment = statuses({
  COMPLETED: { reading: 'paid', from: page },
  ACCEPTED: { reading: 'pending', from: page },
  PROCESSING: { reading: 'pending', from: page },
  IN_RECONCILIATION: { reading: 'pending', from: page },
  SUBMITTED: { reading: 'pending', from: version1 },
  FAILED: {
    reasons: {
      INSUFFICIENT_BALANCE: {
        reading: 'failed',
        certainty: 'firm',
        reason: 'insufficient-funds',
        from: codes,
      },
      PAYER_LIMIT_REACHED: { reading: 'failed', certainty: 'firm', reason: 'limit-exceeded', from: codes },
      PAYER_NOT_FOUND: { reading: 'failed', certainty: 'firm', reason: 'not-reached', from: codes },
      // A cancelled prompt, one without an answer, and a wrong PIN.
      PAYMENT_NOT_APPROVED: { reading: 'failed', certainty: 'soft', reason: 'cancelled', from: codes },
      PAYMENT_IN_PROGRESS: rejected,
      TRANSACTION_ALREADY_IN_PROCESS: { ...rejected, from: version1 },
      UNSPECIFIED_FAILURE: rejected,
      UNKNOWN_ERROR: rejected,
      OTHER_ERROR: { ...rejected, from: version1 },
    },
    otherwise: rejected,
  },
});

const call = statuses({
  // The customer of a payment page may open it later: never a failure, however old.
  NOT_FOUND: { reading: 'not-found', from: page },
  NO_AUTHENTICATION: badCredentials,
  AUTHENTICATION_ERROR: badCredentials,
  AUTHORISATION_ERROR: badCredentials,
  HTTP_SIGNATURE_ERROR: badCredentials,
  INVALID_INPUT: refused,
  INVALID_PARAMETER: refused,
  MISSING_PARAMETER: refused,
  UNSUPPORTED_PARAMETER: refused,
  UNKNOWN_ERROR: { reading: 'unavailable', from: errors },
});

export const pawapay = defineProvider({
  id: 'pawapay',
  title: 'pawaPay, deposits (mobile money in 20 countries)',
  page,
  currencies: [
    'KES',
    ...['CDF', 'ETB', 'GHS', 'LSL', 'MWK', 'MZN', 'NGN', 'RWF', 'SLE', 'TZS', 'UGX', 'USD'],
    ...['XAF', 'XOF', 'ZMW'],
  ],
  settings: z.object({
    baseUrl: baseUrl()
      .default('https://api.pawapay.io')
      .describe('API base; the sandbox is https://api.sandbox.pawapay.io'),
    apiToken: secret().describe('API token of the pawaPay dashboard'),
    apiVersion: z
      .enum(['v2', 'v1'])
      .default('v2')
      .describe('Version of the API that deposits are asked with'),
    callbackPublicKeyPem: publicKeyPem()
      .optional()
      .describe('Public key of pawaPay, PEM: callbacks must then be signed with it'),
  }),
  usualTimes: promptOfFiveMinutes,
  sandbox: {
    addresses: { baseUrl: 'https://api.sandbox.pawapay.io' },
    reference: (hex) => `00000000-0000-4000-8000-${hex(12)}`,
  },
  // One spelling, so that a deposit is one payment however the checkout writes its id.
  reference: z
    .guid('must be a UUID of 36 characters')
    .overwrite((id) => id.toLowerCase())
    .describe('depositId: the UUID that you chose'),
  receipt: mobileMoneyReceipt,
  merchant: [],
  aliases: (reference) => [reference, reference.toLowerCase()],
  guarantees: { amount: true, receipt: true, reference: true, currency: true },
  // Version 2 prints the amount that was asked for, and a provider's id of the attempt.
  failuresCarry: ['amount', 'receipt'],
  // Prompts live for up to five minutes, and reconciliation takes longer.
  defaults: { firstPollAfterMs: 10_000, deadlineMs: 900_000, ratePerSecond: 5 },

  request: ({ reference }, { baseUrl, apiToken, apiVersion }) => ({
    method: 'GET',
    url: `${baseUrl}${apiVersion === 'v1' ? '' : '/v2'}/deposits/${encodeURIComponent(reference)}`,
    headers: { authorization: `Bearer ${apiToken}` },
  }),

  callback: defineCallback({
    body: z.object({ depositId: idNote }),
    aliases: ({ depositId }) => [depositId?.toLowerCase()],
    signature: httpMessageSignature({
      publicKey: ({ callbackPublicKeyPem }: { callbackPublicKeyPem?: string | undefined }) =>
        callbackPublicKeyPem,
      isRequired: ({ callbackPublicKeyPem }) => callbackPublicKeyPem !== undefined,
    }),
    reply: { contentType: 'text/plain', body: '' },
  }),

  answer: z.union([version2Answer, version1Answer]),
  read: (body, { httpStatus }) => (Array.isArray(body) ? readVersion1(body, httpStatus) : readVersion2(body)),
  payment,
  call,
});

function readVersion2({ status, failureReason, data }: z.infer<typeof version2Answer>): Finding | null {
  const error = failure.parse(failureReason);
  if (error?.failureCode) return { about: 'call', code: error.failureCode, message: error.failureMessage };
  if (status === 'NOT_FOUND' && data == null) return { about: 'call', code: status };
  if (status !== 'FOUND' || data == null) return null;
  const isPhone = data.providerTransactionId === data.payer?.accountDetails?.phoneNumber;
  return found(data, {
    ...(isGiven(failureReason) && { doubt: 'contradiction' }),
    amountReceived: data.amount,
    receipt: isPhone ? null : data.providerTransactionId,
  });
}

function readVersion1([only]: z.infer<typeof version1Answer>, httpStatus: number): Finding | null {
  if (only === undefined) return httpStatus === 200 ? { about: 'call', code: 'NOT_FOUND' } : null;
  const isAtOdds = only.status === 'FAILED' && isMoney(only.depositedAmount);
  return found(only, {
    ...(isAtOdds && { doubt: 'contradiction' }),
    // What was asked for stands beside it, from the beginning.
    amountReceived: only.depositedAmount,
    receipt: receiptAmong(only.correspondentIds ?? {}),
    paidAt: isoTime(only.respondedByPayer),
  });
}

interface Received {
  readonly amountReceived: unknown;
  readonly receipt: string | null | undefined;
  readonly paidAt?: number | null;
  readonly doubt?: Doubt;
}

function found(said: Deposit, received: Received): Finding | null {
  if (said.status == null) return null;
  const reason = failure.parse(said.failureReason);
  return {
    about: 'payment',
    word: said.status,
    reason: reason?.failureCode,
    message: reason?.failureMessage,
    currencies: currenciesOf(said),
    references: [said.depositId?.toLowerCase()],
    doubt: doubtOf(said),
    ...received,
  };
}

function doubtOf({ status, failureReason, ...said }: Deposit): Doubt | null {
  const isOther = [said.payoutId, said.refundId, said.remittanceId, said.recipient].some(isGiven);
  if (isOther) return 'wrong-direction';
  return status === 'COMPLETED' && isGiven(failureReason) ? 'contradiction' : null;
}

/** A correspondent's ids by their names: `MTN_INIT` of the prompt, `MTN_FINAL` of the payment. */
function receiptAmong(ids: { readonly [name: string]: unknown }): string | null {
  const named = Object.entries(ids);
  const [, last] = named.find(([name]) => /final$/i.test(name)) ?? named.at(-1) ?? [];
  return idNote.parse(last) ?? null;
}
