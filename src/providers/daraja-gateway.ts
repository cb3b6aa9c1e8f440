import { z } from 'zod';
import { baseUrl, credential, denial, isGiven, note, secret, section, text } from './fields.ts';
import { basic, oauthGrant } from './oauth.ts';
import type { Auth, Finding } from './provider.ts';
import { type Meaning, statuses } from './status-table.ts';

/** What both of Safaricom's status APIs share: settings, login and the ways in which a call is refused. */

const section24 = 'docs/providers.md section 2.4';

/** Settings of Pull Transactions, which finds the payments of unresolved orders. */
export const pullSettings = {
  pullEveryMs: z.coerce
    .number()
    .int()
    .min(0)
    .max(86_400_000)
    .default(0)
    .describe(
      'How often Pull Transactions is asked for the payments of unresolved orders, in milliseconds; 0 for never. Register the short code first: `payment-poller pull register`',
    ),
  pullRatePerSecond: z.coerce
    .number()
    .min(0.01)
    .max(100)
    .default(1)
    .describe('Requests per second to Pull Transactions, apart from the polls'),
  pullByReference: z
    .stringbool()
    .default(false)
    .describe(
      'Settle orders by a pulled payment with their exact reference (or order id) and amount too; otherwise by receipt only',
    ),
};

/** Settings of every Daraja account. */
export const darajaSettings = {
  baseUrl: baseUrl()
    .default('https://api.safaricom.co.ke')
    .describe('API base; the sandbox is https://sandbox.safaricom.co.ke'),
  consumerKey: secret().describe('Consumer key of the Daraja app'),
  consumerSecret: secret().describe('Consumer secret of the Daraja app'),
  shortCode: credential().describe('Paybill or till (business short code)'),
  ...pullSettings,
};

export const darajaSandbox = { baseUrl: 'https://sandbox.safaricom.co.ke' };

/** The short codes that a customer's payment to this account may name. */
export interface DarajaShortCodes {
  readonly shortCode: string | undefined;
  readonly shortCodes: readonly string[];
}

/** All of them; `null` when none is known. */
export function shortCodesOf(account: Partial<DarajaShortCodes> | null): readonly string[] | null {
  const codes = [account?.shortCode ?? [], account?.shortCodes ?? []].flat();
  return codes.length === 0 ? null : codes;
}

/** A new token kills the older one, so it is kept for nearly all of its hour. */
export const darajaAuth: Auth<{ baseUrl: string; consumerKey: string; consumerSecret: string }> = {
  request: ({ baseUrl, consumerKey, consumerSecret }) => ({
    method: 'GET',
    url: `${baseUrl}/oauth/v1/generate?grant_type=client_credentials`,
    headers: { authorization: basic(consumerKey, consumerSecret) },
  }),
  grant: oauthGrant,
  defaultLifetimeMs: 3_599_000,
  maxLifetimeMs: 3_599_000,
};

/** The error envelopes: Daraja's own, and that of the gateway in front of it. */
export const darajaErrorFields = {
  errorCode: text,
  errorMessage: note,
  fault: denial,
};
const fault = section({ faultstring: note, detail: section({ errorcode: note }) });
export type DarajaError = z.infer<z.ZodObject<typeof darajaErrorFields>>;

const throttled: Meaning = { reading: 'unavailable', throttled: true, from: section24 };
const badToken: Meaning = { reading: 'refused', credentials: true, token: true, from: section24 };
const wrongPath: Meaning = { reading: 'refused', from: `${section24}: wrong path, not "payment not found"` };

/** Codes about the call. 500.001.1001 is missing: it means different things at different endpoints. */
export const darajaErrors = statuses({
  'throttling fault': throttled,
  '500.003.02': throttled,
  '500.003.03': throttled,
  '400.003.01': badToken,
  '401.002.01': badToken,
  '404.001.03': badToken,
  '404.001.04': {
    reading: 'refused',
    credentials: true,
    from: `${section24}: bad authentication header`,
  },
  '404.001.01': wrongPath,
  '404.002.01': wrongPath,
  '404.003.01': wrongPath,
  '500.002.1001': {
    reading: 'unavailable',
    aboutOrder: true,
    from: `${section24}: duplicate OriginatorConversationID`,
  },
  '500.003.1001': { reading: 'unavailable', from: `${section24}: internal error` },
});

/** The error in an answer, or `null` when it carries none. */
export function readDarajaError(body: DarajaError): Extract<Finding, { about: 'call' }> | null {
  if (body.errorCode) return { about: 'call', code: body.errorCode, message: body.errorMessage };
  if (!isGiven(body.fault)) return null;
  const said = fault.parse(body.fault);
  const shown = said?.detail?.errorcode || 'fault';
  const isThrottling = /spike-?arrest|quota|rate-?limit/i.test(shown);
  return {
    about: 'call',
    code: isThrottling ? 'throttling fault' : shown,
    shown,
    message: said?.faultstring,
  };
}

/** What Daraja wants to hear when it posts something (docs/providers.md section 2). */
export const acceptedReply = {
  contentType: 'application/json',
  body: '{"ResultCode":0,"ResultDesc":"Accepted"}',
} as const;
