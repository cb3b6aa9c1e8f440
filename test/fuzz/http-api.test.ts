import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type RunningService, startRunningService } from '../support/running-service.ts';
import {
  hostileDocuments,
  hostileValues,
  hugeValues,
  pathsOf,
  valueAt,
  withRaw,
  withTwice,
} from './hostile.ts';

let running: RunningService;
beforeAll(async () => {
  running = await startRunningService({ accounts: 'jenga,vexora,lipia,daraja', roles: ['api'] });
});
afterAll(() => running.close());

const order = {
  orderId: 'ord-1',
  account: 'lipia',
  reference: { transactionReference: 'a', externalReference: 'b' },
  amount: '2.00',
  currency: 'KES',
  createdAt: '2026-01-15T09:00:00Z',
  schedule: { deadlineMs: 60_000, jitter: 0.1 },
  metadata: { cart: ['a', { b: 1 }] },
};

/** Refused as the caller's fault, in the form of a problem. */
function isRefusal({ status, headers }: Answer): boolean {
  return status >= 400 && status < 500 && headers['content-type'] === 'application/problem+json';
}

async function hand(body: string | Uint8Array, headers: { [name: string]: string } = {}): Promise<Answer> {
  return running.call('POST', '/v1/orders', { body, headers });
}

describe('an order over HTTP', () => {
  test('with a hostile value anywhere is taken as it stands or refused, and is no fault of ours', async () => {
    let nth = 0;
    for (const path of pathsOf(order)) {
      const answers = await Promise.all(
        [...hostileValues, ...hugeValues].map(async ([name, json]) => {
          nth += 1;
          const body = withRaw({ ...order, orderId: path === 'orderId' ? '' : `ord-${nth}` }, path, json);
          return [name, await hand(body)] as const;
        }),
      );
      for (const [name, answer] of answers) {
        const isTaken = answer.status === 201 && !/^(account|amount)/.test(path);
        expect(isTaken || isRefusal(answer), `${path}: ${name}: ${answer.status}`).toBe(true);
      }
    }
  });

  test('that is a document of another kind is refused', async () => {
    for (const [name, document] of hostileDocuments) {
      const answer = await hand(document);
      expect(isRefusal(answer), `${name}: ${answer.status}`).toBe(true);
    }
  });

  test('with two equal keys is refused: nobody can know which of them was meant', async () => {
    const twice = withTwice({ ...order, orderId: 'ord-twice' }, 'amount', '"1.00"', '"3.00"');
    expect((await hand(twice)).status).toBe(422);
    expect((await running.call('GET', '/v1/orders/ord-twice')).status).toBe(404);
  });

  test('has no use for a prototype', async () => {
    const inherited = JSON.stringify(order).replace(/^\{/, '{"__proto__":{"account":"jenga"},');
    expect((await hand(inherited)).status).toBe(422);
    const inMetadata = withRaw(
      { ...order, orderId: 'ord-m' },
      'metadata',
      '{"constructor":{"prototype":{}}}',
    );
    expect((await hand(inMetadata)).status).toBe(201);
    expect(valueAt({}, 'account')).toBeUndefined();
    expect(({} as { account?: unknown }).account).toBeUndefined();
  });

  test('was not created before anybody could have', async () => {
    const old = { ...order, orderId: 'ord-old', createdAt: '0000-01-01T00:00:00+01:00' };
    expect(await hand(JSON.stringify(old))).toMatchObject({
      status: 422,
      json: { faults: [{ path: 'createdAt' }] },
    });
  });

  test.each([
    'text/plain',
    'application/xml',
    'multipart/form-data; boundary=x',
    'application/jsonx',
    '',
    'x',
  ])('of the content type %j is refused', async (type) => {
    const answer = await hand(JSON.stringify(order), { 'content-type': type });
    expect(isRefusal(answer), `${answer.status}`).toBe(true);
  });

  test('a fault is reported without the value that was at fault', async () => {
    const phone = '254711223344';
    const bodies = [
      `{"orderId":"${phone} x","account":"+${phone}","reference":{"${phone}":1},"amount":"${phone}x"}`,
      `{"phone":"${phone}`,
      `${phone}`,
      `{"a":${phone}${phone}`,
      JSON.stringify({ ...order, orderId: 'o', metadata: { phone }, createdAt: phone, currency: phone }),
    ];
    for (const body of bodies) {
      const answer = await hand(body);
      expect(isRefusal(answer)).toBe(true);
      expect(answer.text).not.toContain(phone);
    }
  });
});

describe('a request with a hostile path, query or header', () => {
  const texts = [
    '%00',
    '%ff',
    '%ED%A0%80',
    '..%2f..%2f',
    '%0d%0aSet-Cookie:x',
    'prototype',
    "'",
    '*',
    '{}',
    '%25',
  ];
  const numbers = ['-1', '1e400', 'NaN', '0x10', '99999999999999999999', '1,2', '%20', '', '٣', '[]'];

  test.each([
    '/v1/orders/nobody?__proto__=1&constructor=2&wait[]=1&wait.x=1',
    ...texts.flatMap((text) => [`/v1/orders/${text}`, `/v1/orders/${text}?wait=1`]),
    ...numbers.map((number) => `/v1/orders/nobody?wait=${number}`),
    ...numbers.map((number) => `/v1/orders/nobody?after=${number}`),
    ...[...texts, ...numbers].map((text) => `/v1/results?from=${text}-`),
    '/v1/results?from=0&from=0',
    '/v1/orders/nobody?__proto__=1&constructor=2&wait[]=1&wait.x=1',
  ])('GET %s is no fault of ours', async (path) => {
    const answer = await running.call('GET', path);
    expect(isRefusal(answer), `${answer.status} ${answer.text}`).toBe(true);
  });

  test('a path or a query of great length is no fault of ours', async () => {
    for (const path of [`nobody?${'a=1&'.repeat(2_000)}`, 'a'.repeat(10_000), `${'a/'.repeat(5_000)}`]) {
      expect(isRefusal(await running.call('GET', `/v1/orders/${path}`)), path.slice(0, 10)).toBe(true);
    }
  });

  test.each(texts)('POST to the order %s is no fault of ours', async (text) => {
    expect(isRefusal(await running.call('POST', `/v1/orders/${text}/poll`))).toBe(true);
  });

  test('a hostile header is no fault of ours', async () => {
    const headers: { [name: string]: string }[] = [
      { 'last-event-id': '1-2-3' },
      { 'last-event-id': '9'.repeat(5_000) },
      { authorization: `Bearer ${'x'.repeat(8_000)}` },
      { authorization: `Bearer ${' '.repeat(8_000)}x` },
      { authorization: 'Bearer \u00ff' },
      { 'x-forwarded-for': '1.1.1.1,'.repeat(500) },
      { host: 'a b' },
      { 'accept-encoding': 'x'.repeat(4_000) },
    ];
    for (const each of headers) {
      const path = 'last-event-id' in each ? '/v1/results' : '/v1/orders/nobody';
      const answer = await running.call('GET', path, { headers: each });
      expect(isRefusal(answer), `${Object.keys(each)}: ${answer.status}`).toBe(true);
    }
  });
});

describe('a callback', () => {
  const push = { TransactionReference: 'a', ExternalReference: 'b', response: { TransactionReference: 'a' } };

  test('of any body is accepted or too large, and wakes no order that it does not name', async () => {
    await running.enqueue({ ...order, orderId: 'ord-quiet', reference: 'quiet' });
    for (const [name, document] of hostileDocuments) {
      const statuses = await Promise.all(
        ['jenga', 'vexora', 'lipia'].map(
          async (account) => (await running.callback(account, document)).status,
        ),
      );
      for (const status of statuses) expect([200, 413], `${name}: ${status}`).toContain(status);
    }
    expect(await running.metric('payment_poller_callbacks_total{account="lipia",result="hint"}')).toBe(0);
  });

  test('with a hostile value anywhere is accepted or too large', async () => {
    for (const path of pathsOf(push)) {
      const answers = await Promise.all(
        [...hostileValues, ...hugeValues].map(([, json]) =>
          running.callback('lipia', withRaw(push, path, json)),
        ),
      );
      for (const { status } of answers) expect([200, 413]).toContain(status);
    }
  });

  test('under a token of any form is 404, and what Daraja posts under an unknown one changes nothing', async () => {
    for (const token of ['x', '%00', '__proto__', '..', 'a'.repeat(64), `${'a'.repeat(64)}.other`]) {
      expect([404, 400]).toContain((await running.callback('daraja', '{}', { token })).status);
    }
    for (const [name, document] of hostileDocuments) {
      const token = `${'a'.repeat(64)}.result`;
      const { status } = await running.callback('daraja', document, { token });
      expect([200, 413], name).toContain(status);
    }
    expect(await running.metric('payment_poller_callbacks_total{account="daraja",result="result"}')).toBe(0);
  });
});

test('after all of this the service is well', async () => {
  expect((await running.call('GET', '/health/ready', { key: null })).status).toBe(200);
  await running.enqueue({ ...order, orderId: 'ord-last' });
});
