import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { simulatorCredentials } from '../../src/simulator/simulator.ts';
import { merchant } from './merchant.ts';
import { setup } from './support.ts';

const receipt = 'SHL2S6WAAU';
const { appSecret, merchantNo } = simulatorCredentials.vexora;

describe('Vexora', () => {
  it('prints a rejected order as the seed does, receipt and success time included', async () => {
    const { simulator, ask } = await setup();
    const timeline = [{ afterMs: 0, state: 'failed:rejected' as const }];
    simulator.script({ provider: 'vexora', reference: receipt, amount: '3.00', timeline });
    const answer = await ask.vexora(receipt);
    expect(answer.status).toBe(200);
    expect(answer.text).toBe(
      `{"msg":"success","code":"0000","timestamp":1723209757300,"success":true,"data":{"platFormTradeNo":"${hash('md5', receipt)}",` +
        '"tradeNo":"00000001","amount":3.0000,"status":"00029","mpesaReceiptNumber":"SHL2S6WAAU",' +
        '"message":"REJECTED_TRANSACTION","successTime":"2024-08-09 16:22:37"}}',
    );
  });

  it.each([
    ['paid', '0000'],
    ['pending', '0015'],
    ['partly-paid', '0001'],
    ['failed:limit-exceeded', '0100019'],
    ['failed:cancelled', '00029'],
    ['expired', '00029'],
    [{ word: '00032' }, '00032'],
  ] as const)('prints %j as status %s', async (state, status) => {
    const { simulator, ask } = await setup();
    simulator.script({
      provider: 'vexora',
      reference: 'T-1',
      amount: '3.00',
      timeline: [{ afterMs: 0, state }],
    });
    const answer = await ask.vexoraTrade('T-1');
    expect(answer).toMatchObject({ status: 200, json: { code: '0000', data: { status, tradeNo: 'T-1' } } });
    expect(await ask.vexoraTrade('T-1', '/api/queryPayinResult')).toMatchObject({
      json: { data: { status } },
    });
  });

  it('finds a trade by its receipt as well', async () => {
    const { simulator, ask } = await setup();
    const timeline = [{ afterMs: 0, state: 'paid' as const }];
    simulator.script({ provider: 'vexora', reference: 'T-1', receipt, amount: '3.00', timeline });
    expect(await ask.vexora(receipt)).toMatchObject({
      json: { data: { tradeNo: 'T-1', mpesaReceiptNumber: receipt } },
    });
  });

  it.each([
    ['text', '"amount":"300.00"'],
    ['whole-text', '"amount":"300"'],
    ['split', '"orderAmount":"300.00","payAmount":"299.00"'],
    ['received', '"amount":"300.00","receivedAmount":"299.00"'],
  ] as const)('prints the amount as "%s"', async (amount, printed) => {
    const { simulator, ask } = await setup();
    const timeline = [{ afterMs: 0, state: 'paid' as const }];
    const amountPaid = amount === 'split' || amount === 'received' ? '299.00' : '300.00';
    const script = {
      provider: 'vexora',
      reference: receipt,
      amount: '300.00',
      amountPaid,
      timeline,
    } as const;
    simulator.script({ ...script, vexora: { amount, success: 'string' } });
    const { text } = await ask.vexora(receipt);
    expect(text).toContain(printed);
    expect(text).toContain('"success":"true"');
  });

  it('refuses a bad sign, a wrong merchant and an unknown order with outer code 8000', async () => {
    const { ask, post } = await setup();
    const refused = { status: 200, json: { code: '8000', success: false } };
    expect(await ask.vexora(receipt, { sign: '0'.repeat(32) })).toMatchObject({
      ...refused,
      json: { msg: 'sign error' },
    });
    expect(await ask.vexora(receipt)).toMatchObject(refused);
    const body = { code: receipt, sign: 'x' };
    expect(await post('/vexora/api/queryResultByCode', body, { merchantNo: 'other' })).toMatchObject(refused);
  });

  it('ignores empty fields in the signature and accepts a secret in front when scripted', async () => {
    const { simulator, post } = await setup();
    const timeline = [{ afterMs: 0, state: 'paid' as const }];
    const script = { provider: 'vexora', reference: receipt, amount: '3.00', timeline } as const;
    const query = (sign: string) =>
      post('/vexora/api/queryResultByCode', { code: receipt, remark: '', other: null, sign }, { merchantNo });
    const [appended, prepended] = [
      hash('md5', `code=${receipt}${appSecret}`),
      hash('md5', `${appSecret}code=${receipt}`),
    ];
    simulator.script(script);
    expect(await query(appended)).toMatchObject({ json: { code: '0000' } });
    expect(await query(prepended)).toMatchObject({ json: { code: '8000' } });
    simulator.script({ ...script, vexora: { secretPosition: 'prepend' } });
    expect(await query(appended)).toMatchObject({ json: { code: '8000' } });
    expect(await query(prepended)).toMatchObject({ json: { code: '0000' } });
  });

  it('notifies with the inner object alone, signed only when asked', async () => {
    const { simulator } = await setup();
    const shop = await merchant();
    const callbacks = [
      { afterMs: 0, url: shop.url, form: 'genuine' as const },
      { afterMs: 5, url: shop.url, form: 'genuine' as const, shape: 'signed' as const },
    ];
    const timeline = [{ afterMs: 0, state: 'paid' as const }];
    simulator.script({ provider: 'vexora', reference: 'T-1', receipt, amount: '3.00', timeline, callbacks });
    const [plain, signed] = [await shop.next(), await shop.next()];
    expect(plain.json).toMatchObject({ tradeNo: 'T-1', status: '0000', mpesaReceiptNumber: receipt });
    expect(plain.json).not.toHaveProperty('sign');
    const { sign, ...fields } = signed.json as Record<string, string>;
    const joined = Object.keys(fields)
      .sort()
      .map((key) => `${key}=${fields[key]}`)
      .join('');
    expect(sign).toBe(hash('md5', joined + appSecret));
  });
});
