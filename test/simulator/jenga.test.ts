import { describe, expect, it } from 'vitest';
import { merchant } from './merchant.ts';
import { basic, setup, startedAt } from './support.ts';

const reference = 'OR28922980077';

describe('Jenga', () => {
  it('prints a paid order as the seed does', async () => {
    const { simulator, clock, ask } = await setup();
    const timeline = [{ afterMs: 12_897, state: 'paid' as const }];
    simulator.script({ provider: 'jenga', reference, amount: '2.00', receipt: 'SH90HU7FO2', timeline });
    clock.at += 20_000;
    const answer = await ask.jenga(reference);
    expect(answer.status).toBe(200);
    expect(answer.text).toBe(
      '{"status":true,"code":"0","message":"Order found","data":{"order":{"orderAmount":2.0,"amountPaid":2.0,' +
        '"orderReference":"OR28922980077","orderStatus":"Paid","createdOn":1723209757300},"invoices":[{"amount":2.0,' +
        '"amountDebited":2.0,"charge":1.0,"invoiceStatus":"Paid","orderReference":"OR28922980077",' +
        '"externalReference":"SH90HU7FO2","createdOn":"2024-08-09 16:22:37.300",' +
        '"completedOn":"2024-08-09 16:22:50.197"}]}}',
    );
  });

  it('prints a pending order as the seed does: debited in full, paid nothing', async () => {
    const { simulator, ask } = await setup();
    simulator.script({
      provider: 'jenga',
      reference,
      amount: '2',
      timeline: [{ afterMs: 0, state: 'pending' }],
    });
    expect((await ask.jenga(reference)).json).toEqual({
      status: true,
      code: '0',
      message: 'Order found',
      data: {
        order: {
          orderAmount: 2,
          amountPaid: 0,
          orderReference: reference,
          orderStatus: 'Pending',
          createdOn: startedAt,
        },
        invoices: [
          {
            amount: 2,
            amountDebited: 2,
            charge: 1,
            invoiceStatus: 'Pending',
            orderReference: reference,
            externalReference: null,
            createdOn: '2024-08-09 16:22:37.300',
            completedOn: null,
          },
        ],
      },
    });
  });

  it.each([
    ['failed:cancelled', 'Pending', 'Cancelled'],
    ['failed:insufficient-funds', 'Pending', 'Cancelled'],
    ['expired', 'Pending', 'Expired'],
    ['expired:not-reached', 'Pending', 'Expired'],
    [{ word: 'SUCCESS' }, 'SUCCESS', 'Pending'],
  ] as const)('prints %j as order %s, invoice %s', async (state, orderStatus, invoiceStatus) => {
    const { simulator, ask } = await setup();
    simulator.script({ provider: 'jenga', reference, amount: '2.00', timeline: [{ afterMs: 0, state }] });
    const data = { order: { orderStatus }, invoices: [{ invoiceStatus }] };
    expect((await ask.jenga(reference)).json).toMatchObject({ data });
  });

  it('keeps the invoice of a cancelled attempt before the one that is paid', async () => {
    const { simulator, clock, ask } = await setup();
    const timeline = [
      { afterMs: 0, state: 'failed:cancelled' as const },
      { afterMs: 1_000, state: 'paid' as const },
    ];
    simulator.script({ provider: 'jenga', reference, amount: '2.00', timeline });
    clock.at += 1_000;
    const { json } = await ask.jenga(reference);
    expect(json).toMatchObject({
      data: { invoices: [{ invoiceStatus: 'Cancelled' }, { invoiceStatus: 'Paid' }] },
    });
  });

  it('speaks of another reference and of a lower amount when scripted', async () => {
    const { simulator, ask } = await setup();
    const timeline = [{ afterMs: 0, state: 'paid' as const }];
    const script = { provider: 'jenga', reference, amount: '100.50', amountPaid: '99.99', timeline } as const;
    simulator.script({ ...script, answeredReference: 'OR-OTHER' });
    const answer = await ask.jenga(reference);
    expect(answer.text).toContain('"orderAmount":100.5,"amountPaid":99.99,"orderReference":"OR-OTHER"');
  });

  it('does not know an order that was never scripted, with any HTTP status', async () => {
    const { simulator, ask } = await setup();
    const message = 'Transaction with the passed reference cannot be found';
    const unknown = await ask.jenga('OR-UNKNOWN');
    expect(unknown).toMatchObject({ status: 404, json: { status: false, code: '111102', message } });
    const timeline = [{ afterMs: 0, state: 'not-found' as const }];
    simulator.script({ provider: 'jenga', reference, amount: '2', notFoundHttpStatus: 200, timeline });
    expect(await ask.jenga(reference)).toMatchObject({ status: 200, json: { code: '111102' } });
  });

  it('refuses wrong credentials and wrong tokens with the documented body', async () => {
    const { post, ask } = await setup();
    const refusal = {
      status: false,
      code: 401,
      message: 'Invalid or expired access token',
      error_code: 'UNAUTHORIZED',
    };
    const body = { merchantCode: 'x', consumerSecret: 'y' };
    const login = await post('/jenga/authentication/api/v3/authenticate/merchant', body, { 'api-key': 'z' });
    expect(login).toMatchObject({ status: 401, json: refusal });
    expect(await ask.jenga(reference, 'not-a-token')).toMatchObject({ status: 401, json: refusal });
  });

  it('posts the IPN with the registered Basic pair, and the old gateway’s variant', async () => {
    const { simulator } = await setup();
    const shop = await merchant();
    const common = { provider: 'jenga', amount: '2.00', receipt: 'SH90HU7FO2' } as const;
    const url = `${shop.url}/ipn`;
    const callbacks = [
      { afterMs: 0, url, form: 'genuine' as const, basic: { username: 'jenga', password: 'pair' } },
      { afterMs: 5, url, form: 'genuine' as const, shape: 'old-gateway' as const },
    ];
    simulator.script({ ...common, reference, timeline: [{ afterMs: 5_000, state: 'paid' }], callbacks });
    const [ipn, old] = [await shop.next(), await shop.next()];
    expect(ipn.headers.authorization).toBe(basic('jenga', 'pair'));
    expect(ipn.json).toMatchObject({
      callbackType: 'IPN',
      customer: { reference },
      transaction: { reference: 'SH90HU7FO2', status: 'SUCCESS', amount: 2, date: '2024-08-09 16:22:42.300' },
    });
    expect(old.json).toMatchObject({
      customer: { reference: null },
      transaction: { reference: ` ${reference}`, amount: '2' },
    });
    expect((old.json as { transaction: { additionalInfo: string } }).transaction.additionalInfo).toContain(
      'SH90HU7FO2',
    );
  });
});
