import { describe, expect, it } from 'vitest';
import { basic, setup } from './support.ts';

const stk = 'ws_CO_1';

describe('access tokens', () => {
  it('Jenga prints the expiry as an ISO instant a quarter of an hour on', async () => {
    const { post } = await setup();
    const body = { merchantCode: '0000000001', consumerSecret: 'simulated-jenga-consumer-secret' };
    const headers = { 'Api-Key': 'simulated-jenga-api-key' };
    const { json } = await post('/jenga/authentication/api/v3/authenticate/merchant', body, headers);
    expect(json).toMatchObject({
      expiresIn: '2024-08-09T13:37:37Z',
      issuedAt: '2024-08-09T13:22:37Z',
      tokenType: 'Bearer',
    });
  });

  it('Daraja prints the lifetime as text and an empty 400 for a wrong key', async () => {
    const { fetch } = await setup();
    const path = '/daraja/oauth/v1/generate?grant_type=client_credentials';
    const headers = {
      authorization: basic('simulated-daraja-consumer-key', 'simulated-daraja-consumer-secret'),
    };
    expect((await fetch(path, { headers })).json).toMatchObject({ expires_in: '3599' });
    const wrong = await fetch(path, { headers: { authorization: basic('production-key', 'secret') } });
    expect(wrong).toMatchObject({ status: 400, text: '' });
  });

  it('a new Daraja token ends the older one of its app, and the refusal echoes it', async () => {
    const { ask } = await setup();
    const older = await ask.darajaLogin('daraja-stk');
    expect(await ask.stk(stk, {}, older)).toMatchObject({ status: 500 });
    const otherApp = await ask.darajaLogin('daraja');
    expect(await ask.stk(stk, {}, older)).toMatchObject({ status: 500 });
    const newer = await ask.darajaLogin('daraja-stk');
    const refusal = await ask.stk(stk, {}, older);
    expect(refusal).toMatchObject({ status: 401, json: { errorCode: '401.002.01' } });
    expect(refusal.text).toContain(older);
    expect(await ask.stk(stk, {}, newer)).toMatchObject({ status: 500 });
    expect(await ask.stk(stk, {}, otherApp)).toMatchObject({ status: 500 });
  });

  it('tokens expire on the given clock, each in its provider’s words', async () => {
    const { clock, ask } = await setup({ tokenLifetimeMs: { jenga: 10_000, daraja: 10_000, tanda: 10_000 } });
    const [jenga, daraja, tanda] = [
      await ask.jengaLogin(),
      await ask.darajaLogin('daraja-stk'),
      await ask.tandaLogin(),
    ];
    clock.at += 9_999;
    expect((await ask.jenga('x', jenga)).status).toBe(404);
    clock.at += 1;
    expect((await ask.jenga('x', jenga)).status).toBe(401);
    expect(await ask.stk(stk, {}, daraja)).toMatchObject({ status: 404, json: { errorCode: '404.001.03' } });
    expect((await ask.tanda('x', 'consumer', tanda)).status).toBe(401);
  });

  it('tokens die early when scripted, and logins are counted', async () => {
    const { simulator, ask, post } = await setup();
    const token = await ask.jengaLogin();
    expect((await post('/_simulator/tokens/expire', { provider: 'jenga' })).status).toBe(200);
    expect((await ask.jenga('x', token)).status).toBe(401);
    await ask.jengaLogin();
    expect(simulator.requests().jenga).toMatchObject({ paths: { login: 2, status: 1 }, refused: 1 });
  });

  it('a missing header is a different refusal at Daraja', async () => {
    const { post } = await setup();
    const answer = await post('/daraja/mpesa/stkpushquery/v1/query', {});
    expect(answer).toMatchObject({ status: 404, json: { errorCode: '404.001.04' } });
    expect(await post('/daraja/mpesa/nowhere', {})).toMatchObject({
      status: 404,
      json: { errorCode: '404.001.01' },
    });
  });
});
