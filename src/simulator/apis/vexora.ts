import { hash } from 'node:crypto';
import { type Call, fieldText, jsonReply, type Reply, textReply } from '../call.ts';
import { fourDecimals, nairobiSeconds, shortText } from '../printed.ts';
import type { CallbackShape } from '../script.ts';
import type { ScriptedOrder } from '../scripted-orders.ts';
import { isPaid, type Present, presentState } from '../timeline.ts';
import type { State } from '../words.ts';
import type { ProviderApi, StatusRoute } from './api.ts';
import type { SimulatedProvider } from './simulated-provider.ts';
import { printedFor, type StateTable } from './state-table.ts';
import { type SecretPosition, vexoraSign } from './vexora-sign.ts';

type Printed = readonly [status: string, message: string];

/**
 * How each state is printed: `data.status` and `data.message` (providers.md, 3). "not-found" is an outer code 8000. A daily
 * limit has a code of its own; every other end without money is 00029, as the page knows no finer code. A word of the
 * script is printed as `data.status`.
 */
const printed: StateTable<Printed> = {
  pending: ['0015', 'PROCESSING'],
  paid: ['0000', 'SUCCESS'],
  'partly-paid': ['0001', 'PARTIALLY_SUCCESSFUL'],
  'failed:insufficient-funds': ['00029', 'Fail'],
  'failed:cancelled': ['00029', 'Fail'],
  'failed:wrong-pin': ['00029', 'Fail'],
  'failed:limit-exceeded': ['0100019', 'PAYEE_DAILY_LIMIT'],
  'failed:rejected': ['00029', 'REJECTED_TRANSACTION'],
  'expired:not-reached': ['00029', 'Fail'],
  expired: ['00029', 'Fail'],
};

const receiptPath = '/api/queryResultByCode';
const tradePaths = new Set(['/v1/vexora/queryPayInResult', '/api/queryPayinResult']);
const credentials = { merchantNo: 'M0000000001', appSecret: 'simulated-vexora-app-secret' };
const { merchantNo, appSecret } = credentials;

/** Vexora, earlier PayPro: by receipt (seed mpesa-query-result-by-code) and by merchant number (providers.md, 3). */
export function createVexoraApi(secretPosition: SecretPosition = 'append'): ProviderApi {
  const refuse = (call: Call, order: ScriptedOrder | undefined): Reply | undefined => {
    if (call.headers.merchantno !== merchantNo) return outerFailure(call.at, 'merchant does not exist');
    const sign = vexoraSign(call.fields, appSecret, order?.script.vexora.secretPosition ?? secretPosition);
    return fieldText(call, 'sign') === sign ? undefined : outerFailure(call.at, 'sign error');
  };
  const answer = (call: Call, order: ScriptedOrder | undefined): Reply => {
    const present = order && presentState(order, call.at);
    if (!order || !present || present.state === 'not-found')
      return outerFailure(call.at, 'order does not exist');
    const success = order.script.vexora.success === 'string' ? 'true' : true;
    const data = payment(order, present, call.path === receiptPath);
    return jsonReply(200, { msg: 'success', code: '0000', timestamp: Math.floor(call.at), success, data });
  };
  const common = { kind: 'status', provider: 'vexora', refuse, answer } as const;
  const byReceipt: StatusRoute = {
    ...common,
    name: 'status-by-receipt',
    matches: (call) => call.method === 'POST' && call.path === receiptPath,
    referenceIn: (call) => fieldText(call, 'code'),
  };
  const byTrade: StatusRoute = {
    ...common,
    name: 'status-by-trade-number',
    matches: (call) => call.method === 'POST' && tradePaths.has(call.path),
    referenceIn: (call) => fieldText(call, 'tradeNo'),
  };
  return {
    id: 'vexora',
    routes: [byReceipt, byTrade],
    unauthorised: (call) => ({ ...outerFailure(call.at, 'sign error'), status: 401 }),
    // "System exception": the vendor says not to mark the order failed (providers.md, 3).
    throttled: (call) => outerFailure(call.at, 'system exception', '5000'),
    unknownPath: () => textReply(404, 'Not Found'),
    callback: notifyBody,
  };
}

// About the query only, never about the payment (providers.md, 3).
function outerFailure(at: number, msg: string, code = '8000'): Reply {
  return jsonReply(200, { msg, code, timestamp: Math.floor(at), success: false, data: null });
}

function payment(order: ScriptedOrder, present: Present, isByReceipt: boolean): Record<string, unknown> {
  const { reference, answeredReference } = order.script;
  const [status, message] = words(present.state);
  const isOpen = present.state === 'pending';
  const tradeNo = isByReceipt ? reference : (answeredReference ?? reference);
  const receipt = isByReceipt ? (answeredReference ?? order.receipt) : order.receipt;
  return {
    platFormTradeNo: hash('md5', reference), // Called the M-Pesa code, but a hex id.
    tradeNo: tradeNo === order.receipt ? String(order.serial).padStart(8, '0') : tradeNo,
    ...amounts(order, present.state),
    status,
    mpesaReceiptNumber: isOpen && !isByReceipt ? null : receipt,
    message,
    successTime: isOpen ? null : nairobiSeconds(present.since), // Present on a rejection too.
  };
}

function amounts(order: ScriptedOrder, state: State): Record<string, unknown> {
  const { amount } = order.script;
  const shown = isPaid(state) ? order.amountPaid : amount;
  switch (order.script.vexora.amount) {
    case 'number':
      return { amount: fourDecimals(shown) };
    case 'text':
      return { amount: shown };
    case 'whole-text':
      return { amount: shortText(shown) };
    case 'split':
      return { orderAmount: amount, payAmount: isPaid(state) ? shown : '0.00' };
    case 'received':
      return { amount, receivedAmount: isPaid(state) ? shown : '0.00' };
  }
}

const words = (state: State): Printed => printedFor(printed, state, (word) => [word, 'UNKNOWN']);

// The inner object alone; the Kenya sample has no sign, so a signed one must be asked for (providers.md, 3).
function notifyBody(order: ScriptedOrder, present: Present, shape: CallbackShape | undefined): string {
  const body = payment(order, present, false);
  if (shape !== 'signed') return JSON.stringify(body);
  const signed = { ...body, amount: order.amountPaid }; // As text: no document says how a number is signed.
  return JSON.stringify({
    ...signed,
    sign: vexoraSign(signed, appSecret, order.script.vexora.secretPosition),
  });
}

/** Vexora: two queries, by M-Pesa receipt and by the merchant's number. */
export const vexora: SimulatedProvider<'vexora', typeof credentials> = {
  id: 'vexora',
  mount: 'vexora',
  credentials,
  settings: (url) => ({ baseUrl: `${url}/vexora` }),
  references: ({ hex, receipt }) => {
    const key = `T${hex.slice(0, 14)}`;
    return [
      { key: receipt, reference: receipt },
      { key, reference: { tradeNo: key } },
    ];
  },
  isReceipt: (reference) => /^(?=.*[A-Z])[A-Z0-9]{10}$/.test(reference),
  outcomes: {
    'failed:limit-exceeded': ['failed', 'limit-exceeded'],
    failed: ['failed', 'rejected'],
    expired: ['failed', 'rejected'],
  },
  refusal: 'failed:rejected',
  traits: { callbacks: true, retries: false, payouts: false, amount: true, receipt: true, login: false },
  create: ({ vexoraSecretPosition }) => createVexoraApi(vexoraSecretPosition),
};
