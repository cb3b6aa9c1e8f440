import { describe, expect, it } from 'vitest';
import type { SimulatedOrder } from '../../src/simulator/simulator.ts';
import { merchant, type Received } from './merchant.ts';
import { sealed, setup } from './support.ts';

const receipt = 'MBN31H462N';

interface Parameter {
  Key: string;
  Value?: string | number;
}
interface Result {
  ConversationID: string;
  OriginatorConversationID: string;
  ResultCode: number | string;
  ResultType: number;
  ResultParameters?: { ResultParameter: Parameter | Parameter[] };
  ReferenceData?: { ReferenceItem: unknown };
  TransactionID: string;
}

function order(over: Partial<SimulatedOrder> = {}): SimulatedOrder {
  const timeline = [{ afterMs: 0, state: 'paid' as const }];
  return { provider: 'daraja', reference: receipt, amount: '300.00', timeline, ...over };
}

function resultIn(post: Received): Result {
  return (post.json as { Result: Result }).Result;
}

function parametersIn(post: Received): Parameter[] {
  return [resultIn(post).ResultParameters?.ResultParameter ?? []].flat();
}

function parameterOf(post: Received, key: string): string | number | undefined {
  return parametersIn(post).find(({ Key }) => Key === key)?.Value;
}

describe('Daraja Transaction Status', () => {
  it('acknowledges at once and posts the result of the seed later', async () => {
    const { simulator, ask } = await setup();
    const shop = await merchant();
    simulator.script(order());
    const ack = await ask.transactionStatus(receipt, shop.url);
    expect(ack).toMatchObject({
      status: 200,
      json: { ResponseCode: '0', ResponseDescription: 'Accept the service request successfully.' },
    });
    const ids = ack.json as Pick<Result, 'ConversationID' | 'OriginatorConversationID'>;
    const post = await shop.next();
    expect(post.path).toBe('/result');
    expect(Object.keys(resultIn(post))).toEqual([
      'ConversationID',
      'OriginatorConversationID',
      'ReferenceData',
      'ResultCode',
      'ResultDesc',
      'ResultParameters',
      'ResultType',
      'TransactionID',
    ]);
    expect(resultIn(post)).toMatchObject({
      ConversationID: ids.ConversationID,
      OriginatorConversationID: ids.OriginatorConversationID,
      ReferenceData: { ReferenceItem: { Key: 'Occasion' } },
      ResultCode: 0,
      ResultDesc: 'The service request is processed successfully.',
      ResultType: 0,
    });
    expect(parameterOf(post, 'TransactionStatus')).toBe('Completed');
    expect(parameterOf(post, 'Amount')).toBe('300');
    expect(parameterOf(post, 'ReceiptNo')).toBe(receipt);
    expect(parameterOf(post, 'CreditPartyName')).toBe('600997 - Simulated Shop');
    expect(parameterOf(post, 'FinalisedTime')).toBe('20240809162237');
  });

  it.each([
    ['pending', 'Pending Authorized'],
    ['failed:cancelled', 'Cancelled'],
    ['failed:rejected', 'Declined'],
    ['failed:insufficient-funds', 'Declined'],
    ['expired', 'Expired'],
    [{ word: 'Reversed' }, 'Reversed'],
  ] as const)('prints %j as TransactionStatus %s', async (state, word) => {
    const { simulator, ask } = await setup();
    const shop = await merchant();
    simulator.script(order({ timeline: [{ afterMs: 0, state }] }));
    await ask.transactionStatus(receipt, shop.url);
    expect(parameterOf(await shop.next(), 'TransactionStatus')).toBe(word);
  });

  it.each([
    ['strings', '"ResultCode":"0"', '{"Key":"Amount","Value":"300"}'],
    ['numbers', '"ResultCode":0', '{"Key":"Amount","Value":300}'],
    ['single', '"ResultParameters":{"ResultParameter":{', '"Value":"Completed"'],
    ['spaced-keys', '"Key":"Conversation ID"', '"Key":"FinalizedTime"'],
    ['missing-values', '{"Key":"TransactionReason"}', '"ReferenceItem":[{"Key":"Occasion"}]'],
    [
      'repeated-keys',
      '{"Key":"DebitPartyName","Value":"600997',
      '{"Key":"DebitPartyName","Value":"254712345678',
    ],
  ] as const)('spells the result in the shape "%s"', async (shape, one, other) => {
    const { simulator, ask } = await setup();
    const shop = await merchant();
    simulator.script(order({ daraja: { shape } }));
    await ask.transactionStatus(receipt, shop.url);
    const { text } = await shop.next();
    expect(text).toContain(one);
    expect(text).toContain(other);
  });

  it('swaps the parties of a payout and can answer about another receipt', async () => {
    const { simulator, ask } = await setup();
    const shop = await merchant();
    simulator.script(order({ direction: 'out', answeredReference: 'MBN00OTHER' }));
    await ask.transactionStatus(receipt, shop.url);
    const post = await shop.next();
    expect(parameterOf(post, 'DebitPartyName')).toBe('600997 - Simulated Shop');
    expect(parameterOf(post, 'ReceiptNo')).toBe('MBN00OTHER');
  });

  it('finds an order by its original conversation id and repeats it inside', async () => {
    const { simulator, ask } = await setup();
    const shop = await merchant();
    const id = 'AG_20180223_0000493344ae97d86f75';
    simulator.script(order({ reference: id, receipt }));
    await ask.transactionStatus('', shop.url, { TransactionID: undefined, OriginalConversationID: id });
    const post = await shop.next();
    expect(parameterOf(post, 'ConversationID')).toBe(id);
    expect(parameterOf(post, 'ReceiptNo')).toBe(receipt);
  });

  it('tells 2032 without parameters for an unknown receipt, and any scripted code', async () => {
    const { simulator, ask } = await setup();
    const shop = await merchant();
    await ask.transactionStatus('UNKNOWN123', shop.url);
    const unknown = resultIn(await shop.next());
    expect(unknown).toMatchObject({ ResultCode: 2032 });
    expect(unknown).not.toHaveProperty('ResultParameters');
    simulator.script(order({ daraja: { resultCode: 'SFC_IC0003' } }));
    await ask.transactionStatus(receipt, shop.url);
    expect(resultIn(await shop.next()).ResultCode).toBe('SFC_IC0003');
  });

  it('loses the first result, then delivers', async () => {
    const { simulator, ask } = await setup();
    const shop = await merchant();
    simulator.script(order({ daraja: { lose: 'first', resultDelayMs: 0 } }));
    await ask.transactionStatus(receipt, shop.url);
    const second = await ask.transactionStatus(receipt, shop.url);
    const post = await shop.next();
    expect(resultIn(post).ConversationID).toBe((second.json as Result).ConversationID);
    expect(simulator.ledger()).toMatchObject([{ polls: 2, answered: 2, queries: 2, results: 1 }]);
  });

  it('posts duplicates, each the same', async () => {
    const { simulator, ask } = await setup();
    const shop = await merchant();
    simulator.script(order({ daraja: { duplicate: 2 } }));
    await ask.transactionStatus(receipt, shop.url);
    const [one, two, three] = [await shop.next(), await shop.next(), await shop.next()];
    expect([two.text, three.text]).toEqual([one.text, one.text]);
    expect(simulator.ledger()).toMatchObject([{ queries: 1, results: 3 }]);
  });

  it('delivers an early result before the acknowledgement', async () => {
    const { simulator, ask } = await setup();
    const shop = await merchant();
    simulator.script(order({ daraja: { early: true } }));
    const ack = await ask.transactionStatus(receipt, shop.url);
    expect(shop.received).toHaveLength(1);
    expect(ack.status).toBe(200);
  });

  it('posts the queue time-out to its own URL, with a code that says nothing about the payment', async () => {
    const { simulator, ask } = await setup();
    const shop = await merchant();
    simulator.script(order({ daraja: { queueTimeout: 'first' } }));
    await ask.transactionStatus(receipt, shop.url);
    const timeout = await shop.next();
    expect(timeout.path).toBe('/timeout');
    expect(resultIn(timeout)).toMatchObject({ ResultType: 1, ResultCode: 1 });
    await ask.transactionStatus(receipt, shop.url);
    expect((await shop.next()).path).toBe('/result');
    expect(simulator.ledger()).toMatchObject([{ queueTimeouts: 1, results: 1 }]);
  });

  it('acknowledges a wrong initiator and a locked credential, and tells only in the result', async () => {
    const { simulator, clock, ask } = await setup();
    const shop = await merchant();
    simulator.script(order());
    expect((await ask.transactionStatus(receipt, shop.url, { Initiator: 'nobody' })).status).toBe(200);
    expect(resultIn(await shop.next())).toMatchObject({ ResultCode: 2001 });
    simulator.outage({ provider: 'daraja', kind: 'credential-locked', untilMs: 1_000 });
    await ask.transactionStatus(receipt, shop.url);
    expect(resultIn(await shop.next())).toMatchObject({ ResultCode: 8006 });
    clock.at += 1_000;
    await ask.transactionStatus(receipt, shop.url);
    expect(resultIn(await shop.next())).toMatchObject({ ResultCode: 0 });
  });

  it('acknowledges a wrong password and then keeps silent', async () => {
    const { simulator, ask } = await setup();
    const shop = await merchant();
    simulator.script(order({ daraja: { early: true } }));
    const wrong = sealed(simulator.darajaCertificate, 'wrong');
    for (const SecurityCredential of [wrong, 'bm90IHNlYWxlZA==']) {
      expect((await ask.transactionStatus(receipt, shop.url, { SecurityCredential })).status).toBe(200);
    }
    expect(simulator.ledger()).toMatchObject([{ queries: 2, results: 0 }]);
  });

  it('refuses missing fields and result URLs that are not on this machine', async () => {
    const { ask } = await setup();
    const errorCode = '400.002.02';
    const remote = await ask.transactionStatus(receipt, 'http://merchant.example');
    expect(remote).toMatchObject({ status: 400, json: { errorCode } });
    expect(remote.text).toContain('loopback');
    const refused = await ask.transactionStatus(receipt, 'http://127.0.0.1:9', { CommandID: 'Other' });
    expect(refused).toMatchObject({ status: 400, json: { errorCode } });
  });
});
