import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FakeGateway, startFakeGateway } from '../support/fake-gateway.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { setupParts } from '../support/service-parts.ts';
import { aHurriedOrder } from '../support/service-parts-of-account.ts';
import { until } from '../support/waiting.ts';

const redis = testRedis();
let gateway: FakeGateway;

beforeAll(async () => {
  // The reference of an order says which currency its answer names.
  gateway = await startFakeGateway(({ url }) => {
    const reference = new URL(url, 'http://gateway').searchParams.get('reference') ?? '';
    const named = reference.split('-').at(-1);
    const response = {
      ...{ Status: 'SUCCESS', ResultCode: 0, Amount: 100, MpesaReceiptNumber: 'NEF61H8J60' },
      ...{ TransactionReference: reference, ...(named === 'NONE' ? {} : { Currency: named }) },
    };
    return { status: 200, body: { success: true, data: { response, status: true } } };
  });
});
afterAll(() => gateway.close());

test.each([
  ['KES', 'a-NONE', { status: 'paid', reason: null, amountReceived: '100.00', amountVerified: true }],
  ['KES', 'b-kes', { status: 'paid', reason: null, amountReceived: '100.00', amountVerified: true }],
  ['UGX', 'c-UGX', { status: 'paid', reason: null, amountReceived: '100.00', amountVerified: true }],
  [
    'UGX',
    'd-EUR',
    { status: 'unresolved', reason: 'currency-mismatch', amountReceived: null, amountVerified: false },
  ],
  [
    'KES',
    'e-UGX',
    { status: 'unresolved', reason: 'currency-mismatch', amountReceived: null, amountVerified: false },
  ],
  // The account can have KES only, so that is what arrived.
  [
    'UGX',
    'f-NONE',
    { status: 'unresolved', reason: 'currency-mismatch', amountReceived: null, amountVerified: false },
  ],
])('4. Paid is proven: 100 for an order in %s, reference %s', async (currency, reference, expected) => {
  const { startWorker, enqueue, events, errors } = setupParts(redis, testPrefix(), gateway.url);
  await startWorker();
  await enqueue(aHurriedOrder({ orderId: reference, currency }));
  const [event] = await until('a verdict', async () => {
    const all = await events(reference);
    return all.length > 0 && all;
  });
  expect(event?.data).toMatchObject({ ...expected, currency });
  expect(JSON.stringify(event?.data.evidence)).not.toContain('"amountReceived":null');
  expect(errors).toEqual([]);
});
