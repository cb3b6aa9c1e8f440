import { type Call, fieldText, jsonReply, type Reply } from '../call.ts';
import { javaDouble, nairobiDigits } from '../printed.ts';
import type { CallbackShape } from '../script.ts';
import type { ScriptedOrder } from '../scripted-orders.ts';
import { isPaid, type Present, presentState } from '../timeline.ts';
import type { State } from '../words.ts';
import type { ProviderApi, StatusRoute } from './api.ts';
import { type DarajaGateway, darajaError, gatewayFault, stkApp } from './daraja-gateway.ts';
import { pullRoutes } from './daraja-pull.ts';
import type { SimulatedProvider } from './simulated-provider.ts';
import { printedFor, type StateTable } from './state-table.ts';

type Printed = readonly [code: string, text: string];

/**
 * How each state is printed: ResultCode and ResultDesc (providers.md, 2.3). "not-found" and "pending" are HTTP 500 with
 * 500.001.1001; pending may be 4999 instead. There are no amounts, so partly paid looks paid; there is no code for a
 * rejection, so it is 9999. A word of the script is printed as ResultCode.
 */
const printed: StateTable<Printed> = {
  pending: ['4999', 'The transaction is still under processing'],
  paid: ['0', 'The service request is processed successfully.'],
  'partly-paid': ['0', 'The service request is processed successfully.'],
  'failed:insufficient-funds': ['1', 'The balance is insufficient for the transaction.'],
  'failed:cancelled': ['1032', 'Request cancelled by user'],
  'failed:wrong-pin': ['2001', 'The initiator information is invalid.'],
  'failed:limit-exceeded': ['4', 'Declined due to limit rule: would exceed daily transfer limit.'],
  'failed:rejected': ['9999', 'Request failed'],
  'expired:not-reached': ['1037', 'DS timeout user cannot be reached'],
  expired: ['1019', 'Transaction has expired'],
};

const paths = new Set(['/mpesa/stkpushquery/v1/query', '/mpesa/stkpushquery/v2/query']);
const waysToSayPending = ['processing', '4999', 'empty-message'] as const;
const credentials = stkApp;
const { shortCode, passkey } = credentials;

/** Daraja's STK push query (providers.md, 2.3). */
export function createDarajaStkApi(
  gateway: DarajaGateway,
  orders: () => readonly ScriptedOrder[],
): ProviderApi {
  const status: StatusRoute = {
    kind: 'status',
    name: 'status',
    provider: 'daraja-stk',
    matches: (call) => call.method === 'POST' && paths.has(call.path),
    referenceIn: (call) => fieldText(call, 'CheckoutRequestID'),
    refuse: (call) => gateway.refuseToken(call) ?? refusePassword(call),
    answer(call, order) {
      const present = order && presentState(order, call.at);
      if (!order || !present || present.state === 'not-found')
        return processingError('The transaction does not Exist');
      return present.state === 'pending' ? pendingAnswer(order) : resultAnswer(order, present.state);
    },
  };
  return {
    id: 'daraja-stk',
    routes: [status, ...pullRoutes({ gateway, shortCode, orders })],
    unauthorised: gateway.unauthorised,
    throttled: gateway.throttled,
    tooManyRequests: () => jsonReply(429, gatewayFault),
    unknownPath: gateway.unknownPath,
    callback: callbackBody,
    expireTokens: gateway.expireTokens,
  };
}

// One code for many troubles: only its message tells them apart (providers.md, 2.3).
function processingError(message: string): Reply {
  return darajaError(500, '500.001.1001', message);
}

function refusePassword(call: Call): Reply | undefined {
  const timestamp = fieldText(call, 'Timestamp');
  if (fieldText(call, 'BusinessShortCode') !== shortCode) return processingError('Merchant does not exist');
  if (!/^\d{14}$/.test(timestamp)) return darajaError(400, '400.002.02', 'Bad Request - Invalid Timestamp');
  const password = Buffer.from(`${shortCode}${passkey}${timestamp}`).toString('base64');
  return fieldText(call, 'Password') === password ? undefined : processingError('Wrong credentials');
}

function pendingAnswer(order: ScriptedOrder): Reply {
  const { pending } = order.script.stk;
  const way = pending === 'mixed' ? waysToSayPending[(order.polls - 1) % waysToSayPending.length] : pending;
  if (way === '4999') return resultAnswer(order, 'pending');
  return processingError(way === 'empty-message' ? '' : 'The transaction is being processed');
}

function resultAnswer(order: ScriptedOrder, state: State): Reply {
  const [ResultCode, ResultDesc] = words(state);
  return jsonReply(200, {
    ResponseCode: '0',
    ResponseDescription: 'The service request has been accepted successsfully', // Three times s, as seen.
    MerchantRequestID: merchantRequestId(order),
    CheckoutRequestID: order.script.answeredReference ?? order.script.reference,
    ResultCode,
    ResultDesc,
  });
}

const words = (state: State): Printed =>
  printedFor(printed, state, (word) => [word, 'The service request was processed.']);

function merchantRequestId({ serial }: ScriptedOrder): string {
  return `29115-34620561-${serial}`;
}

function callbackBody(order: ScriptedOrder, present: Present, shape: CallbackShape | undefined): string {
  const { script } = order;
  const [code, ResultDesc] = words(present.state);
  const answer = {
    MerchantRequestID: merchantRequestId(order),
    CheckoutRequestID: script.answeredReference ?? script.reference,
    ResultCode: /^\d+$/.test(code) ? Number(code) : code, // A number here, text in the query's answer.
    ResultDesc,
  };
  if (!isPaid(present.state)) return JSON.stringify({ Body: { stkCallback: answer } });
  const { phone } = script;
  const Item = [
    { Name: 'Amount', Value: javaDouble(order.amountPaid) },
    { Name: 'MpesaReceiptNumber', Value: order.receipt },
    { Name: 'Balance' },
    { Name: 'TransactionDate', Value: Number(nairobiDigits(present.since)) },
    {
      Name: 'PhoneNumber',
      Value: shape === 'masked-phone' ? `${phone.slice(0, 4)}****${phone.slice(-3)}` : Number(phone),
    },
  ];
  return JSON.stringify({ Body: { stkCallback: { ...answer, CallbackMetadata: { Item } } } });
}

/** The STK query. It reports neither the amount nor the receipt. */
export const darajaStk: SimulatedProvider<'daraja-stk', typeof credentials> = {
  id: 'daraja-stk',
  mount: 'daraja',
  credentials,
  settings: (url) => ({ baseUrl: `${url}/daraja` }),
  references: ({ hex }) => [{ key: `ws_CO_${hex}`, reference: `ws_CO_${hex}` }],
  outcomes: {
    'failed:cancelled': ['failed', 'cancelled'],
    'failed:insufficient-funds': ['failed', 'insufficient-funds'],
    'failed:wrong-pin': ['failed', 'wrong-pin'],
    'failed:limit-exceeded': ['failed', 'limit-exceeded'],
    'failed:rejected': ['failed', 'not-reached'],
    'expired:not-reached': ['expired', 'not-reached'],
    expired: ['expired', 'timed-out'],
  },
  refusal: 'failed:insufficient-funds',
  traits: { callbacks: true, retries: true, payouts: false, amount: false, receipt: false, login: true },
  create: ({ darajaGateway, orders }) =>
    createDarajaStkApi(darajaGateway, () =>
      orders().filter(({ script }) => script.provider === 'daraja' || script.provider === 'daraja-stk'),
    ),
};
