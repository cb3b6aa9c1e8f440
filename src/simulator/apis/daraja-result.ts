import { nairobiDigits, shortText } from '../printed.ts';
import type { OrderScript } from '../script.ts';
import type { ScriptedOrder } from '../scripted-orders.ts';
import type { Present } from '../timeline.ts';
import { isConversationId } from './daraja-gateway.ts';
import { printedFor, type StateTable } from './state-table.ts';

/**
 * How each state is printed: TransactionStatus inside the result (providers.md, 2.2). "not-found" is ResultCode 2032
 * without parameters. There is one word for every failure but a cancellation; partly paid is "Completed" with the lower
 * Amount. A word of the script is printed as TransactionStatus.
 */
const printed: StateTable<string> = {
  pending: 'Pending Authorized',
  paid: 'Completed',
  'partly-paid': 'Completed',
  'failed:insufficient-funds': 'Declined',
  'failed:cancelled': 'Cancelled',
  'failed:wrong-pin': 'Declined',
  'failed:limit-exceeded': 'Declined',
  'failed:rejected': 'Declined',
  'expired:not-reached': 'Expired',
  expired: 'Expired',
};

/** The ids that belong to one query, not to the payment asked about. */
export interface QueryIds {
  readonly OriginatorConversationID: string;
  readonly ConversationID: string;
}

type Value = string | number;
interface Parameter {
  readonly Key: string;
  readonly Value?: Value;
}
type Shape = OrderScript['daraja']['shape'];

/** The Result of a query that found its payment (seed daraja-transaction-status). */
export function foundResult(
  ids: QueryIds,
  order: ScriptedOrder,
  present: Present,
  shortCode: string,
): string {
  const { shape } = order.script.daraja;
  const parameters = spelt(paymentParameters(order, present, shortCode), shape);
  const occasion: Parameter = { Key: 'Occasion' };
  return JSON.stringify({
    Result: {
      ConversationID: ids.ConversationID,
      OriginatorConversationID: ids.OriginatorConversationID,
      ReferenceData: { ReferenceItem: shape === 'missing-values' ? [occasion] : occasion },
      ResultCode: shape === 'strings' ? '0' : 0,
      ResultDesc: 'The service request is processed successfully.',
      ResultParameters: { ResultParameter: parameters },
      ResultType: 0,
      TransactionID: queryTransactionId(ids),
    },
  });
}

/** The Result of a query that failed: a code about the query, no parameters (providers.md, 2.2). */
export function failedResult(ids: QueryIds, ResultCode: Value, ResultDesc: string): string {
  return JSON.stringify({
    Result: { ...ids, ResultCode, ResultDesc, ResultType: 0, TransactionID: queryTransactionId(ids) },
  });
}

/** What is posted to QueueTimeOutURL (providers.md, 2.2; its ResultCode 1 says nothing about the payment). */
export function queueTimeoutResult(ids: QueryIds): string {
  const text = 'The service request timed out in the queue.';
  return JSON.stringify({
    Result: {
      ResultType: 1,
      ResultCode: 1,
      ResultDesc: text,
      ...ids,
      TransactionID: queryTransactionId(ids),
    },
  });
}

// The outer TransactionID is a placeholder of the query (providers.md, 2.2).
function queryTransactionId({ ConversationID }: QueryIds): string {
  return `${ConversationID.slice(-3).toUpperCase()}0000000`;
}

function paymentParameters(order: ScriptedOrder, present: Present, shortCode: string): Parameter[] {
  const { script, scriptedAt, receipt, serial } = order;
  const customer = `${script.phone} - John Doe`;
  const merchant = `${shortCode} - Simulated Shop`;
  const [debit, credit] = script.direction === 'in' ? [customer, merchant] : [merchant, customer];
  const answered = script.answeredReference ?? script.reference;
  const isConversation = isConversationId(script.reference);
  return [
    { Key: 'DebitPartyName', Value: debit },
    { Key: 'CreditPartyName', Value: credit },
    {
      Key: 'OriginatorConversationID',
      Value: isConversation && !answered.startsWith('AG_') ? answered : `3211-416020-${serial}`,
    },
    { Key: 'InitiatedTime', Value: nairobiDigits(scriptedAt) },
    { Key: 'DebitAccountType', Value: 'MMF Account For Customer' },
    { Key: 'DebitPartyCharges', Value: 'Fee For B2C Payment|KES|22.40' },
    { Key: 'TransactionReason', Value: 'Pay Bill' },
    {
      Key: 'ReasonType',
      Value: script.direction === 'in' ? 'Pay Bill Online' : 'Business Payment to Customer via API',
    },
    { Key: 'TransactionStatus', Value: printedFor(printed, present.state, (word) => word) },
    { Key: 'FinalisedTime', Value: nairobiDigits(present.since) },
    { Key: 'Amount', Value: shortText(order.amountPaid) },
    {
      Key: 'ConversationID',
      Value:
        isConversation && answered.startsWith('AG_')
          ? answered
          : `AG_20180223_${String(serial).padStart(20, '0')}`,
    },
    { Key: 'ReceiptNo', Value: isConversation ? receipt : (script.answeredReference ?? receipt) },
  ];
}

function spelt(parameters: Parameter[], shape: Shape): Parameter | Parameter[] {
  switch (shape) {
    case 'list':
      return parameters;
    case 'single':
      return parameters.filter(({ Key }) => Key === 'TransactionStatus').at(0) ?? [];
    case 'numbers':
      return parameters.map((parameter) => withValue(parameter, asNumber));
    case 'strings':
      return parameters.map((parameter) => withValue(parameter, String));
    case 'spaced-keys':
      return parameters.map(({ Key, ...rest }) => ({ Key: spacedKeys.get(Key) ?? Key, ...rest }));
    case 'missing-values':
      return [
        ...parameters.map((parameter) =>
          parameter.Key === 'TransactionReason' ? { Key: parameter.Key } : parameter,
        ),
        { Key: 'CreditPartyCharges' },
        { Key: 'Occasion' },
        { Key: 'Balance' },
      ];
    case 'repeated-keys':
      // The credit party appears under the debit party's key too, so the key stands twice.
      return parameters.flatMap((parameter) =>
        parameter.Key === 'CreditPartyName'
          ? [{ ...parameter, Key: 'DebitPartyName' }, parameter]
          : [parameter],
      );
    case 'no-credit-party':
      return parameters.filter(({ Key }) => Key !== 'CreditPartyName');
  }
}

const spacedKeys = new Map([
  ['OriginatorConversationID', 'Originator Conversation ID'],
  ['ConversationID', 'Conversation ID'],
  ['FinalisedTime', 'FinalizedTime'],
]);

function withValue({ Key, Value }: Parameter, change: (value: Value) => Value): Parameter {
  return Value === undefined ? { Key } : { Key, Value: change(Value) };
}

function asNumber(value: Value): Value {
  return /^\d+(\.\d+)?$/.test(String(value)) ? Number(value) : value;
}
