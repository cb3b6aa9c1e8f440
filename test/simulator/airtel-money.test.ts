import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type State, simulatorCredentials } from '../../src/simulator/simulator.ts';
import { merchant } from './merchant.ts';
import { type Setup, setup } from './support.ts';

const reference = 'shop-order-88';
const path = `/airtel-money/standard/v1/payments/${reference}`;
const market = { 'x-country': 'KE', 'x-currency': 'KES' };

async function login({ post }: Setup, secret?: string) {
  const { clientId, clientSecret } = simulatorCredentials['airtel-money'];
  const pair = { client_id: clientId, client_secret: secret ?? clientSecret };
  return await post('/airtel-money/auth/oauth2/token', { ...pair, grant_type: 'client_credentials' });
}

async function ask(parts: Setup, headers: Record<string, string> = market) {
  const { access_token } = (await login(parts)).json as { access_token: string };
  return await parts.fetch(path, { headers: { authorization: `Bearer ${access_token}`, ...headers } });
}

function script({ simulator }: Setup, state: State) {
  const timeline = [{ afterMs: 0, state }];
  const receipt = 'MP210603.1234.L06941';
  simulator.script({ provider: 'airtel-money', reference, amount: '100.00', receipt, timeline });
}

describe('Airtel Money', () => {
  it.each([
    ['pending', 'TIP', true, false],
    ['paid', 'TS', false, true],
    ['partly-paid', 'TS', true, true],
    ['failed:cancelled', 'TF', true, true],
    ['failed:rejected', 'TF', false, true],
    ['expired', 'TE', false, false],
    [{ word: 'SUCCESS' }, 'SUCCESS', true, false],
  ] as const)('prints %j as %s in an envelope with success: %s', async (state, word, success, hasReceipt) => {
    const parts = await setup();
    script(parts, state);
    const answer = await ask(parts);
    const json = answer.json as { data: { transaction: object }; status: object };
    expect(answer.status).toBe(200);
    expect(json.data.transaction).toMatchObject({ id: reference, status: word });
    expect('airtel_money_id' in json.data.transaction).toBe(hasReceipt);
    expect(json.status).toMatchObject({ code: '200', success });
    expect(answer.text).not.toMatch(/"amount"|"currency"/);
  });

  it('answers errors with HTTP 200 and no payment', async () => {
    const parts = await setup();
    expect(await ask(parts)).toMatchObject({
      status: 200,
      json: { status: { result_code: 'ESB000045', success: false } },
    });
    const uganda = await ask(parts, { 'x-country': 'UG', 'x-currency': 'UGX' });
    expect(uganda).toMatchObject({ status: 200, json: { status: { result_code: 'ROUTER006' } } });
    const noCurrency = await ask(parts, { 'x-country': 'KE' });
    expect(noCurrency).toMatchObject({ status: 200, json: { status: { result_code: 'ROUTER112' } } });
  });

  it('gives out tokens for three minutes, given as a text', async () => {
    const parts = await setup();
    const { access_token, expires_in } = (await login(parts)).json as Record<string, string>;
    expect(expires_in).toBe('180');
    script(parts, 'paid');
    const headers = { authorization: `Bearer ${access_token}`, ...market };
    expect((await parts.fetch(path, { headers })).status).toBe(200);
    parts.clock.at += 180_000;
    expect((await parts.fetch(path, { headers })).status).toBe(401);
    expect(await login(parts, 'wrong')).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
  });

  it('signs the transaction of its callback', async () => {
    const { simulator } = await setup();
    const shop = await merchant();
    const callbacks = [{ afterMs: 0, url: shop.url, form: 'genuine' as const }];
    const timeline = [{ afterMs: 0, state: 'failed:cancelled' as const }];
    simulator.script({ provider: 'airtel-money', reference, amount: '100.00', timeline, callbacks });
    const { transaction, hash } = (await shop.next()).json as { transaction: object; hash: string };
    expect(transaction).toMatchObject({ id: reference, status_code: 'TF' });
    const { callbackKey } = simulatorCredentials['airtel-money'];
    const own = createHmac('sha256', callbackKey).update(JSON.stringify(transaction)).digest('base64');
    expect(hash).toBe(own);
  });
});
