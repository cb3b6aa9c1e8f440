import { createECDH, createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { bearerToken, jsonReply, pathText, type Reply, textReply } from '../call.ts';
import { isoInstant, uuidOf } from '../printed.ts';
import type { ScriptedOrder } from '../scripted-orders.ts';
import { isPaid, type Present, presentState } from '../timeline.ts';
import type { ProviderApi, StatusRoute } from './api.ts';
import type { SimulatedProvider } from './simulated-provider.ts';
import { printedFor, type StateTable } from './state-table.ts';

type Printed = readonly [status: string, failureCode?: string];

/**
 * How each state is printed (docs.pawapay.io, version 2). A wrong PIN and a prompt that nobody answered have the code of
 * a cancelled one. Partly paid is COMPLETED with the lower amount.
 */
const printed: StateTable<Printed> = {
  pending: ['PROCESSING'],
  paid: ['COMPLETED'],
  'partly-paid': ['COMPLETED'],
  'failed:insufficient-funds': ['FAILED', 'INSUFFICIENT_BALANCE'],
  'failed:cancelled': ['FAILED', 'PAYMENT_NOT_APPROVED'],
  'failed:wrong-pin': ['FAILED', 'PAYMENT_NOT_APPROVED'],
  'failed:limit-exceeded': ['FAILED', 'PAYER_LIMIT_REACHED'],
  'failed:rejected': ['FAILED', 'UNSPECIFIED_FAILURE'],
  'expired:not-reached': ['FAILED', 'PAYER_NOT_FOUND'],
  expired: ['FAILED', 'PAYMENT_NOT_APPROVED'],
};

const credentials = { apiToken: 'simulated-pawapay-api-token' };
const path = /^(\/v2)?\/deposits\/([^/]+)$/;

function createPawapayApi(): ProviderApi {
  const status: StatusRoute = {
    kind: 'status',
    name: 'status',
    provider: 'pawapay',
    matches: (call) => call.method === 'GET' && path.test(call.path),
    referenceIn: (call) => pathText(path.exec(call.path)?.[2]),
    refuse: (call) => (bearerToken(call) === credentials.apiToken ? undefined : unauthorised()),
    answer(call, order) {
      const present = order && presentState(order, call.at);
      const isFirstVersion = path.exec(call.path)?.[1] === undefined;
      if (!order || !present || present.state === 'not-found') {
        return jsonReply(200, isFirstVersion ? [] : { status: 'NOT_FOUND' });
      }
      return jsonReply(
        200,
        isFirstVersion ? [firstVersion(order, present)] : { status: 'FOUND', data: deposit(order, present) },
      );
    },
  };
  return {
    id: 'pawapay',
    routes: [status],
    unauthorised,
    throttled: () => failure(500, 'UNKNOWN_ERROR', 'Unable to process request due to an unknown problem.'),
    unknownPath: () => textReply(404, 'Not Found'),
    callback(order, present) {
      const body = JSON.stringify(deposit(order, present));
      return { body, headers: signed(body, order.script.callbacks[0]?.url, present.since) };
    },
  };
}

/** The deposit of an answer, which is the whole body of a callback. */
function deposit(order: ScriptedOrder, { state }: Present): object {
  const { script } = order;
  const [status, failureCode] = words(state);
  return {
    ...idOf(order),
    status,
    amount: isPaid(state) ? order.amountPaid : script.amount,
    currency: 'KES',
    country: 'KEN',
    [script.direction === 'in' ? 'payer' : 'recipient']: {
      type: 'MMO',
      accountDetails: { phoneNumber: script.phone, provider: 'MPESA_KEN' },
    },
    customerMessage: 'To ACME company',
    clientReferenceId: script.externalReference ?? `INV-${order.serial}`,
    created: isoInstant(order.scriptedAt),
    ...(isPaid(state) && { providerTransactionId: order.receipt }),
    ...(failureCode && { failureReason: { failureCode, failureMessage: 'The payment was not made.' } }),
    metadata: { orderId: `INV-${order.serial}` },
  };
}

/** Version 1 of the same: four decimals, and what came in beside what was asked for. */
function firstVersion(order: ScriptedOrder, { state, since }: Present): object {
  const { script } = order;
  const [status, failureCode] = words(state);
  return {
    ...idOf(order),
    status: status === 'PROCESSING' ? 'SUBMITTED' : status,
    requestedAmount: `${script.amount}00`,
    ...(isPaid(state) && {
      depositedAmount: `${order.amountPaid}00`,
      respondedByPayer: isoInstant(since),
      correspondentIds: { MPESA_INIT: `ws_${order.serial}`, MPESA_FINAL: order.receipt },
    }),
    currency: 'KES',
    country: 'KEN',
    correspondent: 'MPESA_KEN',
    payer: { type: 'MSISDN', address: { value: script.phone } },
    statementDescription: 'To ACME company',
    customerTimestamp: isoInstant(order.scriptedAt),
    created: isoInstant(order.scriptedAt),
    ...(failureCode && { failureReason: { failureCode, failureMessage: 'The payment was not made.' } }),
  };
}

function idOf({ script }: ScriptedOrder): object {
  const id = script.answeredReference ?? script.reference;
  return script.direction === 'in' ? { depositId: id } : { payoutId: id };
}

const words = (state: Present['state']): Printed => printedFor(printed, state, (word) => [word]);

function unauthorised(): Reply {
  return failure(401, 'AUTHENTICATION_ERROR', 'The API token in the request is invalid.');
}

function failure(http: number, failureCode: string, failureMessage: string): Reply {
  return jsonReply(http, { status: 'REJECTED', failureReason: { failureCode, failureMessage } });
}

/** A key pair that is the same in every process, for those that run apart from the simulator. */
function keyPair() {
  const point = createECDH('prime256v1');
  point.setPrivateKey(createHash('sha256').update('simulated-pawapay').digest());
  const whole = point.getPublicKey();
  const jwk = {
    ...{ kty: 'EC', crv: 'P-256', d: point.getPrivateKey('base64url') },
    x: whole.toString('base64url', 1, 33),
    y: whole.toString('base64url', 33),
  };
  const privateKey = createPrivateKey({ key: jwk, format: 'jwk' });
  const pem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
  return { privateKey, pem };
}

const { privateKey, pem } = keyPair();

/** A callback's headers when signing is switched on in the dashboard (RFC 9421; docs.pawapay.io, Signatures). */
function signed(body: string, url: string | undefined, at: number): { [name: string]: string } {
  const { host, pathname } = new URL(url ?? 'http://127.0.0.1/');
  const digest = `sha-512=:${createHash('sha512').update(body).digest('base64')}:`;
  const values = {
    '@method': 'POST',
    '@authority': host,
    '@path': pathname,
    'signature-date': isoInstant(at),
    'content-digest': digest,
    'content-type': 'application/json',
  };
  const names = Object.keys(values).map((name) => `"${name}"`);
  const created = Math.floor(at / 1_000);
  const input = `(${names.join(' ')});alg="ecdsa-p256-sha256";keyid="HTTP_EC_P256_KEY:1";created=${created}`;
  const lines = Object.entries({ ...values, '@signature-params': input });
  const base = lines.map(([name, value]) => `"${name}": ${value}`).join('\n');
  const signature = sign('sha256', Buffer.from(base), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return {
    'content-digest': digest,
    'signature-date': values['signature-date'],
    signature: `sig-pp=:${signature.toString('base64')}:`,
    'signature-input': `sig-pp=${input}`,
  };
}

/** pawaPay. */
export const pawapay: SimulatedProvider<'pawapay', typeof credentials> = {
  id: 'pawapay',
  mount: 'pawapay',
  credentials,
  settings: (url) => ({
    baseUrl: `${url}/pawapay`,
    callbackPublicKeyPem: pem.trim().replaceAll('\n', '\\n'),
  }),
  references: ({ hex }) => {
    const key = uuidOf(hex);
    return [{ key, reference: key }];
  },
  outcomes: {
    'failed:insufficient-funds': ['failed', 'insufficient-funds'],
    'failed:cancelled': ['failed', 'cancelled'],
    'failed:wrong-pin': ['failed', 'cancelled'],
    'failed:limit-exceeded': ['failed', 'limit-exceeded'],
    'failed:rejected': ['failed', 'rejected'],
    'expired:not-reached': ['failed', 'not-reached'],
    expired: ['failed', 'cancelled'],
  },
  refusal: 'failed:insufficient-funds',
  traits: { callbacks: true, retries: false, payouts: true, amount: true, receipt: true, login: false },
  create: () => createPawapayApi(),
};
