import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createKeys } from '../../src/redis/keys.ts';
import { testRedis } from '../support/redis.ts';
import { type RunningService, startRunningService } from '../support/running-service.ts';
import { until } from '../support/waiting.ts';

let running: RunningService;
beforeAll(async () => {
  running = await startRunningService({ environment: { JENGA_MIN_HINT_INTERVAL_MS: '60000' } });
});
afterAll(() => running.close());

let made = 0;
function anInput(fields: object = {}) {
  made += 1;
  return { orderId: `ord-${made}`, account: 'jenga', reference: `OR${made}`, amount: '2.00', ...fields };
}

/** An order whose payment is settled `afterMs` after it was scripted. */
function scripted(afterMs: number, fields: object = {}) {
  const input = anInput(fields);
  isPaid(input.reference, afterMs);
  return input;
}

function isPaid(reference: string, afterMs: number): void {
  running.simulator.script({
    ...{ provider: 'jenga', reference, amount: '2.00' },
    timeline: [{ afterMs, state: 'paid' }],
  });
}

describe('POST /v1/orders', () => {
  test('a new order is 201, the same again 200, other facts 409 and nothing changed', async () => {
    const input = anInput();
    const first = await running.call('POST', '/v1/orders', { body: input });
    expect(first).toMatchObject({ status: 201, json: { orderId: input.orderId, outcome: 'new' } });
    const again = await running.call('POST', '/v1/orders', { body: { ...input, amount: 2 } });
    expect(again).toMatchObject({ status: 200, json: { orderId: input.orderId, outcome: 'same' } });
    const other = await running.call('POST', '/v1/orders', { body: { ...input, amount: '3.00' } });
    expect(other.status).toBe(409);
    expect(other.json).toMatchObject({ title: 'Conflict', status: 409, faults: [{ path: 'orderId' }] });
    expect(other.json).toMatchObject({ kind: 'order-conflict' });
    const { json } = await running.call('GET', `/v1/orders/${input.orderId}`);
    expect(json).toMatchObject({ amount: '2.00' });
  });

  test('a reference that an open order has is taken, and that order named; one that a paid order owns is 409', async () => {
    const first = anInput();
    await running.call('POST', '/v1/orders', { body: first });
    const second = anInput({ reference: first.reference });
    expect(await running.call('POST', '/v1/orders', { body: second })).toMatchObject({
      status: 201,
      json: { outcome: 'new', sharesReferenceWith: [first.orderId] },
    });
    isPaid(first.reference, 0);
    await running.call('GET', `/v1/orders/${first.orderId}?wait=50`);
    await running.call('GET', `/v1/orders/${second.orderId}?wait=50`);
    const orders = await Promise.all(
      [first, second].map(({ orderId }) => running.call('GET', `/v1/orders/${orderId}`)),
    );
    const stands = orders.map(({ json }) => json as { orderId: string; status: string; explanation: string });
    const owner = stands.find(({ status }) => status === 'paid')?.orderId;
    const other = stands.find(({ status }) => status === 'unresolved');
    expect(other).toMatchObject({ reason: 'receipt-used', explanation: expect.stringContaining(`${owner}`) });
    const third = await running.call('POST', '/v1/orders', { body: anInput({ reference: first.reference }) });
    expect(third).toMatchObject({
      status: 409,
      json: { kind: 'reference-in-use', orderId: owner, faults: [{ path: 'reference' }] },
    });
    const again = await running.call('POST', '/v1/orders', { body: first });
    expect(again).toMatchObject({ status: 200, json: { outcome: 'same' } });
  });

  test('a bad order is 422 with every fault, and nothing is written', async () => {
    const body = {
      orderId: 'bad id',
      account: 'nobody',
      amount: '1.234',
      currency: 'shilling',
      createdAt: 'yesterday',
      metadata: 5,
      surprise: true,
    };
    const before = await testRedis().zcard(createKeys(running.prefix).open);
    const answer = await running.call('POST', '/v1/orders', { body });
    expect(answer.status).toBe(422);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    const { faults } = answer.json as { faults: { path: string; message: string }[] };
    expect(new Set(faults.map(({ path }) => path))).toEqual(
      new Set(['orderId', 'account', 'reference', 'amount', 'currency', 'createdAt', 'metadata', '']),
    );
    expect(answer.text).not.toContain('yesterday');
    expect(await testRedis().zcard(createKeys(running.prefix).open)).toBe(before);
  });

  test.each(['', 'null', '5', '"text"', '[]', '[[]]', '{}', 'true'])(
    'the body %j is 422, not a crash',
    async (body) => {
      const answer = await running.call('POST', '/v1/orders', { body });
      expect(answer.status).toBe(422);
      expect((answer.json as { faults: unknown[] }).faults.length).toBeGreaterThan(0);
    },
  );

  test.each([
    ['cut short', '{"orderId":'],
    ['deep lists', '['.repeat(30_000)],
  ])('JSON that is %s is 400', async (_name, body) => {
    const answer = await running.call('POST', '/v1/orders', { body });
    expect(answer).toMatchObject({ status: 400, json: { type: 'about:blank', status: 400 } });
  });

  test.each([
    ['a name twice', '"amount":"1.00","amount":"2.00"', 'names "amount" more than once in one object'],
    ['more digits than can be held', '"amount":99.99999999999999999', 'has more digits in "amount"'],
    ['a hidden name', '"__proto__":{"orderId":"x"}', 'has unknown fields: "__proto__"'],
    ['a hidden name in its metadata', '"metadata":{"__proto__":1}', 'has a field named __proto__'],
  ])('an order with %s is 422, and the fault says so', async (_name, fields, message) => {
    const least = { ...anInput({ orderId: 'ambiguous' }), amount: undefined, metadata: undefined };
    const amount = fields.includes('amount') ? '' : '"amount":"1.00",';
    const body = `{${amount}${fields},${JSON.stringify(least).slice(1)}`;
    const answer = await running.call('POST', '/v1/orders', { body });
    expect(answer.status).toBe(422);
    expect((answer.json as { faults: { message: string }[] }).faults).toEqual([
      { path: expect.any(String), message: expect.stringContaining(message) },
    ]);
  });

  test('a body over the limit is 413', async () => {
    const body = JSON.stringify(anInput({ metadata: { much: 'x'.repeat(70_000) } }));
    const answer = await running.call('POST', '/v1/orders', { body });
    expect(answer).toMatchObject({ status: 413, json: { status: 413 } });
  });

  test.each(['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'nonsense'])(
    'the content type %s is 415',
    async (type) => {
      const answer = await running.call('POST', '/v1/orders', {
        body: JSON.stringify(anInput()),
        headers: { 'content-type': type },
      });
      const detail = 'Send the body as JSON, with the header "Content-Type: application/json".';
      expect(answer).toMatchObject({ status: 415, json: { status: 415, detail } });
    },
  );
});

describe('GET /v1/orders/:orderId', () => {
  test('tells the record and its history', async () => {
    const input = scripted(0);
    await running.enqueue(input);
    const { json } = await running.call('GET', `/v1/orders/${input.orderId}?wait=50`);
    expect(json).toMatchObject({
      ...input,
      provider: 'jenga',
      status: 'paid',
      reason: null,
      stateversion: 1,
      phase: 'closed',
      nextPollAt: null,
      history: [{ reading: 'paid', source: 'poll', receipt: expect.any(String) }],
      ...{ amountVerified: true, amountReceived: expect.any(String), receipt: expect.any(String) },
      explanation: expect.stringMatching(/paid/i),
    });
  });

  test('?wait hears a verdict that comes while it waits', async () => {
    const input = scripted(400);
    await running.enqueue(input);
    const startedAt = performance.now();
    const { json } = await running.call('GET', `/v1/orders/${input.orderId}?wait=60`);
    expect(json).toMatchObject({ status: 'paid' });
    expect(performance.now() - startedAt).toBeLessThan(59_000);
  });

  test('?wait answers without a verdict when time is up', async () => {
    const input = anInput({ schedule: { firstPollAfterMs: 600_000 } });
    await running.enqueue(input);
    const startedAt = performance.now();
    const { status, json } = await running.call('GET', `/v1/orders/${input.orderId}?wait=0.3`);
    expect({ status, json }).toMatchObject({ status: 200, json: { status: null, phase: 'asking' } });
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(290);
  });

  test('?after waits for a verdict newer than the one that is known', async () => {
    const input = scripted(0);
    await running.enqueue(input);
    await running.call('GET', `/v1/orders/${input.orderId}?wait=50`);
    const startedAt = performance.now();
    const { json } = await running.call('GET', `/v1/orders/${input.orderId}?wait=0.3&after=1`);
    expect(json).toMatchObject({ stateversion: 1 });
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(290);
  });

  test('many wait for one order, and all hear its verdict', async () => {
    const input = scripted(300);
    await running.enqueue(input);
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => running.call('GET', `/v1/orders/${input.orderId}?wait=50`)),
    );
    expect(answers.every(({ json }) => (json as { status: string }).status === 'paid')).toBe(true);
  });

  test('an unknown order is 404 at once, however long one would wait', async () => {
    const startedAt = performance.now();
    const answer = await running.call('GET', '/v1/orders/nobody?wait=60');
    expect(answer).toMatchObject({ status: 404, json: { title: 'Not found' } });
    expect(performance.now() - startedAt).toBeLessThan(59_000);
  });

  test.each(['wait=abc', 'wait=-1', 'wait=61', 'wait=1e9', 'after=1.5', 'after=-1', 'wait=1&wait=2'])(
    '?%s is 422 and named',
    async (query) => {
      const answer = await running.call('GET', `/v1/orders/nobody?${query}`);
      expect(answer.status).toBe(422);
      expect(answer.json).toMatchObject({
        faults: [{ path: query.split('=')[0], message: expect.any(String) }],
      });
    },
  );

  test('an orderId of 128 characters is found, and one of 129 is not even looked for', async () => {
    const orderId = 'x'.repeat(128);
    await running.enqueue(anInput({ orderId }));
    expect((await running.call('GET', `/v1/orders/${orderId}`)).status).toBe(200);
    expect((await running.call('POST', `/v1/orders/${orderId}/poll`)).status).toBe(202);
    expect((await running.call('GET', `/v1/orders/${orderId}x`)).status).toBe(422);
  });

  test('every character that an orderId may have finds its way', async () => {
    const orderId = 'A.z_9:-';
    await running.enqueue(anInput({ orderId }));
    expect((await running.call('GET', `/v1/orders/${orderId}`)).json).toMatchObject({ orderId });
    expect((await running.call('GET', `/v1/orders/${encodeURIComponent(orderId)}`)).status).toBe(200);
  });
});

describe('POST /v1/orders/:orderId/poll', () => {
  test('polls now what would be polled much later', async () => {
    const input = scripted(0, { schedule: { firstPollAfterMs: 600_000 } });
    await running.enqueue(input);
    await delay(50);
    expect((await running.call('GET', `/v1/orders/${input.orderId}`)).json).toMatchObject({ polls: 0 });
    const answer = await running.call('POST', `/v1/orders/${input.orderId}/poll`);
    expect(answer).toMatchObject({ status: 202, json: { orderId: input.orderId, outcome: 'woken' } });
    const { json } = await running.call('GET', `/v1/orders/${input.orderId}?wait=50`);
    expect(json).toMatchObject({ status: 'paid', polls: 1 });
  });

  test('a burst of requests leads to one poll', async () => {
    const input = anInput({
      schedule: {
        firstPollAfterMs: 600_000,
        initialIntervalMs: 600_000,
        maxIntervalMs: 600_000,
        deadlineMs: 3_600_000,
      },
    });
    running.simulator.script({
      provider: 'jenga',
      reference: input.reference,
      amount: '2.00',
      timeline: [{ afterMs: 0, state: 'pending' }],
    });
    await running.enqueue(input);
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => running.call('POST', `/v1/orders/${input.orderId}/poll`)),
    );
    expect(answers.every(({ status }) => status === 202)).toBe(true);
    await until('the first poll', async () => pollsOf(input.orderId).then((polls) => polls > 0));
    await delay(500);
    // Half a second is far less than the minute that must lie between two requested polls.
    expect(await pollsOf(input.orderId)).toBe(1);
  });

  test('an empty JSON body is no fault', async () => {
    const input = anInput();
    await running.enqueue(input);
    const answer = await running.call('POST', `/v1/orders/${input.orderId}/poll`, {
      headers: { 'content-type': 'application/json' },
    });
    expect(answer.status).toBe(202);
  });

  test('a closed order is 409, an unknown one 404', async () => {
    const input = scripted(0);
    await running.enqueue(input);
    await running.call('GET', `/v1/orders/${input.orderId}?wait=50`);
    expect((await running.call('POST', `/v1/orders/${input.orderId}/poll`)).status).toBe(409);
    expect((await running.call('POST', '/v1/orders/nobody/poll')).status).toBe(404);
  });
});

async function pollsOf(orderId: string): Promise<number> {
  const { json } = await running.call('GET', `/v1/orders/${orderId}`);
  return (json as { polls: number }).polls;
}
