import { bearerToken, fieldText, jsonReply, queryText, type Reply, textReply } from '../call.ts';
import { nairobiMillis, plainNumber, uuidOf } from '../printed.ts';
import type { ScriptedOrder } from '../scripted-orders.ts';
import { isPaid, type Present, presentState } from '../timeline.ts';
import { createTokens } from '../tokens.ts';
import type { LoginRoute, ProviderApi, StatusRoute } from './api.ts';
import type { SimulatedProvider } from './simulated-provider.ts';
import { printedFor, type StateTable } from './state-table.ts';

type Printed = readonly [code: number | string, description: string, detail: string];

const declined = 'Unable to Authorize Transaction.Kindly contact your bank for assistance';

/**
 * How each state is printed: status_code, payment_status_description and payment_status_code (Pesapal API 3.0; providers.md,
 * 12). There is one word for every failure, and none for what expired. "not-found" is the error that an unpaid order has,
 * here under an HTTP error. Partly paid is 1 with the lower amount. A word of the script is printed as status_code.
 */
const printed: StateTable<Printed> = {
  pending: [0, 'INVALID', ''],
  paid: [1, 'Completed', ''],
  'partly-paid': [1, 'Completed', ''],
  'failed:insufficient-funds': [2, 'Failed', declined],
  'failed:cancelled': [2, 'Failed', 'request_terminated_by_user'],
  'failed:wrong-pin': [2, 'Failed', declined],
  'failed:limit-exceeded': [2, 'Failed', declined],
  'failed:rejected': [2, 'Failed', declined],
  'expired:not-reached': [2, 'Failed', 'request_timed_out'],
  expired: [2, 'Failed', 'request_timed_out'],
};

const credentials = {
  consumerKey: 'simulated-pesapal-consumer-key',
  consumerSecret: 'simulated-pesapal-consumer-secret',
};
const done = 'Request processed successfully';

/** Pesapal's GetTransactionStatus and RequestToken; its tokens live for five minutes. */
export function createPesapalApi(tokenLifetimeMs = 300_000): ProviderApi {
  const tokens = createTokens({ lifetimeMs: tokenLifetimeMs, newReplacesOld: false });
  const status: StatusRoute = {
    kind: 'status',
    name: 'status',
    provider: 'pesapal',
    matches: (call) => call.method === 'GET' && call.path === '/api/Transactions/GetTransactionStatus',
    referenceIn: (call) => queryText(call, 'orderTrackingId'),
    refuse: (call) => (tokens.check(bearerToken(call), call.at) === 'valid' ? undefined : unauthorised()),
    answer(call, order) {
      const present = order && presentState(order, call.at);
      if (!order || !present || present.state === 'not-found') {
        const error = {
          error_type: 'api_error',
          code: 'payment_details_not_found',
          message: 'Pending Payment',
        };
        return jsonReply(order?.script.notFoundHttpStatus ?? 404, { error, status: '500' });
      }
      return jsonReply(200, statusBody(order, present));
    },
  };
  const login: LoginRoute = {
    kind: 'login',
    providerOf: () => 'pesapal',
    matches: (call) => call.method === 'POST' && call.path === '/api/Auth/RequestToken',
    answer(call) {
      const isKnown =
        fieldText(call, 'consumer_key') === credentials.consumerKey &&
        fieldText(call, 'consumer_secret') === credentials.consumerSecret;
      // A refusal is HTTP 200, and its message is empty.
      if (!isKnown) return errorReply(200, 'api_error', 'invalid_consumer_key_or_secret_provided', '');
      const { token, expiresAt } = tokens.issue('pesapal', call.at);
      // Seven digits of a second, as .NET prints them.
      const expiryDate = new Date(expiresAt).toISOString().replace('Z', '0000Z');
      return jsonReply(200, { token, expiryDate, error: null, status: '200', message: done });
    },
  };
  return {
    id: 'pesapal',
    routes: [status, login],
    unauthorised,
    throttled: () => textReply(503, 'Service Unavailable'),
    unknownPath: () => textReply(404, ''),
    // No status in it. Merchants register it as a GET or as a POST.
    callback({ script }) {
      const query = new URLSearchParams({
        OrderTrackingId: script.answeredReference ?? script.reference,
        OrderMerchantReference: merchantReference(script),
        OrderNotificationType: 'IPNCHANGE',
      });
      return { method: 'GET', query: query.toString(), body: '' };
    },
    expireTokens: () => tokens.expire(),
  };
}

function statusBody(order: ScriptedOrder, { state }: Present): unknown {
  const { script } = order;
  const [status_code, description, detail] = printedFor(printed, state, (word) => [word, word, '']);
  const isOpen = status_code === 0;
  // A declined attempt has a method, an account and a confirmation code as well.
  const payment = isOpen
    ? { payment_method: '', confirmation_code: '', payment_account: '' }
    : { payment_method: 'MpesaKE', confirmation_code: order.receipt, payment_account: '2547xxx56689' };
  const error = isOpen
    ? { error_type: 'api_error', code: 'payment_details_not_found', message: 'Pending Payment' }
    : { error_type: null, code: null, message: null };
  const trackingId = script.answeredReference ?? script.reference;
  return {
    payment_method: payment.payment_method,
    // The amount asked for stands there before anything is paid.
    amount: plainNumber(isPaid(state) ? order.amountPaid : script.amount),
    created_date: nairobiMillis(order.scriptedAt).replace(' ', 'T'),
    confirmation_code: payment.confirmation_code,
    order_tracking_id: trackingId,
    payment_status_description: description,
    description: null,
    message: done,
    payment_account: payment.payment_account,
    call_back_url: `https://shop.example/paid?OrderTrackingId=${trackingId}`,
    status_code,
    merchant_reference: merchantReference(script),
    payment_status_code: detail,
    currency: 'KES',
    error,
    status: isOpen ? '500' : '200',
  };
}

function merchantReference(script: ScriptedOrder['script']): string {
  return script.externalReference ?? script.answeredReference ?? script.reference;
}

// Recorded: JobMwaura/zintra. The documents do not print it.
function unauthorised(): Reply {
  return errorReply(401, 'authentication_error', 'invalid_api_credentials_provided', 'Invalid Access Token');
}

function errorReply(http: number, error_type: string, code: string, message: string): Reply {
  return jsonReply(http, { error: { error_type, code, message }, status: '500', message: '' });
}

/** Pesapal. An order may carry the merchant's own reference, which answers repeat. */
export const pesapal: SimulatedProvider<'pesapal', typeof credentials> = {
  id: 'pesapal',
  mount: 'pesapal',
  credentials,
  settings: (url) => ({ baseUrl: `${url}/pesapal` }),
  references: ({ hex }) => {
    const key = uuidOf(hex);
    return [
      { key, reference: { orderTrackingId: key, merchantReference: key } },
      { key, reference: key },
    ];
  },
  outcomes: { failed: ['failed', 'rejected'], expired: ['failed', 'rejected'] },
  refusal: 'failed:cancelled',
  traits: { callbacks: true, retries: true, payouts: false, amount: true, receipt: true, login: true },
  create: ({ tokenLifetimeMs }) => createPesapalApi(tokenLifetimeMs),
};
