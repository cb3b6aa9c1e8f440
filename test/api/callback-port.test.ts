import { request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readServiceSettings } from '../../src/config/config.ts';
import { type RunningService, startRunningService, testCallbackToken } from '../support/running-service.ts';

// CALLBACK_PORT: what may face the internet serves callbacks, and nothing else; the other port serves no callbacks.

let running: RunningService;
beforeAll(async () => {
  running = await startRunningService({
    accounts: 'jenga',
    roles: ['api'],
    environment: { CALLBACK_PORT: '0', BOARD_PASSWORD: 'correct horse battery', DOCS_PUBLIC: 'true' },
  });
  await running.enqueue({ orderId: 'ord-1', account: 'jenga', reference: 'OR1', amount: '2.00' });
});
afterAll(() => running.close());

const path = `/callbacks/jenga/${testCallbackToken}`;
const ipn = {
  callbackType: 'IPN',
  customer: { reference: 'OR1' },
  transaction: { status: 'SUCCESS', amount: 2 },
};

async function send(url: string, method: 'GET' | 'HEAD' | 'POST' | 'OPTIONS', body: unknown = null) {
  const headers = {
    'x-request-id': 'test-request',
    'content-type': 'application/json',
    authorization: 'Bearer test-api-key',
  };
  const answer = await request(url, {
    ...{ dispatcher: running.agent, method, headers },
    ...(body !== null && { body: JSON.stringify(body) }),
  });
  return { status: answer.statusCode, text: await answer.body.text() };
}

test('its port takes callbacks', async () => {
  expect((await send(`${running.service.callbackUrl}${path}`, 'POST', ipn)).status).toBe(200);
  expect(await running.metric('payment_poller_callbacks_total{account="jenga",result="hint"}')).toBe(1);
  const wrong = await send(
    `${running.service.callbackUrl}/callbacks/jenga/wrong-token-of-somebody`,
    'POST',
    ipn,
  );
  expect(wrong.status).toBe(404);
});

test.each([
  '/',
  '/login',
  '/v1/orders',
  '/v1/orders/ord-1',
  '/v1/results?from=0',
  '/docs',
  '/docs/json',
  '/board/',
  '/metrics',
  '/health/live',
  '/health/ready',
  '/assets/page.css',
  '/callbacks',
])('its port does not know %s', async (elsewhere) => {
  const refused = await send(
    `${running.service.callbackUrl}/callbacks/nobody/wrong-token-of-somebody`,
    'POST',
    ipn,
  );
  for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS'] as const) {
    const answer = await send(
      `${running.service.callbackUrl}${elsewhere}`,
      method,
      method === 'POST' ? {} : null,
    );
    expect(answer.status, method).toBe(404);
    // Not even by its text.
    if (method !== 'HEAD') expect(answer.text).toBe(refused.text);
  }
});

test('the other port serves no callbacks', async () => {
  const before = await running.metric('payment_poller_callbacks_total{account="jenga",result="hint"}');
  expect((await send(`${running.url}${path}`, 'POST', ipn)).status).toBe(404);
  expect(await running.metric('payment_poller_callbacks_total{account="jenga",result="hint"}')).toBe(before);
});

test('both ports end with the service, and must differ', async () => {
  const other = await startRunningService({
    accounts: 'jenga',
    roles: ['api'],
    environment: { CALLBACK_PORT: '0' },
  });
  const url = `${other.service.callbackUrl}${path}`;
  await other.close();
  await expect(request(url, { method: 'POST' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect(() => readServiceSettings({ PORT: '8081', CALLBACK_PORT: '8081' })).toThrow(
    /CALLBACK_PORT and PORT are the same/,
  );
  const worker = await startRunningService({
    accounts: 'jenga',
    roles: ['worker'],
    environment: { CALLBACK_PORT: '0' },
  });
  expect(worker.service.callbackUrl).toBeNull();
  await worker.close();
});
