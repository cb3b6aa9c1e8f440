import { basicPair, bearerToken, type Call, jsonReply, pathText, type Reply } from '../call.ts';
import { shortText, uuidOf } from '../printed.ts';
import type { ScriptedOrder } from '../scripted-orders.ts';
import { type Present, presentState } from '../timeline.ts';
import { createTokens } from '../tokens.ts';
import type { LoginRoute, ProviderApi, StatusRoute } from './api.ts';
import type { SimulatedProvider } from './simulated-provider.ts';
import { printedFor, type StateTable } from './state-table.ts';

type Printed = readonly [status: string, reason?: string];

/**
 * How each state is printed: `status` and `reason` (docs/providers.md section 9). "not-found" is RESOURCE_NOT_FOUND. There is no word for
 * a wrong PIN, nor for a phone that was not reached. A word of the script is printed as `status`.
 */
const printed: StateTable<Printed> = {
  pending: ['PENDING'],
  paid: ['SUCCESSFUL'],
  'partly-paid': ['SUCCESSFUL'],
  'failed:insufficient-funds': ['FAILED', 'NOT_ENOUGH_FUNDS'],
  'failed:cancelled': ['FAILED', 'APPROVAL_REJECTED'],
  'failed:wrong-pin': ['FAILED', 'INTERNAL_PROCESSING_ERROR'],
  'failed:limit-exceeded': ['FAILED', 'PAYER_LIMIT_REACHED'],
  'failed:rejected': ['FAILED', 'PAYEE_NOT_ALLOWED_TO_RECEIVE'],
  'expired:not-reached': ['FAILED', 'COULD_NOT_PERFORM_TRANSACTION'],
  expired: ['FAILED', 'EXPIRED'],
};

const credentials = {
  apiUser: 'simulated-mtn-momo-api-user',
  apiKey: 'simulated-mtn-momo-api-key',
  subscriptionKey: 'simulated-mtn-momo-subscription-key',
  targetEnvironment: 'sandbox',
};
/** The sandbox has euros only, and MTN no market in Kenya; the orders of demo and chaos test are in shillings. */
const currency = 'KES';
const paymentPath = /^\/collection\/v1_0\/requesttopay\/([^/]+)$/;

function createMtnMomoApi(tokenLifetimeMs = 3_600_000): ProviderApi {
  const tokens = createTokens({ lifetimeMs: tokenLifetimeMs, newReplacesOld: false });
  const login: LoginRoute = {
    kind: 'login',
    providerOf: () => 'mtn-momo',
    matches: (call) => call.method === 'POST' && call.path === '/collection/token/',
    answer(call) {
      const pair = basicPair(call);
      if (!hasSubscription(call)) return wrongSubscription();
      if (pair?.user !== credentials.apiUser || pair.password !== credentials.apiKey)
        return jsonReply(500, { error: 'login_failed' });
      const { token } = tokens.issue(pair.user, call.at);
      const expires_in = Math.floor(tokenLifetimeMs / 1_000);
      return jsonReply(200, { access_token: token, token_type: 'access_token', expires_in });
    },
  };
  const status: StatusRoute = {
    kind: 'status',
    name: 'status',
    provider: 'mtn-momo',
    matches: (call) => call.method === 'GET' && paymentPath.test(call.path),
    referenceIn: (call) => pathText(paymentPath.exec(call.path)?.[1]),
    refuse(call) {
      if (!hasSubscription(call)) return wrongSubscription();
      if (tokens.check(bearerToken(call), call.at) !== 'valid') return unauthorised();
      return call.headers['x-target-environment'] === credentials.targetEnvironment
        ? undefined
        : error(500, 'NOT_ALLOWED_TARGET_ENVIRONMENT');
    },
    answer(call, order) {
      const present = order && presentState(order, call.at);
      if (!order || !present || present.state === 'not-found') return error(404, 'RESOURCE_NOT_FOUND');
      return jsonReply(200, body(order, present));
    },
  };
  return {
    id: 'mtn-momo',
    routes: [status, login],
    unauthorised,
    throttled: () => error(503, 'SERVICE_UNAVAILABLE'),
    unknownPath: () => jsonReply(404, { statusCode: 404, message: 'Resource not found' }),
    // The same body, put once.
    callback: (order, present) => ({ method: 'PUT', body: JSON.stringify(body(order, present)) }),
    expireTokens: () => tokens.expire(),
  };
}

function body(order: ScriptedOrder, { state }: Present): object {
  const { script, receipt, amountPaid } = order;
  const [status, reason] = printedFor(printed, state, (word) => [word]);
  const party = { partyIdType: 'MSISDN', partyId: script.phone };
  // The transaction's number is there while it is pending, and missing when it failed.
  const hasNumber = status === 'PENDING' || status === 'SUCCESSFUL';
  return {
    ...(hasNumber && { financialTransactionId: receipt }),
    externalId: script.externalReference ?? script.answeredReference ?? script.reference,
    amount: shortText(status === 'SUCCESSFUL' ? amountPaid : script.amount),
    currency,
    ...(script.direction === 'in' ? { payer: party } : { payee: party }),
    payerMessage: 'Payment',
    payeeNote: 'Payment',
    status,
    ...(reason && { reason }),
  };
}

function hasSubscription(call: Call): boolean {
  return call.headers['ocp-apim-subscription-key'] === credentials.subscriptionKey;
}

function wrongSubscription(): Reply {
  return jsonReply(401, { statusCode: 401, message: 'Access denied due to invalid subscription key.' });
}

function unauthorised(): Reply {
  return jsonReply(401, { statusCode: 401, message: 'Unauthorized' });
}

function error(status: number, code: string): Reply {
  return jsonReply(status, { code, message: code });
}

export const mtnMomo: SimulatedProvider<'mtn-momo', typeof credentials> = {
  id: 'mtn-momo',
  mount: 'mtn-momo',
  credentials,
  settings: (url) => ({ baseUrl: `${url}/mtn-momo`, currency }),
  references({ hex }) {
    const key = uuidOf(hex);
    // Its callbacks name the externalId, so an order carries both.
    return [{ key, reference: { referenceId: key, externalId: key } }];
  },
  outcomes: {
    'failed:insufficient-funds': ['failed', 'insufficient-funds'],
    'failed:cancelled': ['failed', 'cancelled'],
    'failed:limit-exceeded': ['failed', 'limit-exceeded'],
    failed: ['failed', 'rejected'],
    expired: ['expired', 'timed-out'],
  },
  refusal: 'failed:insufficient-funds',
  traits: { callbacks: true, retries: true, payouts: true, amount: true, receipt: true, login: true },
  create: ({ tokenLifetimeMs }) => createMtnMomoApi(tokenLifetimeMs),
};
