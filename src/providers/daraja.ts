import { constants, createPublicKey, publicEncrypt, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import type { Reference } from '../domain/order.ts';
import {
  acceptedReply,
  darajaAuth,
  darajaErrorFields,
  darajaErrors,
  darajaSandbox,
  darajaSettings,
  readDarajaError,
  shortCodesOf,
} from './daraja-gateway.ts';
import { askedByConversation, darajaResult } from './daraja-result.ts';
import { code, credential, list, note, referenceText, secret } from './fields.ts';
import { defineProvider, type Finding } from './provider.ts';
import { canonicalReceipt, mpesaReceipt, receiptReference } from './receipts.ts';
import { statuses } from './status-table.ts';

/**
 * Safaricom Daraja, Transaction Status: the query is only taken, and its answer posted to a URL that we name, about a
 * minute later or never. It needs the receipt, or the conversation id, of the payment: a pending STK push has none yet.
 */
const section22 = 'docs/providers.md section 2.2';

const answer = z.object({ ...darajaErrorFields, ResponseCode: code, ResponseDescription: note });

const reference = z
  .union([
    receiptReference,
    z.strictObject({ transactionId: receiptReference }),
    z.strictObject({ originatorConversationId: referenceText }),
  ])
  .describe(
    'an M-Pesa receipt (ten letters and digits, such as SH90HU7FO2), {"transactionId": "…"} with one, or {"originatorConversationId": "…"}',
  );

const settings = z.object({
  ...darajaSettings,
  shortCode: darajaSettings.shortCode
    .optional()
    .describe('Paybill or till (business short code) that asks; default: the first of SHORT_CODES'),
  shortCodes: list()
    .default([])
    .describe(
      'Further short codes that money of this account may come to, separated by commas: Buy Goods has a till and a store number',
    ),
  initiator: credential().describe('Name of the API operator (initiator)'),
  securityCredential: secret()
    .optional()
    .describe('SecurityCredential as the portal makes it; or give the two settings below'),
  initiatorPassword: secret()
    .optional()
    .describe("The initiator's password, to make the SecurityCredential from"),
  certificate: credential()
    .optional()
    .describe("PEM of the environment's certificate or public key, newlines may be written \\n"),
  identifierType: z.enum(['1', '2', '4']).default('4').describe('4 short code, 2 till, 1 phone number'),
  resultTimeoutMs: z.coerce
    .number()
    .int()
    .min(1_000)
    .default(240_000)
    .describe('A query without a result after this long is lost and sent again'),
});
type Settings = z.infer<typeof settings>;

/** Who asks. */
function askingParty(given: Settings): string | undefined {
  return shortCodesOf(given)?.[0];
}

export const daraja = defineProvider({
  id: 'daraja',
  title: 'Safaricom Daraja, Transaction Status',
  page: section22,
  currencies: ['KES'],
  settings: settings
    .refine((given) => askingParty(given) !== undefined, {
      path: ['shortCode'],
      error: 'give the short code here, or several as SHORT_CODES',
      when: () => true,
    })
    .refine((given) => credentialFault(given) === null, {
      path: ['securityCredential'],
      error: ({ input }) => credentialFault(input as Settings) ?? '',
      // Reported along with what else is missing, not only once that is corrected.
      when: () => true,
    }),
  reference,
  receipt: mpesaReceipt,
  merchant: [],
  aliases: (ref) => [idOf(ref)],
  asksByReceipt: (ref) => !askedByConversation(ref),
  guarantees: darajaResult.guarantees,
  auth: darajaAuth,
  defaults: { ratePerSecond: 2 },
  sandbox: { addresses: darajaSandbox, reference: (hex) => `ZZ${hex(8).toUpperCase()}` },

  request({ reference: ref, token, answerTo }, given) {
    const asked = askedByConversation(ref) ? 'OriginalConversationID' : 'TransactionID';
    return {
      method: 'POST',
      url: `${given.baseUrl}/mpesa/transactionstatus/v1/query`,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        Initiator: given.initiator,
        SecurityCredential: securityCredential(given),
        CommandID: 'TransactionStatusQuery',
        [asked]: idOf(ref),
        PartyA: askingParty(given),
        IdentifierType: given.identifierType,
        ResultURL: answerTo?.resultUrl,
        QueueTimeOutURL: answerTo?.timeoutUrl,
        Remarks: 'status',
        Occasion: 'status',
      }),
    };
  },

  answer,
  read(body): Finding | null {
    const error = readDarajaError(body);
    if (error !== null) return error;
    if (body.ResponseCode == null || body.ResponseCode === '') return null;
    return { about: 'call', code: `ResponseCode ${body.ResponseCode}`, message: body.ResponseDescription };
  },
  payment: statuses({}),
  call: new Map([
    ...darajaErrors,
    ...statuses({
      'ResponseCode 0': { reading: 'pending', awaited: true, from: `${section22}: answer at once` },
    }),
  ]),
  asyncResult: { ...darajaResult, resultTimeoutMs: ({ resultTimeoutMs }) => resultTimeoutMs },
  callback: {
    body: z.unknown(),
    aliases: () => [],
    reply: acceptedReply,
  },
});

function idOf(ref: Reference): string {
  // Older records hold receipts as they were typed.
  if (typeof ref === 'string') return canonicalReceipt(ref);
  return ref.transactionId === undefined
    ? (ref.originatorConversationId ?? '')
    : canonicalReceipt(ref.transactionId);
}

/** One RSA operation per account, not per query. */
const made = new WeakMap<object, string>();

function securityCredential(given: Settings): string {
  if (given.securityCredential !== undefined) return given.securityCredential;
  const known = made.get(given) ?? encrypt(given.initiatorPassword ?? '', given.certificate ?? '');
  made.set(given, known);
  return known;
}

/** Base64 of RSA with PKCS#1 v1.5 padding, not OAEP. Only the certificate's key matters: the published one has run out. */
function encrypt(password: string, pem: string): string {
  return publicEncrypt(
    { key: publicKeyOf(pem), padding: constants.RSA_PKCS1_PADDING },
    Buffer.from(password, 'utf8'),
  ).toString('base64');
}

function publicKeyOf(pem: string) {
  const text = pem.replaceAll('\\n', '\n');
  return text.includes('BEGIN CERTIFICATE') ? new X509Certificate(text).publicKey : createPublicKey(text);
}

function credentialFault(given: Settings): string | null {
  if (given.securityCredential !== undefined) return null;
  if (given.initiatorPassword === undefined || given.certificate === undefined) {
    return 'give the SecurityCredential, or the initiator password and the certificate to make it from';
  }
  try {
    encrypt(given.initiatorPassword, given.certificate);
    return null;
  } catch {
    // The reason is not passed on: it may repeat what it was given.
    return 'cannot be made: the certificate is no PEM certificate or public key of the RSA kind, or the password is too long for it';
  }
}
