import { basicPair, bearerToken, type Call, jsonReply, pathText, queryText, type Reply } from '../call.ts';
import { isoInstant, shortText, uuidOf } from '../printed.ts';
import type { ScriptedOrder } from '../scripted-orders.ts';
import { isPaid, type Present, presentState } from '../timeline.ts';
import { createTokens } from '../tokens.ts';
import type { State } from '../words.ts';
import type { LoginRoute, ProviderApi, StatusRoute } from './api.ts';
import type { SimulatedProvider } from './simulated-provider.ts';
import { printedFor, type StateTable } from './state-table.ts';

type Printed = readonly [status: string, message: string];

/**
 * How each state is printed: `status` and `message` (seed tanda-request-status; providers.md, 5). "not-found" is the error
 * envelope E404000. An empty wallet and a rejection have codes of their own; every other end without money is E422022.
 * Partly paid is S000000 with the lower `result.amount`. A word of the script is printed as `status`.
 */
const printed: StateTable<Printed> = {
  pending: ['P202000', 'Successful. Request is being processed.'], // It does begin with "Successful."
  paid: ['S000000', 'Test payment successful, however, no e-value will be disbursed.'],
  'partly-paid': ['S000000', 'Test payment successful, however, no e-value will be disbursed.'],
  'failed:insufficient-funds': ['E422006', 'Request failed. Insufficient wallet balance.'],
  'failed:cancelled': ['E422022', 'Payment request validation failed.'],
  'failed:wrong-pin': ['E422022', 'Payment request validation failed.'],
  'failed:limit-exceeded': ['E422022', 'Payment request validation failed.'],
  'failed:rejected': ['E422005', 'Request failed. Product not found.'],
  'expired:not-reached': ['E422022', 'Payment request validation failed.'],
  expired: ['E422022', 'Payment request validation failed.'],
};

const credentials = {
  clientId: 'simulated-tanda-client-id',
  clientSecret: 'simulated-tanda-client-secret',
  organizationId: 'simulated-organization',
  consumerId: 'simulated-consumer',
  shortCode: '300300',
};
const { clientId, clientSecret, organizationId, consumerId, shortCode } = credentials;
const loginPath = '/v1/oauth2/token';
const base = '/io/v3/organizations/';
const merchantPath = new RegExp(`^${base}([^/]+)/request/([^/]+)$`);
const consumerPath = new RegExp(`^${base}([^/]+)/consumers/([^/]+)/request/([^/]+)$`);

/** Tanda v3: the consumer product (the seed), the merchant product, and the identity service (providers.md, 5). */
export function createTandaApi(tokenLifetimeMs = 3_599_000): ProviderApi {
  const tokens = createTokens({ lifetimeMs: tokenLifetimeMs, newReplacesOld: false });
  const refuseToken = (call: Call): Reply | undefined =>
    tokens.check(bearerToken(call), call.at) === 'valid' ? undefined : unauthorised();
  const login: LoginRoute = {
    kind: 'login',
    providerOf: () => 'tanda',
    matches: (call) => call.method === 'POST' && call.path === loginPath,
    answer(call) {
      const form = new URLSearchParams(call.body);
      // The documents use Basic, the vendor's own clients the form (providers.md, 5).
      const pair = basicPair(call) ?? { user: form.get('client_id'), password: form.get('client_secret') };
      const isKnown = pair.user === clientId && pair.password === clientSecret;
      if (!isKnown || form.get('grant_type') !== 'client_credentials') return invalidClient();
      const { token } = tokens.issue(clientId, call.at);
      const expires_in = Math.floor(tokenLifetimeMs / 1_000);
      return jsonReply(200, { access_token: token, token_type: 'Bearer', expires_in });
    },
  };
  const consumer: StatusRoute = {
    kind: 'status',
    name: 'status-of-consumer',
    provider: 'tanda',
    matches: (call) => call.method === 'GET' && consumerPath.test(call.path),
    referenceIn: (call) => pathText(consumerPath.exec(call.path)?.[3]),
    refuse(call) {
      const [, organization, asked] = consumerPath.exec(call.path) ?? [];
      const isOurs = organization === organizationId && asked === consumerId;
      return refuseToken(call) ?? (isOurs ? undefined : accessDenied());
    },
    answer: (call, order) => answer(call, order, 'consumer'),
  };
  const merchant: StatusRoute = {
    kind: 'status',
    name: 'status-of-merchant',
    provider: 'tanda',
    matches: (call) => call.method === 'GET' && merchantPath.test(call.path),
    referenceIn: (call) => pathText(merchantPath.exec(call.path)?.[2]),
    refuse(call) {
      const isOurs =
        merchantPath.exec(call.path)?.[1] === organizationId && queryText(call, 'shortCode') === shortCode;
      return refuseToken(call) ?? (isOurs ? undefined : accessDenied());
    },
    answer: (call, order) => answer(call, order, 'merchant'),
  };
  return {
    id: 'tanda',
    routes: [consumer, merchant, login],
    unauthorised,
    throttled: () => envelope(503, 'E503000', 'Service unavailable', 'Product or service is unavailable.'),
    unknownPath: () => envelope(404, 'E404000', 'Not found', 'no such resource.'),
    callback: ipnBody,
    expireTokens: () => tokens.expire(),
  };
}

function answer(call: Call, order: ScriptedOrder | undefined, product: Product): Reply {
  const present = order && presentState(order, call.at);
  if (!order || !present || present.state === 'not-found') {
    return envelope(404, 'E404000', 'Not found', 'request not found.');
  }
  return jsonReply(200, statusBody(order, present, product));
}

function statusBody(order: ScriptedOrder, { state, since }: Present, product: Product): unknown {
  const { script, scriptedAt } = order;
  const [status, message] = words(state);
  const paid = isPaid(state);
  return {
    trackingId: script.answeredReference ?? script.reference,
    transactionId: transactionId(order),
    reference: script.externalReference ?? script.reference,
    status,
    message,
    error: '',
    type: script.direction === 'in' ? 'Payment' : 'Payout',
    datetimeCreated: isoInstant(scriptedAt),
    lastUpdated: isoInstant(since),
    datetimeCompleted: state === 'pending' ? null : isoInstant(since),
    result: {
      accountNumber: script.phone,
      amount: paid ? order.amountPaid : '0.00',
      customerFee: '0.00',
      ref: paid ? order.receipt : '',
      storeFee: '',
    },
    request: {
      accountNumber: script.phone,
      amount: shortText(script.amount), // "1" here and "1.00" in the result, as in the seed.
      commandId: commandIds[product][script.direction],
      mobileNumber: script.phone,
      narration: 'Payment',
    },
    ipn: { url: 'https://merchant.example/tanda-ipn' },
    results: null,
  };
}

type Product = 'consumer' | 'merchant';

// Only the consumer's "out" is in the seed; the merchant's are those of public clients, the consumer's "in" is inferred.
const commandIds: Record<Product, Record<'in' | 'out', string>> = {
  consumer: { in: 'ConsumerMobileMoneyDeposit', out: 'ConsumerMobileMoneyWithdrawal' },
  merchant: { in: 'CustomerToMerchantMobileMoneyPayment', out: 'MerchantToCustomerMobileMoneyPayment' },
};

const words = (state: State): Printed =>
  printedFor(printed, state, (word) => [word, 'Request is in an unlisted state.']);

function transactionId({ serial }: ScriptedOrder): string {
  return `DRU${serial.toString(36).toUpperCase().padStart(8, '0')}`;
}

// No amount, no signature (providers.md, 5).
function ipnBody(order: ScriptedOrder, { state, since }: Present): string {
  const { script } = order;
  const [status, message] = words(state);
  return JSON.stringify({
    trackingId: script.answeredReference ?? script.reference,
    transactionId: transactionId(order),
    reference: script.externalReference ?? script.reference,
    status,
    message,
    timestamp: isoInstant(since),
    result: { ref: isPaid(state) ? order.receipt : '' },
  });
}

function invalidClient(): Reply {
  return jsonReply(401, { error: 'invalid_client', error_description: 'Client authentication failed.' });
}

function unauthorised(): Reply {
  return envelope(401, 'E401000', 'Unauthorized', 'invalid token.');
}

function accessDenied(): Reply {
  return envelope(403, 'E403000', 'Access denied', 'no access to this organization, consumer or short code.');
}

function envelope(http: number, status: string, error: string, description: string): Reply {
  return jsonReply(http, { status, category: 'Business', severity: 'Low', error, description });
}

/** Tanda. */
export const tanda: SimulatedProvider<'tanda', typeof credentials> = {
  id: 'tanda',
  mount: 'tanda',
  credentials,
  settings: (url) => ({ baseUrl: `${url}/tanda`, identityUrl: `${url}/tanda` }),
  references: ({ hex }) => {
    const key = uuidOf(hex);
    return [{ key, reference: key }];
  },
  outcomes: {
    'failed:insufficient-funds': ['failed', 'insufficient-funds'],
    failed: ['failed', 'rejected'],
    expired: ['failed', 'rejected'],
  },
  refusal: 'failed:insufficient-funds',
  traits: { callbacks: true, retries: false, payouts: true, amount: true, receipt: true, login: true },
  create: ({ tokenLifetimeMs }) => createTandaApi(tokenLifetimeMs),
};
