import { createHmac } from 'node:crypto';
import { bearerToken, type Call, fieldText, jsonReply, pathText, type Reply } from '../call.ts';
import type { ScriptedOrder } from '../scripted-orders.ts';
import { isPaid, type Present, presentState } from '../timeline.ts';
import { createTokens } from '../tokens.ts';
import type { State } from '../words.ts';
import type { LoginRoute, ProviderApi, StatusRoute } from './api.ts';
import type { SimulatedProvider } from './simulated-provider.ts';
import { printedFor, type StateTable } from './state-table.ts';

type Printed = readonly [status: string, envelope: object];

/** The envelopes of the official samples. Which of them comes with which payment depends on the version of the portal. */
const success = {
  code: '200',
  message: 'SUCCESS',
  result_code: 'ESB000010',
  response_code: 'DP00800001006',
  success: true,
};
const failure = { response_code: 'DP00800001005', code: '200', success: false, message: 'FAILED' };

/**
 * How each state is printed: `data.transaction.status` and the envelope around it (Airtel Africa, Collections;
 * providers.md, 13). Paid comes with `success: false`, failed with "SUCCESS". "not-found" is an error with HTTP 200. No
 * amount is printed, so partly paid looks like paid. A word of the script is printed as the status.
 */
const printed: StateTable<Printed> = {
  pending: ['TIP', success],
  paid: ['TS', { ...success, success: false }],
  'partly-paid': ['TS', success],
  'failed:insufficient-funds': ['TF', { ...success, response_code: 'DP00800001007' }],
  'failed:cancelled': ['TF', success],
  'failed:wrong-pin': ['TF', { ...success, response_code: 'DP00800001002' }],
  'failed:limit-exceeded': ['TF', { ...failure, response_code: 'DP00800001003' }],
  'failed:rejected': ['TF', failure],
  'expired:not-reached': ['TE', { ...success, response_code: 'DP00800001024' }],
  expired: ['TE', failure],
};

const credentials = {
  clientId: 'simulated-airtel-client',
  clientSecret: 'simulated-airtel-client-secret',
  callbackKey: 'simulated-airtel-callback-key',
};
const market = { country: 'KE', currency: 'KES' };
const paymentPath = /^\/standard\/v1\/payments\/([^/]+)$/;

/** Airtel's transaction enquiry and login; its tokens live for three minutes. */
export function createAirtelMoneyApi(tokenLifetimeMs = 180_000): ProviderApi {
  const tokens = createTokens({ lifetimeMs: tokenLifetimeMs, newReplacesOld: false });
  const status: StatusRoute = {
    kind: 'status',
    name: 'status',
    provider: 'airtel-money',
    matches: (call) => call.method === 'GET' && paymentPath.test(call.path),
    referenceIn: (call) => pathText(paymentPath.exec(call.path)?.[1]),
    refuse: (call) =>
      tokens.check(bearerToken(call), call.at) === 'valid' ? wrongMarket(call) : unauthorised(),
    answer(call, order) {
      const present = order && presentState(order, call.at);
      if (!order || !present || present.state === 'not-found') {
        return errorReply('ESB000045', 'No Transaction Found With Provided Transaction Id.');
      }
      return jsonReply(200, statusBody(order, present));
    },
  };
  const login: LoginRoute = {
    kind: 'login',
    providerOf: () => 'airtel-money',
    matches: (call) => call.method === 'POST' && call.path === '/auth/oauth2/token',
    answer(call) {
      const isKnown =
        fieldText(call, 'client_id') === credentials.clientId &&
        fieldText(call, 'client_secret') === credentials.clientSecret &&
        fieldText(call, 'grant_type') === 'client_credentials';
      if (!isKnown) {
        return jsonReply(401, {
          error: 'invalid_client',
          error_description: 'Client authentication failed.',
        });
      }
      const { token } = tokens.issue('airtel-money', call.at);
      // The lifetime is a text.
      const expires_in = String(Math.floor(tokenLifetimeMs / 1_000));
      return jsonReply(200, { token_type: 'bearer', access_token: token, expires_in });
    },
  };
  return {
    id: 'airtel-money',
    routes: [status, login],
    unauthorised,
    throttled: () => errorReply('ROUTER117', 'Request Timeout'),
    unknownPath: () => jsonReply(404, { error: 'not_found' }),
    callback(order, { state }) {
      const { script } = order;
      const transaction = {
        id: script.answeredReference ?? script.reference,
        message: 'Paid to SHOP',
        status_code: words(state)[0],
        airtel_money_id: order.receipt,
      };
      const hash = createHmac('sha256', credentials.callbackKey)
        .update(JSON.stringify(transaction))
        .digest('base64');
      return JSON.stringify({ transaction, hash });
    },
    expireTokens: () => tokens.expire(),
  };
}

function statusBody(order: ScriptedOrder, { state }: Present): unknown {
  const { script } = order;
  const [status, envelope] = words(state);
  // An official sample of a failure has the id of Airtel, too.
  const hasReceipt = isPaid(state) || status === 'TF';
  const transaction = {
    ...(hasReceipt && { airtel_money_id: order.receipt }),
    id: script.answeredReference ?? script.reference,
    message: isPaid(state) ? `Paid KES ${script.amount} to SHOP` : 'Transaction',
    status,
  };
  return { data: { transaction }, status: envelope };
}

const words = (state: State): Printed => printedFor(printed, state, (word) => [word, success]);

/** A request for another market, or for none. */
function wrongMarket({ headers }: Call): Reply | undefined {
  if (headers['x-country'] !== market.country) return errorReply('ROUTER006', 'Invalid Country');
  return headers['x-currency'] === market.currency ? undefined : errorReply('ROUTER112', 'Invalid Currency');
}

function unauthorised(): Reply {
  return jsonReply(401, { error: 'invalid_token', error_description: 'Invalid access token' });
}

/** Errors come with HTTP 200, and without `data`. */
function errorReply(result_code: string, message: string): Reply {
  return jsonReply(200, { status: { code: '200', message, result_code, success: false } });
}

/** Airtel Money. */
export const airtelMoney: SimulatedProvider<'airtel-money', typeof credentials> = {
  id: 'airtel-money',
  mount: 'airtel-money',
  credentials,
  // Its default of three minutes between polls is longer than a story.
  settings: (url) => ({ baseUrl: `${url}/airtel-money`, minIntervalMs: 1_000 }),
  references: ({ hex }) => {
    const key = hex.slice(0, 24);
    return [{ key, reference: key }];
  },
  outcomes: { failed: ['failed', 'rejected'], expired: ['expired', 'timed-out'] },
  refusal: 'failed:cancelled',
  traits: { callbacks: true, retries: true, payouts: false, amount: false, receipt: true, login: true },
  create: ({ tokenLifetimeMs }) => createAirtelMoneyApi(tokenLifetimeMs),
};
