import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningService, startRunningService, testCallbackToken } from '../support/running-service.ts';

const trackingId = '7e6b62d9-883e-440f-a63e-e1105bbfadc3';
const referenceId = '0f2a7b1c-3d4e-4f5a-8b6c-7d8e9f0a1b2c';

let running: RunningService;
beforeAll(async () => {
  running = await startRunningService({ accounts: 'pesapal,mtn-momo', roles: ['api'] });
  const schedule = {
    firstPollAfterMs: 600_000,
    initialIntervalMs: 600_000,
    maxIntervalMs: 600_000,
    deadlineMs: 3_600_000,
  };
  const order = { amount: '100', schedule };
  await running.enqueue({ ...order, orderId: 'page', account: 'pesapal', reference: trackingId });
  await running.enqueue({ ...order, orderId: 'push', account: 'mtn-momo', reference: referenceId });
});
afterAll(() => running.close());

const counted = (account: string, result: string) =>
  running.metric(`payment_poller_callbacks_total{account="${account}",result="${result}"}`);

test('a notification by GET names its order in the query, and hears it repeated', async () => {
  const query = `OrderTrackingId=${trackingId}&OrderNotificationType=IPNCHANGE&OrderMerchantReference=INV-1`;
  const answer = await running.call('GET', `/callbacks/pesapal/${testCallbackToken}?${query}`, { key: null });
  expect(answer).toMatchObject({ status: 200, json: { orderTrackingId: trackingId, status: 200 } });
  expect(await counted('pesapal', 'hint')).toBe(1);
});

test('a callback by PUT is a hint as one by POST is', async () => {
  const path = `/callbacks/mtn-momo/${testCallbackToken}`;
  const body = { referenceId, status: 'SUCCESSFUL' };
  expect((await running.call('PUT', path, { key: null, body })).status).toBe(200);
  expect((await running.call('POST', path, { key: null, body })).status).toBe(200);
  expect(await counted('mtn-momo', 'hint')).toBe(2);
});

test.each([
  ['GET', 'mtn-momo'],
  ['PUT', 'pesapal'],
] as const)('%s is not found at %s, which does not send it', async (method, account) => {
  const path = `/callbacks/${account}/${testCallbackToken}?OrderTrackingId=${trackingId}`;
  const hints = await counted(account, 'hint');
  const body = method === 'PUT' ? { body: { referenceId } } : {};
  expect((await running.call(method, path, { key: null, ...body })).status).toBe(404);
  expect(await counted(account, 'hint')).toBe(hints);
});
