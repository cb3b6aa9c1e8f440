import { bearerToken, fieldText, jsonReply, pathText, type Reply } from '../call.ts';
import { isoInstant, javaDouble, nairobiMillis, shortText } from '../printed.ts';
import type { CallbackShape } from '../script.ts';
import type { ScriptedOrder } from '../scripted-orders.ts';
import { isPaid, isUnpaidEnd, type Present, presentState } from '../timeline.ts';
import { createTokens } from '../tokens.ts';
import type { State } from '../words.ts';
import type { LoginRoute, ProviderApi, StatusRoute } from './api.ts';
import type { SimulatedProvider } from './simulated-provider.ts';
import { printedFor, type StateTable } from './state-table.ts';

type Printed = readonly [order: string, invoice: string];

/**
 * How each state is printed: the order's status and that of its latest invoice (seed jenga-query-order-status).
 * A failed order stays "Pending" and only its invoice tells; every failure but an expiry is "Cancelled", because there is
 * no other word. A word of the script is printed as the order's status. Each attempt that ended before leaves its invoice.
 */
const printed: StateTable<Printed> = {
  pending: ['Pending', 'Pending'],
  paid: ['Paid', 'Paid'],
  'partly-paid': ['Paid', 'Paid'], // amountPaid below orderAmount
  'failed:insufficient-funds': ['Pending', 'Cancelled'],
  'failed:cancelled': ['Pending', 'Cancelled'],
  'failed:wrong-pin': ['Pending', 'Cancelled'],
  'failed:limit-exceeded': ['Pending', 'Cancelled'],
  'failed:rejected': ['Pending', 'Cancelled'],
  'expired:not-reached': ['Pending', 'Expired'],
  expired: ['Pending', 'Expired'],
};

const loginPath = '/authentication/api/v3/authenticate/merchant';
const statusPath = '/api-checkout/mpesa-stk-push/v3.0/status/order/';
/** The merchant that the simulator knows. */
const credentials = {
  apiKey: 'simulated-jenga-api-key',
  merchantCode: '0000000001',
  consumerSecret: 'simulated-jenga-consumer-secret',
};
const { apiKey, merchantCode, consumerSecret } = credentials;

/** Jenga, M-Pesa STK push with wallet-based settlement (seed jenga-query-order-status; providers.md, 1). */
export function createJengaApi(tokenLifetimeMs = 15 * 60_000): ProviderApi {
  const tokens = createTokens({ lifetimeMs: tokenLifetimeMs, newReplacesOld: false });
  const login: LoginRoute = {
    kind: 'login',
    providerOf: () => 'jenga',
    matches: (call) => call.method === 'POST' && call.path === loginPath,
    answer(call) {
      const isKnown =
        call.headers['api-key'] === apiKey &&
        fieldText(call, 'merchantCode') === merchantCode &&
        fieldText(call, 'consumerSecret') === consumerSecret;
      if (!isKnown) return unauthorised();
      const { token, issuedAt, expiresAt } = tokens.issue(merchantCode, call.at);
      return jsonReply(200, {
        accessToken: token,
        refreshToken: `refresh-${token}`,
        expiresIn: isoSeconds(expiresAt),
        issuedAt: isoSeconds(issuedAt),
        tokenType: 'Bearer',
      });
    },
  };
  const status: StatusRoute = {
    kind: 'status',
    name: 'status',
    provider: 'jenga',
    matches: (call) => call.method === 'GET' && call.path.startsWith(statusPath),
    referenceIn: (call) => pathText(call.path.slice(statusPath.length)),
    refuse: (call) => (tokens.check(bearerToken(call), call.at) === 'valid' ? undefined : unauthorised()),
    answer(call, order) {
      const present = order && presentState(order, call.at);
      if (!order || !present || present.state === 'not-found') return notFound(order);
      return jsonReply(200, statusBody(order, present));
    },
  };
  return {
    id: 'jenga',
    routes: [status, login],
    unauthorised,
    throttled: () => jsonReply(500, { status: false, code: '500100', message: 'Internal server error' }),
    unknownPath: () =>
      jsonReply(404, { status: false, code: 404, message: 'Not found', error_code: 'NOT_FOUND' }),
    callback: ipnBody,
    expireTokens: () => tokens.expire(),
  };
}

function unauthorised(): Reply {
  const message = 'Invalid or expired access token';
  return jsonReply(401, { status: false, code: 401, message, error_code: 'UNAUTHORIZED' });
}

// No document states the HTTP status that goes with 111102 (providers.md, 1).
function notFound(order: ScriptedOrder | undefined): Reply {
  const message = 'Transaction with the passed reference cannot be found';
  return jsonReply(order?.script.notFoundHttpStatus ?? 404, { status: false, code: '111102', message });
}

function statusBody(order: ScriptedOrder, present: Present): unknown {
  const { script, scriptedAt } = order;
  const orderReference = script.answeredReference ?? script.reference;
  const [orderStatus] = words(present.state);
  return {
    status: true,
    code: '0',
    message: 'Order found',
    data: {
      order: {
        orderAmount: javaDouble(script.amount),
        amountPaid: javaDouble(isPaid(present.state) ? order.amountPaid : '0.00'),
        orderReference,
        orderStatus,
        createdOn: Math.floor(scriptedAt),
      },
      invoices: invoicesUntil(order, present).map((at) => invoice(order, at, orderReference)),
    },
  };
}

function invoicesUntil({ script, scriptedAt }: ScriptedOrder, present: Present): Present[] {
  const earlier = script.timeline
    .slice(0, Math.max(present.step, 0))
    .map(({ state, afterMs }, step) => ({ state, step, since: scriptedAt + afterMs }))
    .filter(({ state }) => isUnpaidEnd(state));
  return [...earlier, present];
}

function invoice(order: ScriptedOrder, { state, since }: Present, orderReference: string): unknown {
  const [, invoiceStatus] = words(state);
  return {
    amount: javaDouble(order.script.amount),
    amountDebited: javaDouble(order.script.amount), // Filled even while pending (providers.md, 1).
    charge: javaDouble('1.00'),
    invoiceStatus,
    orderReference,
    externalReference: isPaid(state) ? order.receipt : null,
    createdOn: nairobiMillis(order.scriptedAt),
    completedOn: isPaid(state) ? nairobiMillis(since) : null,
  };
}

const words = (state: State): Printed => printedFor(printed, state, (word) => [word, 'Pending']);

// The old gateway's variant: no reference, an amount in text, a leading blank, the receipt hidden in additionalInfo.
function ipnBody(order: ScriptedOrder, { state, since }: Present, shape: CallbackShape | undefined): string {
  const { script, receipt } = order;
  const reference = script.answeredReference ?? script.reference;
  const isOld = shape === 'old-gateway';
  const word = typeof state === 'string' ? (isPaid(state) ? 'SUCCESS' : 'FAILED') : state.word;
  return JSON.stringify({
    callbackType: 'IPN',
    customer: { name: 'John Doe', mobileNumber: script.phone, reference: isOld ? null : reference },
    transaction: {
      date: nairobiMillis(since),
      reference: isOld ? ` ${reference}` : receipt,
      paymentMode: 'MPESA',
      amount: isOld ? shortText(order.amountPaid) : javaDouble(order.amountPaid),
      currency: 'KES',
      billNumber: reference,
      servedBy: 'EQ',
      additionalInfo: isOld ? `MPS ${script.phone} ${receipt} John Doe` : 'MPESA',
      orderAmount: javaDouble(script.amount),
      serviceCharge: javaDouble('1.00'),
      status: word,
      remarks: word === 'SUCCESS' ? '00:Approved' : 'Declined',
    },
    bank: { reference: isOld ? 'NONE' : null, transactionType: 'C', account: null },
  });
}

function isoSeconds(at: number): string {
  return isoInstant(at).replace(/\.\d{3}Z$/, 'Z');
}

/** Jenga. */
export const jenga: SimulatedProvider<'jenga', typeof credentials> = {
  id: 'jenga',
  mount: 'jenga',
  credentials,
  settings: (url) => ({ baseUrl: `${url}/jenga` }),
  references: ({ digits }) => [{ key: `OR${digits}`, reference: `OR${digits}` }],
  outcomes: { failed: ['failed', 'cancelled'], expired: ['expired', 'timed-out'] },
  refusal: 'failed:cancelled',
  traits: { callbacks: true, retries: true, payouts: false, amount: true, receipt: true, login: true },
  create: ({ tokenLifetimeMs }) => createJengaApi(tokenLifetimeMs),
};
