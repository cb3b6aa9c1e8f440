import { type Call, fieldText, jsonReply, type Reply } from '../call.ts';
import { nairobiSeconds } from '../printed.ts';
import type { ScriptedOrder } from '../scripted-orders.ts';
import { isPaid, presentState } from '../timeline.ts';
import type { StatusRoute } from './api.ts';
import type { DarajaGateway } from './daraja-gateway.ts';

/** Daraja's Pull Transactions (providers-2.md, 7): a list of the payments to a short code. */

const pageSize = 100;
const windowMs = 48 * 3_600_000;

export interface PullRoutesParts {
  readonly gateway: DarajaGateway;
  readonly shortCode: string;
  /** Everything that was scripted, of both Daraja APIs: one short code is behind them. */
  orders(): readonly ScriptedOrder[];
}

/** The registration and the query. */
export function pullRoutes({ gateway, shortCode, orders }: PullRoutesParts): StatusRoute[] {
  let isRegistered = false;
  const route = (path: string, name: string, answer: (call: Call) => Reply): StatusRoute => ({
    ...{ kind: 'status', name, provider: 'daraja-stk' },
    matches: (call) => call.method === 'POST' && call.path === `/pulltransactions/v1/${path}`,
    referenceIn: () => '',
    refuse: (call) => gateway.refuseToken(call),
    answer: (call) => (fieldText(call, 'ShortCode') === shortCode ? answer(call) : refusal()),
  });
  return [
    route('register', 'pull-register', () => {
      const status = isRegistered ? '1001' : '1000';
      isRegistered = true;
      // One sample prints its keys with blanks.
      return jsonReply(200, {
        'Response Ref ID': '18633-7271215-1',
        'Response Status': status,
        ShortCode: shortCode,
        'Response Description': status === '1000' ? 'Success' : 'ShortCode already Registered',
      });
    }),
    route('query', 'pull-query', (call) => {
      const [from, to] = [timeIn(call, 'StartDate'), timeIn(call, 'EndDate')];
      const paid = orders()
        .map((order) => ({ order, present: presentState(order, call.at) }))
        .filter(({ order, present }) => isPaid(present.state) && order.script.direction === 'in')
        .filter(
          ({ present }) => present.since >= Math.max(from, call.at - windowMs) && present.since <= to + 999,
        );
      const offset = Number(fieldText(call, 'OffSetValue'));
      const page = paid.slice(offset, offset + pageSize);
      return jsonReply(200, {
        ResponseRefID: '26178-42530161-2',
        ResponseCode: page.length === 0 ? '1001' : '1000',
        ResponseMessage: page.length === 0 ? 'No transactions found' : 'Success',
        // A list in a list, also where there is nothing.
        Response: [page.map(({ order, present }) => transaction(order, present.since))],
      });
    }),
  ];
}

function transaction({ script, receipt, amountPaid }: ScriptedOrder, since: number) {
  return {
    transactionId: receipt,
    // A local time, although it ends in Z.
    trxDate: `${nairobiSeconds(since).replace(' ', 'T')}Z`,
    msisdn: `${script.phone.slice(0, 4)}****${script.phone.slice(-3)}`,
    sender: 'MPESA',
    transactiontype: 'c2b-pay-bill-debit',
    billreference: script.externalReference ?? script.reference,
    amount: amountPaid,
    organizationname: 'Simulated Shop',
  };
}

function timeIn(call: Call, field: string): number {
  return Date.parse(`${fieldText(call, field).replace(' ', 'T')}+03:00`);
}

function refusal(): Reply {
  return jsonReply(400, {
    requestId: '13022-8633727-1',
    errorCode: '400.001.001',
    errorMessage: 'Invalid Short code',
  });
}
