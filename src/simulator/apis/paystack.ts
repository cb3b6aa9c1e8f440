import { createHmac } from 'node:crypto';
import { bearerToken, jsonReply, pathText, type Reply, textReply } from '../call.ts';
import { isoInstant } from '../printed.ts';
import type { ScriptedOrder } from '../scripted-orders.ts';
import { isPaid, type Present, presentState } from '../timeline.ts';
import type { ProviderApi, StatusRoute } from './api.ts';
import type { SimulatedProvider } from './simulated-provider.ts';
import { printedFor, type StateTable } from './state-table.ts';

type Printed = readonly [status: string, gatewayResponse: string];

/**
 * How each state is printed (paystack.com/docs, verify payments). There is one word for every failure; only the text for
 * people differs. A transaction that waits is `ongoing`, or `abandoned` while nobody has touched it: orders take turns.
 * Partly paid is success with the lower amount.
 */
const printed: StateTable<Printed> = {
  pending: ['ongoing', ''],
  paid: ['success', 'Approved'],
  'partly-paid': ['success', 'Approved'],
  'failed:insufficient-funds': ['failed', 'Insufficient funds'],
  'failed:cancelled': ['failed', 'Request cancelled by user'],
  'failed:wrong-pin': ['failed', 'Incorrect PIN'],
  'failed:limit-exceeded': ['failed', 'Transaction limit exceeded'],
  'failed:rejected': ['failed', 'Declined'],
  'expired:not-reached': ['failed', 'DS timeout user cannot be reached'],
  expired: ['failed', 'Transaction has expired'],
};

const credentials = { secretKey: 'sk_test_simulated-paystack-secret-key' };
const path = /^\/transaction\/verify\/([^/]+)$/;

function createPaystackApi(): ProviderApi {
  const status: StatusRoute = {
    kind: 'status',
    name: 'status',
    provider: 'paystack',
    matches: (call) => call.method === 'GET' && path.test(call.path),
    referenceIn: (call) => pathText(path.exec(call.path)?.[1]),
    refuse: (call) => (bearerToken(call) === credentials.secretKey ? undefined : unauthorised()),
    answer(call, order) {
      const present = order && presentState(order, call.at);
      if (!order || !present || present.state === 'not-found') return notFound(order);
      // The outer status is true for every transaction that is found.
      return jsonReply(200, {
        status: true,
        message: 'Verification successful',
        data: transaction(order, present),
      });
    },
  };
  return {
    id: 'paystack',
    routes: [status],
    unauthorised,
    throttled: () => failure(429, 'You have exceeded the number of requests', 'rate_limited'),
    unknownPath: () => textReply(404, 'Not Found'),
    callback(order, present) {
      const data = transaction(order, present);
      const body = JSON.stringify({
        event: isPaid(present.state) ? 'charge.success' : 'charge.failed',
        data,
      });
      const signature = createHmac('sha512', credentials.secretKey).update(body).digest('hex');
      return { body, headers: { 'x-paystack-signature': signature } };
    },
  };
}

/** A transaction as verified, and as pushed. */
function transaction(order: ScriptedOrder, { state, since }: Present): object {
  const { script, serial } = order;
  const [status, text] = printedFor(printed, state, (word) => [word, 'x']);
  const isUntouched = state === 'pending' && serial % 2 === 1;
  return {
    id: 4_099_260_000 + serial,
    domain: 'test',
    status: isUntouched ? 'abandoned' : status,
    reference: script.answeredReference ?? script.reference,
    receipt_number: isPaid(state) ? order.receipt : null,
    amount: cents(isPaid(state) ? order.amountPaid : script.amount),
    message: null,
    gateway_response: isUntouched ? 'The transaction was not completed' : text,
    paid_at: isPaid(state) ? isoInstant(since) : null,
    created_at: isoInstant(order.scriptedAt),
    channel: 'mobile_money',
    currency: 'KES',
    metadata: script.metadata ?? '',
    log: null,
    fees: isPaid(state) ? 150 : null,
    authorization: isPaid(state) ? { channel: 'mobile_money', bank: 'M-PESA', country_code: 'KE' } : {},
    customer: { id: 181_873_746, email: 'demo@test.example', phone: script.phone },
    // What was asked for, whatever came.
    requested_amount: cents(script.amount),
  };
}

function cents(amount: string): number {
  return Math.round(Number(amount) * 100);
}

function notFound(order: ScriptedOrder | undefined): Reply {
  const http = order?.script.notFoundHttpStatus ?? 400; // Both 400 and 404 are documented.
  return failure(http, 'Transaction reference not found.', 'transaction_not_found');
}

function unauthorised(): Reply {
  return failure(401, 'Invalid key', 'invalid_Key');
}

function failure(http: number, message: string, code: string): Reply {
  const meta = { nextStep: 'See the documentation' };
  return jsonReply(http, { status: false, message, meta, type: 'validation_error', code });
}

/** Paystack. */
export const paystack: SimulatedProvider<'paystack', typeof credentials> = {
  id: 'paystack',
  mount: 'paystack',
  credentials,
  settings: (url) => ({ baseUrl: `${url}/paystack` }),
  references: ({ hex }) => [{ key: `ord-${hex.slice(0, 20)}`, reference: `ord-${hex.slice(0, 20)}` }],
  outcomes: { failed: ['failed', 'rejected'], expired: ['failed', 'rejected'] },
  refusal: 'failed:cancelled',
  traits: { callbacks: true, retries: true, payouts: false, amount: true, receipt: true, login: false },
  create: () => createPaystackApi(),
};
