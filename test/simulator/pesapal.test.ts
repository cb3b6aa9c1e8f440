import { describe, expect, it } from 'vitest';
import { type State, simulatorCredentials } from '../../src/simulator/simulator.ts';
import { merchant } from './merchant.ts';
import { type Setup, setup } from './support.ts';

const reference = 'af2234da-03ee-4b60-b2dd-dd746bcda1bd';
const status = `/pesapal/api/Transactions/GetTransactionStatus?orderTrackingId=${reference}`;

interface Grant {
  readonly token: string;
  readonly expiryDate: string;
}

async function login({ post }: Setup, secret?: string) {
  const { consumerKey, consumerSecret } = simulatorCredentials.pesapal;
  const pair = { consumer_key: consumerKey, consumer_secret: secret ?? consumerSecret };
  return await post('/pesapal/api/Auth/RequestToken', pair);
}

async function ask(parts: Setup) {
  const { token } = (await login(parts)).json as Grant;
  return await parts.fetch(status, { headers: { authorization: `Bearer ${token}` } });
}

function script({ simulator }: Setup, state: State) {
  const timeline = [{ afterMs: 0, state }];
  simulator.script({ provider: 'pesapal', reference, amount: '6.00', receipt: 'SCJ8JQ26SW', timeline });
}

const noError = { error_type: null, code: null, message: null };
const pendingPayment = {
  error_type: 'api_error',
  code: 'payment_details_not_found',
  message: 'Pending Payment',
};

describe('Pesapal', () => {
  it('prints a paid order as it was recorded', async () => {
    const parts = await setup();
    script(parts, 'paid');
    expect(await ask(parts)).toMatchObject({
      status: 200,
      json: {
        payment_method: 'MpesaKE',
        amount: 6,
        created_date: '2024-08-09T16:22:37.300',
        confirmation_code: 'SCJ8JQ26SW',
        order_tracking_id: reference,
        payment_status_description: 'Completed',
        message: 'Request processed successfully',
        status_code: 1,
        merchant_reference: reference,
        payment_status_code: '',
        currency: 'KES',
        error: noError,
        status: '200',
      },
    });
  });

  it('prints an unpaid order like an error, with the amount asked for', async () => {
    const parts = await setup();
    script(parts, 'pending');
    const body = {
      amount: 6,
      confirmation_code: '',
      status_code: 0,
      payment_status_description: 'INVALID',
      error: pendingPayment,
      status: '500',
    };
    expect(await ask(parts)).toMatchObject({ status: 200, json: body });
  });

  it.each([
    ['failed:cancelled', 2, 'Failed', 'request_terminated_by_user'],
    ['failed:insufficient-funds', 2, 'Failed', /Unable to Authorize/],
    ['expired', 2, 'Failed', 'request_timed_out'],
    [{ word: 'REVIEW' }, 'REVIEW', 'REVIEW', ''],
  ] as const)(
    'prints %j as %s, with a receipt and status "200"',
    async (state, code, description, detail) => {
      const parts = await setup();
      script(parts, state);
      const { json } = await ask(parts);
      expect(json).toMatchObject({
        status_code: code,
        payment_status_description: description,
        status: '200',
      });
      expect(json).toMatchObject({ confirmation_code: 'SCJ8JQ26SW', error: noError });
      expect((json as { payment_status_code: string }).payment_status_code).toMatch(detail);
    },
  );

  it('answers about an order that it does not know with the error of an unpaid one', async () => {
    const parts = await setup();
    expect(await ask(parts)).toMatchObject({ status: 404, json: { error: pendingPayment } });
  });

  it('gives out tokens for five minutes, and refuses a wrong pair with HTTP 200', async () => {
    const parts = await setup();
    const { token, expiryDate } = (await login(parts)).json as Grant;
    expect(expiryDate).toBe('2024-08-09T13:27:37.3000000Z');
    const headers = { authorization: `Bearer ${token}` };
    script(parts, 'paid');
    expect((await parts.fetch(status, { headers })).status).toBe(200);
    parts.clock.at += 300_000;
    const refused = { error: { error_type: 'authentication_error' } };
    expect(await parts.fetch(status, { headers })).toMatchObject({ status: 401, json: refused });
    expect(await login(parts, 'wrong')).toMatchObject({
      status: 200,
      json: { error: { code: 'invalid_consumer_key_or_secret_provided', message: '' } },
    });
  });

  it('tells by GET that something changed, and not what', async () => {
    const { simulator } = await setup();
    const shop = await merchant();
    const callbacks = [{ afterMs: 0, url: `${shop.url}/ipn`, form: 'genuine' as const }];
    const timeline = [{ afterMs: 0, state: 'paid' as const }];
    simulator.script({ provider: 'pesapal', reference, amount: '6.00', timeline, callbacks });
    const { path, text } = await shop.next();
    expect(path).toBe(
      `/ipn?OrderTrackingId=${reference}&OrderMerchantReference=${reference}&OrderNotificationType=IPNCHANGE`,
    );
    expect(text).toBe('');
  });
});
