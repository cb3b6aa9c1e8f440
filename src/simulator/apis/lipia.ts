import { bearerToken, type Call, jsonReply, queryText, type Reply, textReply } from '../call.ts';
import { isoInstant, plainNumber } from '../printed.ts';
import type { CallbackShape } from '../script.ts';
import type { ScriptedOrder } from '../scripted-orders.ts';
import { isPaid, type Present, presentState } from '../timeline.ts';
import type { State } from '../words.ts';
import type { ProviderApi, StatusRoute } from './api.ts';
import type { SimulatedProvider } from './simulated-provider.ts';
import { printedFor, type StateTable } from './state-table.ts';

type Printed = readonly [status: string, code: number, text: string];

/**
 * How each state is printed: Status, ResultCode and ResultDesc (seed lipia-transaction-status; codes in providers.md, 2.3
 * and 4). "not-found" is an error body. One word covers every failure and only ResultCode refines it; the text of code 1 is
 * the seed's own, which does not agree with its code. Partly paid is SUCCESS with the lower Amount. A word of the script is
 * printed as Status.
 */
const printed: StateTable<Printed> = {
  pending: ['PENDING', 0, 'Payment is still being processed'],
  paid: ['SUCCESS', 0, 'Payment completed successfully'],
  'partly-paid': ['SUCCESS', 0, 'Payment completed successfully'],
  'failed:insufficient-funds': ['FAILED', 1, 'The initiator information is invalid'],
  'failed:cancelled': ['FAILED', 1032, 'Request cancelled by user'],
  'failed:wrong-pin': ['FAILED', 2001, 'The initiator information is invalid'],
  'failed:limit-exceeded': ['FAILED', 4, 'Declined due to limit rule'],
  'failed:rejected': ['FAILED', 9999, 'Request failed'],
  'expired:not-reached': ['FAILED', 1037, 'DS timeout user cannot be reached'],
  expired: ['FAILED', 1019, 'Transaction has expired'],
};

const path = '/payments/status';
const credentials = { apiKey: 'simulated-lipia-api-key' };
const { apiKey } = credentials;

/** Lipia's transaction status (seed lipia-transaction-status; providers.md, 4). */
export function createLipiaApi(): ProviderApi {
  const status: StatusRoute = {
    kind: 'status',
    name: 'status',
    provider: 'lipia',
    matches: (call) => call.method === 'GET' && call.path === path,
    referenceIn: (call) => queryText(call, 'reference'),
    refuse: (call) => (bearerToken(call) === apiKey ? undefined : unauthorised(call)),
    answer(call, order) {
      const reference = queryText(call, 'reference');
      if (reference === '') return emptyReference(call);
      const present = order && presentState(order, call.at);
      if (!order || !present || present.state === 'not-found') return notFound(call, reference, order);
      return jsonReply(200, statusBody(order, present, call.at));
    },
  };
  return {
    id: 'lipia',
    routes: [status],
    unauthorised,
    throttled(call) {
      const mpesaError = {
        requestId: '16813-1590513-1',
        errorCode: '500.003.02',
        errorMessage: 'System is busy',
      };
      return errorReply(call, 500, 'Payment service unavailable', { code: 'MPESA_ERROR', mpesaError });
    },
    unknownPath: () => textReply(404, 'Not Found'),
    callback: callbackBody,
  };
}

function statusBody(order: ScriptedOrder, present: Present, at: number): unknown {
  const { state, since } = present;
  const { script } = order;
  const [Status, ResultCode, ResultDesc] = words(state);
  const isUnpaidEnd = Status === 'FAILED';
  const text = isUnpaidEnd ? 'Payment failed' : ResultDesc;
  const ExternalReference = externalReference(order);
  return {
    success: true,
    status: 'success',
    message: `Payment status: ${text}`,
    customerMessage: text,
    data: {
      response: {
        Amount: plainNumber(isPaid(state) ? order.amountPaid : script.amount),
        ExternalReference,
        MerchantRequestID: merchantRequestId(order),
        MpesaReceiptNumber: isPaid(state) ? order.receipt : '',
        Phone: script.phone,
        ResultCode,
        ResultDesc,
        Metadata: script.metadata ?? { order_id: ExternalReference, customer_name: 'John Doe' },
        Status,
        TransactionDate: isoInstant(since),
      },
      status: isPaid(state),
    },
    timestamp: isoInstant(at),
  };
}

const words = (state: State): Printed =>
  printedFor(printed, state, (word) => [word, 0, 'Payment is in an unlisted state']);

function externalReference({ script }: ScriptedOrder): string {
  return script.answeredReference ?? script.externalReference ?? script.reference;
}

function merchantRequestId({ serial }: ScriptedOrder): string {
  return `12345-67890-12345-${String(serial).padStart(5, '0')}`;
}

function notFound(call: Call, value: string, order: ScriptedOrder | undefined): Reply {
  const place = { field: 'reference', location: 'query', value, expected: 'Valid transaction reference' };
  const status = order?.script.notFoundHttpStatus ?? 404; // No document states it (providers.md, 4).
  return errorReply(call, status, 'Transaction not found', { code: 'NOT_FOUND', ...place });
}

function emptyReference(call: Call): Reply {
  const place = {
    field: 'reference',
    location: 'query',
    value: '',
    expected: 'Non-empty transaction reference',
  };
  const error = { code: 'VALIDATION_ERROR', ...place };
  return errorReply(
    call,
    400,
    'Invalid reference format',
    error,
    'Please provide a valid transaction reference',
  );
}

function unauthorised(call: Call): Reply {
  const place = { field: 'authorization', location: 'headers', value: '', expected: 'Valid API key' };
  return errorReply(call, 401, 'Invalid API key', { code: 'UNAUTHORIZED', ...place });
}

function errorReply(
  call: Call,
  http: number,
  message: string,
  error: unknown,
  customerMessage = message,
): Reply {
  const timestamp = isoInstant(call.at);
  return jsonReply(http, { success: false, status: 'error', message, customerMessage, error, timestamp });
}

// Two shapes are in the wild (providers.md, 4): nested with a mixed-case Status, and flat without any Status.
function callbackBody(
  order: ScriptedOrder,
  { state, since }: Present,
  shape: CallbackShape | undefined,
): string {
  const { script } = order;
  const [word, ResultCode, ResultDesc] = words(state);
  const common = {
    Amount: plainNumber(isPaid(state) ? order.amountPaid : script.amount),
    ExternalReference: externalReference(order),
    MerchantRequestID: merchantRequestId(order),
    MpesaReceiptNumber: isPaid(state) ? order.receipt : '',
    Phone: script.phone,
    ResultCode,
    ResultDesc,
  };
  if (shape === 'flat') {
    return JSON.stringify({
      TransactionReference: script.reference,
      ...common,
      TransactionDate: isoInstant(since),
    });
  }
  const Status = typeof state === 'string' ? `${word.charAt(0)}${word.slice(1).toLowerCase()}` : word;
  return JSON.stringify({ response: { ...common, Status }, status: isPaid(state) });
}

/** Lipia. Its callbacks may name only the merchant's own key, so an order carries both. */
export const lipia: SimulatedProvider<'lipia', typeof credentials> = {
  id: 'lipia',
  mount: 'lipia',
  credentials,
  settings: (url) => ({ baseUrl: `${url}/lipia` }),
  references: ({ hex }) => {
    const key = hex.slice(0, 24);
    return [{ key, reference: { transactionReference: key, externalReference: key } }];
  },
  outcomes: {
    'failed:cancelled': ['failed', 'cancelled'],
    'failed:insufficient-funds': ['failed', 'insufficient-funds'],
    'failed:wrong-pin': ['failed', 'wrong-pin'],
    'failed:limit-exceeded': ['failed', 'limit-exceeded'],
    'failed:rejected': ['failed', 'rejected'],
    'expired:not-reached': ['expired', 'not-reached'],
    expired: ['expired', 'timed-out'],
  },
  refusal: 'failed:cancelled',
  traits: { callbacks: true, retries: true, payouts: false, amount: true, receipt: true, login: false },
  create: () => createLipiaApi(),
};
