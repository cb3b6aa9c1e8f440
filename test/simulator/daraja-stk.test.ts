import { describe, expect, it } from 'vitest';
import { merchant } from './merchant.ts';
import { setup } from './support.ts';

const reference = 'ws_CO_09082024162237';

describe('Daraja STK query', () => {
  it('prints a paid order without amount and receipt, its code as text', async () => {
    const { simulator, ask } = await setup();
    const timeline = [{ afterMs: 0, state: 'paid' as const }];
    simulator.script({ provider: 'daraja-stk', reference, amount: '1.00', timeline });
    const answer = await ask.stk(reference);
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      ResponseCode: '0',
      ResponseDescription: 'The service request has been accepted successsfully',
      MerchantRequestID: '29115-34620561-1',
      CheckoutRequestID: reference,
      ResultCode: '0',
      ResultDesc: 'The service request is processed successfully.',
    });
  });

  it.each([
    ['failed:insufficient-funds', '1'],
    ['failed:cancelled', '1032'],
    ['failed:wrong-pin', '2001'],
    ['failed:limit-exceeded', '4'],
    ['failed:rejected', '9999'],
    ['expired:not-reached', '1037'],
    ['expired', '1019'],
    ['partly-paid', '0'],
    [{ word: 'E3008' }, 'E3008'],
  ] as const)('prints %j as ResultCode %s', async (state, ResultCode) => {
    const { simulator, ask } = await setup();
    simulator.script({
      provider: 'daraja-stk',
      reference,
      amount: '1.00',
      timeline: [{ afterMs: 0, state }],
    });
    expect(await ask.stk(reference)).toMatchObject({ status: 200, json: { ResponseCode: '0', ResultCode } });
  });

  it('says pending in three ways', async () => {
    const { simulator, ask } = await setup();
    const timeline = [{ afterMs: 0, state: 'pending' as const }];
    simulator.script({
      provider: 'daraja-stk',
      reference,
      amount: '1.00',
      timeline,
      stk: { pending: 'mixed' },
    });
    const errorCode = '500.001.1001';
    expect(await ask.stk(reference)).toMatchObject({
      status: 500,
      json: { errorCode, errorMessage: 'The transaction is being processed' },
    });
    expect(await ask.stk(reference)).toMatchObject({ status: 200, json: { ResultCode: '4999' } });
    expect(await ask.stk(reference)).toMatchObject({ status: 500, json: { errorCode, errorMessage: '' } });
  });

  it('uses one code for an unknown order and for wrong credentials', async () => {
    const { ask } = await setup();
    const body = (errorMessage: string) => ({
      status: 500,
      json: { errorCode: '500.001.1001', errorMessage },
    });
    expect(await ask.stk('ws_CO_unknown')).toMatchObject(body('The transaction does not Exist'));
    expect(await ask.stk(reference, { Password: 'x' })).toMatchObject(body('Wrong credentials'));
    expect(await ask.stk(reference, { Timestamp: '20240809162238' })).toMatchObject(
      body('Wrong credentials'),
    );
    expect(await ask.stk(reference, { BusinessShortCode: '1' })).toMatchObject(
      body('Merchant does not exist'),
    );
  });

  it('answers a paid callback with metadata and a failed one without', async () => {
    const { simulator } = await setup();
    const shop = await merchant();
    const callbacks = [
      { afterMs: 0, url: shop.url, form: 'genuine' as const, shape: 'masked-phone' as const },
    ];
    const common = {
      provider: 'daraja-stk',
      reference,
      amount: '1.00',
      receipt: 'NLJ7RT61SV',
      callbacks,
    } as const;
    simulator.script({ ...common, timeline: [{ afterMs: 0, state: 'paid' }] });
    const paid = await shop.next();
    expect(paid.text).toContain('"ResultCode":0,');
    expect(paid.text).toContain(
      '"CallbackMetadata":{"Item":[{"Name":"Amount","Value":1.0},{"Name":"MpesaReceiptNumber","Value":"NLJ7RT61SV"},' +
        '{"Name":"Balance"},{"Name":"TransactionDate","Value":20240809162237},' +
        '{"Name":"PhoneNumber","Value":"2547****678"}]}',
    );
    simulator.script({ ...common, timeline: [{ afterMs: 0, state: 'failed:cancelled' }] });
    const stkCallback = {
      MerchantRequestID: '29115-34620561-2',
      CheckoutRequestID: reference,
      ResultCode: 1032,
      ResultDesc: 'Request cancelled by user',
    };
    expect((await shop.next()).json).toEqual({ Body: { stkCallback } });
  });
});
