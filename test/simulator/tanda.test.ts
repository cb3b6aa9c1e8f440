import { describe, expect, it } from 'vitest';
import { simulatorCredentials } from '../../src/simulator/simulator.ts';
import { merchant } from './merchant.ts';
import { setup } from './support.ts';

const trackingId = '01991a17-7328-740a-9b30-1b383a88e985';

describe('Tanda', () => {
  it('prints a paid payout as the seed does', async () => {
    const { simulator, ask } = await setup();
    simulator.script({
      provider: 'tanda',
      reference: trackingId,
      externalReference: 'eeadb2fd-ae58-41c4-9b34-4ff514a01613',
      amount: '1.00',
      receipt: 'fv9n_TDX',
      phone: '254793875319',
      direction: 'out',
      timeline: [{ afterMs: 0, state: 'paid' }],
    });
    const at = '2024-08-09T13:22:37.300Z';
    const answer = await ask.tanda(trackingId);
    expect(answer.status).toBe(200);
    expect(answer.text).toBe(
      JSON.stringify({
        trackingId,
        transactionId: 'DRU00000001',
        reference: 'eeadb2fd-ae58-41c4-9b34-4ff514a01613',
        status: 'S000000',
        message: 'Test payment successful, however, no e-value will be disbursed.',
        error: '',
        type: 'Payout',
        datetimeCreated: at,
        lastUpdated: at,
        datetimeCompleted: at,
        result: {
          accountNumber: '254793875319',
          amount: '1.00',
          customerFee: '0.00',
          ref: 'fv9n_TDX',
          storeFee: '',
        },
        request: {
          accountNumber: '254793875319',
          amount: '1',
          commandId: 'ConsumerMobileMoneyWithdrawal',
          mobileNumber: '254793875319',
          narration: 'Payment',
        },
        ipn: { url: 'https://merchant.example/tanda-ipn' },
        results: null,
      }),
    );
  });

  it.each([
    ['pending', 'P202000'],
    ['failed:insufficient-funds', 'E422006'],
    ['failed:rejected', 'E422005'],
    ['failed:cancelled', 'E422022'],
    ['expired', 'E422022'],
    [{ word: 'E000002' }, 'E000002'],
  ] as const)('prints %j as status %s in both products', async (state, status) => {
    const { simulator, ask } = await setup();
    simulator.script({
      provider: 'tanda',
      reference: trackingId,
      amount: '1.00',
      timeline: [{ afterMs: 0, state }],
    });
    const json = { status, type: 'Payment', result: { ref: '' } };
    expect(await ask.tanda(trackingId)).toMatchObject({ status: 200, json });
    const commandId = 'CustomerToMerchantMobileMoneyPayment';
    const merchantAnswer = await ask.tanda(trackingId, 'merchant');
    expect(merchantAnswer).toMatchObject({ status: 200, json: { ...json, request: { commandId } } });
  });

  it('begins the message of a pending order with "Successful."', async () => {
    const { simulator, ask } = await setup();
    const timeline = [{ afterMs: 5_000, state: 'paid' as const }];
    simulator.script({ provider: 'tanda', reference: trackingId, amount: '1.00', timeline });
    const { message } = (await ask.tanda(trackingId)).json as { message: string };
    expect(message).toMatch(/^Successful\./);
  });

  it('answers calls it does not accept with its error envelope', async () => {
    const { ask, fetch } = await setup();
    const envelope = { category: 'Business', severity: 'Low' };
    expect(await ask.tanda('unknown')).toMatchObject({
      status: 404,
      json: { status: 'E404000', ...envelope },
    });
    expect(await ask.tanda('unknown', 'consumer', 'wrong')).toMatchObject({
      status: 401,
      json: { status: 'E401000' },
    });
    const headers = { authorization: `Bearer ${await ask.tandaLogin()}` };
    const foreign = await fetch('/tanda/io/v3/organizations/other/request/x?shortCode=1', { headers });
    expect(foreign).toMatchObject({ status: 403, json: { status: 'E403000' } });
  });

  it('takes its credentials from the form too and refuses wrong ones', async () => {
    const { fetch } = await setup();
    const { clientId, clientSecret } = simulatorCredentials.tanda;
    const login = (client_secret: string) =>
      fetch('/tanda/v1/oauth2/token', {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_id: clientId,
          client_secret,
        }).toString(),
      });
    expect(await login(clientSecret)).toMatchObject({
      status: 200,
      json: { token_type: 'Bearer', expires_in: 3_599 },
    });
    expect(await login('wrong')).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
  });

  it('pushes an IPN without an amount', async () => {
    const { simulator } = await setup();
    const shop = await merchant();
    const callbacks = [{ afterMs: 0, url: shop.url, form: 'genuine' as const }];
    const timeline = [{ afterMs: 0, state: 'paid' as const }];
    simulator.script({
      provider: 'tanda',
      reference: trackingId,
      amount: '1.00',
      receipt: 'R1',
      timeline,
      callbacks,
    });
    const { json, text } = await shop.next();
    expect(json).toMatchObject({ trackingId, status: 'S000000', result: { ref: 'R1' } });
    expect(text).not.toContain('amount');
  });
});
