import { request } from 'undici';
import { expect, onTestFinished, test } from 'vitest';
import type { Scope } from '../../src/config/named-keys.ts';
import { sha256, startRunningService } from '../support/running-service.ts';

const scopes: readonly Scope[] = ['orders:write', 'orders:read', 'results:read'];

test('a key of one account does not learn the ids of orders of another one that own a payment', async () => {
  const key = 'key-of-shop2';
  const running = await startRunningService({
    accounts: 'jenga,shop2=jenga',
    environment: {
      API_KEYS: JSON.stringify([{ name: 'shop2', sha256: sha256(key), scopes, accounts: ['shop2'] }]),
    },
  });
  onTestFinished(() => running.close());
  const facts = { reference: 'OR-one', amount: '2.00' };
  running.simulator.script({ provider: 'jenga', ...facts, timeline: [{ afterMs: 0, state: 'paid' }] });

  await running.enqueue({ orderId: 'secret-owner', account: 'jenga', ...facts });
  await running.call('GET', '/v1/orders/secret-owner?wait=50');
  const refused = { body: { orderId: 'second', account: 'shop2', ...facts } };
  const forOne = await running.call('POST', '/v1/orders', { key, ...refused });
  const forAll = await running.call('POST', '/v1/orders', refused);
  expect(forOne).toMatchObject({ status: 409, json: { kind: 'reference-in-use' } });
  expect(forOne.text).not.toContain('secret-owner');
  expect(forAll).toMatchObject({ status: 409, json: { orderId: 'secret-owner' } });

  // The same payment under another reference of shop2.
  const owner = await running.call('GET', '/v1/orders/secret-owner');
  const { receipt } = owner.json as { receipt: string };
  running.simulator.script({
    ...{ provider: 'jenga', reference: 'OR-two', amount: '2.00' },
    receipt,
    timeline: [{ afterMs: 0, state: 'paid' }],
  });
  await running.enqueue({ orderId: 'third', account: 'shop2', reference: 'OR-two', amount: '2.00' });
  for (const path of ['/v1/orders/third?wait=50', '/v1/orders/third']) {
    const view = await running.call('GET', path, { key });
    expect(view).toMatchObject({ status: 200, json: { reason: 'receipt-used' } });
    expect(view.text).not.toContain('secret-owner');
  }
  expect((await running.call('GET', '/v1/orders/third')).text).toContain('secret-owner');
  expect(await firstEvent(running.url, key, 'third')).not.toContain('secret-owner');
});

/** The text of the event stream from its beginning until it names an order. */
async function firstEvent(url: string, key: string, orderId: string): Promise<string> {
  const leaving = new AbortController();
  const headers = { authorization: `Bearer ${key}`, 'last-event-id': '0' };
  const answer = await request(`${url}/v1/results`, { headers, signal: leaving.signal });
  let text = '';
  for await (const chunk of answer.body) {
    text += String(chunk);
    if (text.includes(`"subject":"${orderId}"`) && text.endsWith('\n\n')) break;
  }
  leaving.abort();
  return text;
}
