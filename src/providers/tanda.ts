import { z } from 'zod';
import { isLess } from '../domain/money.ts';
import type { Doubt } from '../domain/order.ts';
import { defineCallback } from './callback-rules.ts';
import { currenciesOf, currencyFields } from './currency.ts';
import {
  anything,
  baseUrl,
  credential,
  denial,
  denyingSection,
  id,
  idNote,
  isUnreadableId,
  note,
  referenceText,
  secret,
  text,
  visibleText,
} from './fields.ts';
import { lacksYes, saysYes } from './flags.ts';
import { basic, oauthGrant } from './oauth.ts';
import { defineProvider, type Finding, type ProviderRequest } from './provider.ts';
import { mpesaReceipt } from './receipts.ts';
import { type Meaning, statuses } from './status-table.ts';
import { isoTime } from './time.ts';
import { promptOfAMinute } from './usual-times.ts';

/**
 * Tanda v3, Get Payment/Request Status. The same codes stand in a transaction's own `status` and in the envelope of a
 * failed call: only the first speaks about the payment, and only it may close one.
 *
 * The API also answers about payouts, so money must be shown to have come in before it is called paid.
 */
const page = 'Tanda, Get Payment/Request Status';
const section5 = 'docs/providers.md section 5';

const answer = z.object({
  status: text,
  message: note,
  description: note,
  error: anything,
  success: anything,
  category: anything,
  severity: anything,
  trackingId: id,
  reference: id,
  type: text,
  datetimeCompleted: note,
  ...currencyFields,
  result: denyingSection({ ...currencyFields, amount: anything, ref: denial }),
  request: denyingSection({ ...currencyFields, amount: anything, commandId: denial }),
});
type Body = z.infer<typeof answer>;

const byShortCode = z.strictObject({
  trackingId: referenceText.describe('trackingId of the request'),
  shortCode: referenceText.describe('Short code of the merchant product'),
});
const byConsumer = z.strictObject({
  trackingId: referenceText.describe('trackingId of the request'),
  consumerId: referenceText.describe('Consumer of the consumer product'),
});

const unclear: Meaning = { reading: 'unrecognised', from: section5 };
const outage: Meaning = { reading: 'unavailable', from: section5 };
const rejected: Meaning = { reading: 'failed', certainty: 'firm', reason: 'rejected', from: section5 };
const refused: Meaning = { reading: 'refused', from: section5 };

/** Codes that never close a payment, wherever they stand. */
const open = {
  E400000: unclear,
  E409000: unclear,
  E404000: { reading: 'not-found', from: section5 },
  E500000: outage,
  E501000: outage,
  E503000: outage,
} satisfies { [code: string]: Meaning };

const settings = z.object({
  baseUrl: baseUrl()
    .default('https://api-v3.tanda.africa')
    .describe('API base; the sandbox is https://api-v3-uat.tanda.africa'),
  identityUrl: baseUrl()
    .default('https://identity.tanda.africa')
    .describe('Base of the login; the sandbox is https://identity-uat.tanda.africa'),
  organizationId: referenceText.describe('Organization id'),
  clientId: credential().describe('OAuth client id'),
  clientSecret: secret().describe('OAuth client secret'),
  credentialsIn: z
    .enum(['basic', 'form'])
    .default('basic')
    .describe('Where the login carries the client credentials: HTTP Basic (documented) or the form (SDKs)'),
  consumerId: referenceText
    .optional()
    .describe('Consumer product: the consumer of orders whose reference is a bare tracking id'),
  shortCode: referenceText
    .optional()
    .describe('Merchant product: the short code of orders whose reference is a bare tracking id'),
  commandId: visibleText()
    .optional()
    .describe('The commandId of your incoming payments; an answer about any other is not ours'),
});

export const tanda = defineProvider({
  id: 'tanda',
  title: 'Tanda v3',
  page,
  currencies: ['KES'],
  settings,
  usualTimes: promptOfAMinute,
  sandbox: {
    addresses: {
      baseUrl: 'https://api-v3-uat.tanda.africa',
      identityUrl: 'https://identity-uat.tanda.africa',
    },
    reference: (hex) => `00000000-0000-4000-8000-${hex(12)}`,
  },
  reference: z
    .union([referenceText.describe('trackingId of the request'), byShortCode, byConsumer])
    .describe(
      'the trackingId, {"trackingId": "…", "shortCode": "…"} or {"trackingId": "…", "consumerId": "…"}',
    ),
  receipt: mpesaReceipt,
  merchant: ['organizationId'],
  aliases: (reference) => [trackingIdOf(reference)],
  guarantees: { amount: true, receipt: true, reference: true, currency: false },

  auth: {
    request: loginRequest,
    grant: oauthGrant,
    defaultLifetimeMs: 58 * 60_000,
    maxLifetimeMs: 58 * 60_000,
  },

  request: ({ reference, token }, account) => ({
    method: 'GET',
    url: `${account.baseUrl}/io/v3/organizations/${encodeURIComponent(account.organizationId)}/${requestPath(reference, account)}`,
    headers: { authorization: `Bearer ${token}` },
  }),

  callback: defineCallback({
    body: z.object({ trackingId: idNote, reference: idNote }),
    aliases: ({ trackingId, reference }) => [trackingId, reference],
    reply: { contentType: 'text/plain', body: '' },
  }),

  answer,
  read(body, { reference, settings: account }): Finding | null {
    if (body.status == null) return null;
    const message = body.description ?? body.message;
    if (!isTransaction(body)) return { about: 'call', code: body.status, message };
    return {
      about: 'payment',
      word: body.status,
      message,
      amountReceived: body.result?.amount,
      currencies: currenciesOf(body, body.result, body.request),
      receipt: idNote.parse(body.result?.ref),
      references: [namedTransaction(body, reference)],
      doubt: doubtOf(body, account?.commandId),
      paidAt: isoTime(body.datetimeCompleted),
    };
  },
  payment: statuses({
    S000000: { reading: 'paid', from: page },
    P202000: { reading: 'pending', from: section5 },
    E422005: rejected,
    E422006: { reading: 'failed', certainty: 'firm', reason: 'insufficient-funds', from: section5 },
    E422022: rejected,
    E000002: { reading: 'failed', certainty: 'soft', reason: 'rejected', from: section5 },
    E401000: refused,
    E403000: refused,
    ...open,
  }),
  call: statuses({
    // A body that names no transaction closes none; that ours is being processed, it may say.
    P202000: { reading: 'pending', from: section5 },
    E000002: unclear,
    E401000: { reading: 'refused', credentials: true, token: true, from: section5 },
    E403000: { reading: 'refused', credentials: true, from: section5 },
    E422005: refused,
    E422006: refused,
    E422022: refused,
    ...open,
  }),
});

type TandaReference = string | z.infer<typeof byShortCode> | z.infer<typeof byConsumer>;

function trackingIdOf(reference: TandaReference): string {
  return typeof reference === 'string' ? reference : reference.trackingId;
}

/** Who the request belongs to: a consumer (consumer product) or a short code (merchant product). */
interface Owner {
  readonly consumerId?: string | undefined;
  readonly shortCode?: string | undefined;
}

/** The reference says which product it is, or else the account. */
function requestPath(reference: TandaReference, account: Owner): string {
  const { consumerId, shortCode }: Owner = typeof reference === 'string' ? account : reference;
  const request = `request/${encodeURIComponent(trackingIdOf(reference))}`;
  if (consumerId !== undefined) return `consumers/${encodeURIComponent(consumerId)}/${request}`;
  return shortCode === undefined ? request : `${request}?shortCode=${encodeURIComponent(shortCode)}`;
}

function loginRequest(account: z.infer<typeof settings>): ProviderRequest {
  const { clientId, clientSecret } = account;
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  const headers: { [name: string]: string } = { 'content-type': 'application/x-www-form-urlencoded' };
  if (account.credentialsIn === 'basic') {
    headers.authorization = basic(clientId, clientSecret);
  } else {
    form.set('client_id', clientId);
    form.set('client_secret', clientSecret);
  }
  return {
    method: 'POST',
    url: `${account.identityUrl}/v1/oauth2/token`,
    headers,
    body: form.toString(),
  };
}

/** The envelope of a failed call has a category and a severity, and names no transaction. */
function isTransaction(body: Body): boolean {
  return body.category == null && body.severity == null && (body.trackingId ?? body.reference) != null;
}

/** A transaction is ours when either of its names is: merchants may know it by the reference that they chose. */
function namedTransaction(body: Body, reference: TandaReference | null): string | null | undefined {
  const theirs = [body.trackingId, body.reference];
  const ours = reference === null ? null : trackingIdOf(reference);
  return theirs.find((name) => name === ours) ?? theirs.find(Boolean);
}

/** What money that comes in is called (docs/providers.md section 5). Anything else may be money that goes out. */
const incomingTypes: ReadonlySet<unknown> = new Set(['Payment']);
const incomingCommands: ReadonlySet<unknown> = new Set([
  'CustomerToMerchantMobileMoneyPayment',
  'ConsumerMobileMoneyDeposit',
]);

/** Money is coming in when the answer says what kind of payment it is, and all that it says is a kind that comes in. */
function isIncoming(body: Body, expectedCommandId: string | undefined): boolean {
  const { type } = body;
  const commandId = body.request?.commandId;
  const isOurCommand =
    expectedCommandId === undefined
      ? isBlank(commandId) || incomingCommands.has(commandId)
      : commandId === expectedCommandId;
  const isOurType = isBlank(type) || incomingTypes.has(type);
  return isOurCommand && isOurType && !(isBlank(commandId) && isBlank(type));
}

function isBlank(kind: unknown): boolean {
  return kind == null || kind === '';
}

function doubtOf(body: Body, expectedCommandId: string | undefined): Doubt | null {
  if (!isIncoming(body, expectedCommandId)) return 'wrong-direction';
  if (body.status === 'S000000' && isLess(body.result?.amount, body.request?.amount)) return 'underpaid';
  // The error of a successful transaction is documented as empty.
  const isAtOdds =
    body.status === 'S000000'
      ? lacksYes(body.success) || (body.error != null && body.error !== '')
      : saysYes(body.success) || isUnreadableId(body.result?.ref);
  return isAtOdds ? 'contradiction' : null;
}
