import { type Call, fieldText, jsonReply, type Reply } from '../call.ts';
import type { InitiatorKey } from '../initiator-key.ts';
import { isLoopbackUrl } from '../loopback.ts';
import type { Outages } from '../outages.ts';
import type { Posts } from '../posts.ts';
import { nairobiDigits } from '../printed.ts';
import type { ScriptedOrder } from '../scripted-orders.ts';
import { presentState } from '../timeline.ts';
import type { ProviderApi, StatusRoute } from './api.ts';
import {
  type DarajaGateway,
  darajaError,
  gatewayFault,
  isConversationId,
  transactionStatusApp,
} from './daraja-gateway.ts';
import { failedResult, foundResult, type QueryIds, queueTimeoutResult } from './daraja-result.ts';
import type { SimulatedProvider } from './simulated-provider.ts';

/** What the asynchronous API needs besides the gateway. */
export interface TransactionStatusParts {
  readonly gateway: DarajaGateway;
  readonly initiatorKey: InitiatorKey;
  readonly outages: Outages;
  readonly posts: Posts;
  readonly now: () => number;
}

const path = '/mpesa/transactionstatus/v1/query';
const defaultResultDelayMs = 50;
const credentials = transactionStatusApp;
const { shortCode, initiator, initiatorPassword } = credentials;

/**
 * Daraja's Transaction Status: an acknowledgement at once, the result posted later (seed daraja-transaction-status;
 * providers.md, 2.2). The initiator is not checked at the acknowledgement: a wrong name brings result 2001, and a wrong
 * password brings nothing at all.
 */
export function createTransactionStatusApi(parts: TransactionStatusParts): ProviderApi {
  const { gateway } = parts;
  let queryCount = 0;
  const status: StatusRoute = {
    kind: 'status',
    name: 'status',
    provider: 'daraja',
    matches: (call) => call.method === 'POST' && call.path === path,
    referenceIn: (call) => fieldText(call, 'TransactionID') || fieldText(call, 'OriginalConversationID'),
    refuse: (call) => gateway.refuseToken(call) ?? refuseFields(call),
    async answer(call, order) {
      queryCount += 1;
      const ids = queryIds(queryCount, call.at);
      await sendResults(parts, call, ids, order);
      return jsonReply(200, {
        ...ids,
        ResponseCode: '0',
        ResponseDescription: 'Accept the service request successfully.',
      });
    },
  };
  return {
    id: 'daraja',
    routes: [status, gateway.login],
    unauthorised: gateway.unauthorised,
    throttled: gateway.throttled,
    tooManyRequests: () => jsonReply(429, gatewayFault),
    unknownPath: gateway.unknownPath,
    expireTokens: gateway.expireTokens,
    callback(order, present) {
      queryCount += 1;
      return foundResult(queryIds(queryCount, present.since), order, present, shortCode);
    },
  };
}

function refuseFields(call: Call): Reply | undefined {
  const refusal = (field: string): Reply => darajaError(400, '400.002.02', `Bad Request - Invalid ${field}`);
  if (fieldText(call, 'CommandID') !== 'TransactionStatusQuery') return refusal('CommandID');
  if (!fieldText(call, 'TransactionID') && !fieldText(call, 'OriginalConversationID'))
    return refusal('TransactionID');
  for (const field of ['Initiator', 'SecurityCredential', 'PartyA', 'IdentifierType', 'Remarks']) {
    if (fieldText(call, field) === '') return refusal(field);
  }
  for (const field of ['ResultURL', 'QueueTimeOutURL']) {
    if (!isLoopbackUrl(fieldText(call, field)))
      return refusal(`${field} (the simulator posts only to loopback addresses)`);
  }
  return undefined;
}

function queryIds(count: number, at: number): QueryIds {
  return {
    OriginatorConversationID: `1236-7134259-${count}`,
    ConversationID: `AG_${nairobiDigits(at).slice(0, 8)}_${count.toString(16).padStart(20, '0')}`,
  };
}

/** Resolves when the acknowledgement may go out: at once, or after an early result has been delivered. */
async function sendResults(
  parts: TransactionStatusParts,
  call: Call,
  ids: QueryIds,
  order: ScriptedOrder | undefined,
): Promise<void> {
  if (order) order.queries += 1;
  const credential = initiatorTrouble(parts, call);
  if (credential === 'silence') return;
  const plan = order?.script.daraja;
  const isFirst = order?.queries === 1;
  const isTimeout = plan?.queueTimeout === 'always' || (plan?.queueTimeout === 'first' && isFirst);
  if (!isTimeout && (plan?.lose === true || (plan?.lose === 'first' && isFirst))) return;

  const url = fieldText(call, isTimeout ? 'QueueTimeOutURL' : 'ResultURL');
  const deliver = async (): Promise<void> => {
    const body = isTimeout ? queueTimeoutResult(ids) : (credential?.(ids) ?? resultBody(parts, ids, order));
    const sent = Array.from({ length: 1 + (plan?.duplicate ?? 0) }, async () => {
      if (order && isTimeout) order.queueTimeouts += 1;
      else if (order) order.results += 1;
      const isTaken = await parts.posts.send({ url, body });
      if (order && !isTaken) order.undelivered += 1;
    });
    await Promise.all(sent);
  };
  if (plan?.early) await deliver();
  else parts.posts.after(plan?.resultDelayMs ?? defaultResultDelayMs, () => void deliver());
}

function initiatorTrouble(
  { initiatorKey, outages, now }: TransactionStatusParts,
  call: Call,
): 'silence' | ((ids: QueryIds) => string) | undefined {
  const trouble = outages.resultTrouble(now());
  const password = initiatorKey.decrypt(fieldText(call, 'SecurityCredential'));
  if (trouble === 'silent-results' || password !== initiatorPassword) return 'silence';
  if (trouble === 'credential-locked')
    return (ids) => failedResult(ids, 8006, 'The security credential is locked.');
  if (trouble === 'initiator-invalid' || fieldText(call, 'Initiator') !== initiator) {
    return (ids) => failedResult(ids, 2001, 'The initiator information is invalid.');
  }
  return undefined;
}

function resultBody(
  { now }: TransactionStatusParts,
  ids: QueryIds,
  order: ScriptedOrder | undefined,
): string {
  const code = order?.script.daraja.resultCode;
  if (code !== undefined) return failedResult(ids, code, 'The query could not be completed.');
  const present = order && presentState(order, now());
  if (!order || !present || present.state === 'not-found') {
    return failedResult(ids, 2032, 'The transaction receipt number does not exist.');
  }
  return foundResult(ids, order, present, shortCode);
}

/** Transaction Status: it pushes nothing but the answers to queries. */
export const daraja: SimulatedProvider<'daraja', typeof credentials> = {
  id: 'daraja',
  mount: 'daraja',
  credentials,
  settings: (url, certificate) => ({ baseUrl: `${url}/daraja`, certificate, resultTimeoutMs: 3_000 }),
  references: ({ digits, receipt }) => {
    const key = `29112-${digits}-1`;
    return [
      { key, reference: { originatorConversationId: key } },
      { key: receipt, reference: receipt },
    ];
  },
  isReceipt: (reference) => !isConversationId(reference),
  outcomes: {
    'failed:cancelled': ['failed', 'cancelled'],
    failed: ['failed', 'rejected'],
    expired: ['expired', 'timed-out'],
  },
  refusal: 'failed:cancelled',
  traits: { callbacks: false, retries: false, payouts: true, amount: true, receipt: true, login: true },
  create: ({ darajaGateway: gateway, ...parts }) => createTransactionStatusApi({ ...parts, gateway }),
};
