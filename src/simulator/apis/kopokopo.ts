import { createHmac } from 'node:crypto';
import { bearerToken, jsonReply, pathText, type Reply } from '../call.ts';
import { nairobiSeconds, uuidOf } from '../printed.ts';
import type { ScriptedOrder } from '../scripted-orders.ts';
import { isPaid, type Present, presentState } from '../timeline.ts';
import { createTokens } from '../tokens.ts';
import type { ProviderApi } from './api.ts';
import type { SimulatedProvider } from './simulated-provider.ts';
import { printedFor, type StateTable } from './state-table.ts';

type Printed = readonly [status: string, errors: string | null];

/**
 * How each state is printed (api-docs.kopokopo.com, incoming payments). Failures differ by free text only. A request
 * that waits is `Pending`, or `Received` as the WooCommerce plugin meets it: orders take turns. Partly paid is Success
 * with the lower amount.
 */
const printed: StateTable<Printed> = {
  pending: ['Pending', null],
  paid: ['Success', null],
  'partly-paid': ['Success', null],
  'failed:insufficient-funds': ['Failed', 'The balance is insufficient for the transaction'],
  'failed:cancelled': ['Failed', 'Request cancelled by user'],
  'failed:wrong-pin': ['Failed', 'The initiator information is invalid.'],
  'failed:limit-exceeded': ['Failed', 'Declined due to limit rule'],
  'failed:rejected': ['Failed', 'The transaction was rejected'],
  'expired:not-reached': ['Failed', 'DS timeout user cannot be reached'],
  expired: ['Failed', 'Transaction has expired'],
};

const credentials = {
  clientId: 'simulated-kopokopo-client',
  clientSecret: 'simulated-kopokopo-client-secret',
  apiKey: 'simulated-kopokopo-api-key',
};
const path = /^\/api\/v[12]\/incoming_payments\/([^/]+)$/;

function createKopokopoApi(tokenLifetimeMs = 3_600_000): ProviderApi {
  const tokens = createTokens({ lifetimeMs: tokenLifetimeMs, newReplacesOld: false });
  return {
    id: 'kopokopo',
    routes: [
      {
        kind: 'status',
        name: 'status',
        provider: 'kopokopo',
        matches: (call) => call.method === 'GET' && path.test(call.path),
        referenceIn: (call) => pathText(path.exec(call.path)?.[1]),
        refuse: (call) => (tokens.check(bearerToken(call), call.at) === 'valid' ? undefined : unauthorised()),
        answer(call, order) {
          const present = order && presentState(order, call.at);
          if (!order || !present || present.state === 'not-found') return notFound();
          return jsonReply(200, incomingPayment(order, present));
        },
      },
      {
        kind: 'login',
        providerOf: () => 'kopokopo',
        matches: (call) => call.method === 'POST' && call.path === '/oauth/token',
        answer(call) {
          const form = new URLSearchParams(call.body);
          const isKnown =
            form.get('grant_type') === 'client_credentials' &&
            form.get('client_id') === credentials.clientId &&
            form.get('client_secret') === credentials.clientSecret;
          if (!isKnown) return oauthError(401, 'invalid_client', 'Client authentication failed.');
          const { token, issuedAt } = tokens.issue('kopokopo', call.at);
          const seconds = Math.max(1, Math.floor(tokenLifetimeMs / 1_000));
          return jsonReply(200, {
            access_token: token,
            token_type: 'Bearer',
            expires_in: seconds,
            created_at: Math.floor(issuedAt / 1_000),
          });
        },
      },
    ],
    unauthorised,
    throttled: () => jsonReply(503, { error_code: 503, error_message: 'Service Unavailable' }),
    unknownPath: notFound,
    callback(order, present) {
      const body = JSON.stringify(incomingPayment(order, present));
      const signature = createHmac('sha256', credentials.apiKey).update(body).digest('hex');
      return { body, headers: { 'x-kopokopo-signature': signature } };
    },
    expireTokens: () => tokens.expire(),
  };
}

/** The answer, which is also the body of a callback. */
function incomingPayment(order: ScriptedOrder, { state, since }: Present): object {
  const { script, serial } = order;
  const [status, errors] = printedFor(printed, state, (word) => [word, null]);
  const id = script.answeredReference ?? script.reference;
  return {
    data: {
      id,
      type: 'incoming_payment',
      attributes: {
        initiation_time: eastAfrican(order.scriptedAt),
        status: state === 'pending' && serial % 2 === 1 ? 'Received' : status,
        event: {
          type: 'Incoming Payment Request',
          resource: isPaid(state) ? payment(order, since) : null,
          errors,
        },
        metadata: script.metadata ?? { reference: String(serial) },
        _links: {
          callback_url: 'https://shop.example/payments',
          // Of another host and version, as in the samples.
          self: `http://localhost:3000/api/v1/incoming_payments/${id}`,
        },
      },
    },
  };
}

/** The M-Pesa payment: its own status is Received, and half of the samples print the amount as text. */
function payment(order: ScriptedOrder, since: number): object {
  const amount = Number(order.amountPaid);
  return {
    id: `52f86eaf-6b7d-4a8c-a8b1-${String(order.serial).padStart(12, '0')}`,
    reference: order.receipt,
    origination_time: eastAfrican(since),
    sender_phone_number: `+${order.script.phone}`,
    amount: order.serial % 2 === 1 ? order.amountPaid.replace(/0$/, '') : amount,
    currency: 'KES',
    till_number: '514459',
    system: 'Lipa Na M-PESA',
    status: 'Received',
    sender_first_name: 'Joe',
    sender_middle_name: null,
    sender_last_name: 'Buyer',
  };
}

function eastAfrican(at: number): string {
  return `${nairobiSeconds(at).replace(' ', 'T')}+03:00`;
}

function unauthorised(): Reply {
  return oauthError(401, 'invalid_token', 'The access token is invalid');
}

function oauthError(http: number, error: string, error_description: string): Reply {
  return jsonReply(http, { error, error_description });
}

function notFound(): Reply {
  return jsonReply(404, { error_code: 404, error_message: 'Not found' });
}

/** Kopo Kopo. */
export const kopokopo: SimulatedProvider<'kopokopo', typeof credentials> = {
  id: 'kopokopo',
  mount: 'kopokopo',
  credentials,
  settings: (url) => ({ baseUrl: `${url}/kopokopo` }),
  references: ({ hex }) => {
    const key = uuidOf(hex);
    const location = `https://sandbox.kopokopo.com/api/v1/incoming_payments/${key}`;
    return [
      { key, reference: location },
      { key, reference: key },
    ];
  },
  outcomes: { failed: ['failed', 'rejected'], expired: ['failed', 'rejected'] },
  refusal: 'failed:insufficient-funds',
  traits: { callbacks: true, retries: true, payouts: false, amount: true, receipt: true, login: true },
  create: ({ tokenLifetimeMs }) => createKopokopoApi(tokenLifetimeMs),
};
