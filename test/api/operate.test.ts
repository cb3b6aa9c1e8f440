import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readResults } from '../../src/results/replay.ts';
import { runCommand } from '../support/command-line.ts';
import { testRedis, testRedisUrl } from '../support/redis.ts';
import { type RunningService, sha256, startRunningService } from '../support/running-service.ts';
import { eventually } from '../support/waiting.ts';

const keys = {
  operator: 'an-operators-key',
  shop: 'a-shops-key',
  reader: 'a-readers-key',
  other: 'a-key-of-tanda',
};
const redis = testRedis();
let running: RunningService;

beforeAll(async () => {
  const entry = (name: keyof typeof keys, scopes: string[], accounts?: string[]) => ({
    ...{ name, scopes, sha256: sha256(keys[name]), accounts },
  });
  running = await startRunningService({
    accounts: 'jenga,lipia',
    environment: {
      API_KEYS: JSON.stringify([
        entry('operator', ['operator', 'orders:read']),
        entry('shop', ['orders:write', 'orders:read'], ['jenga']),
        entry('reader', ['orders:read', 'results:read']),
        entry('other', ['operator', 'orders:write'], ['lipia']),
      ]),
    },
  });
});
afterAll(() => running.close());

let made = 0;

/** An order with the verdict that its simulated payment leads to. */
async function anOrderThat(state: 'pending' | 'paid' | 'underpaid') {
  made += 1;
  const [orderId, reference] = [`op-${made}`, `OR${made}`];
  running.simulator.script({
    ...{ provider: 'jenga', reference, amount: state === 'underpaid' ? '1.00' : '2.00' },
    timeline: [{ afterMs: 0, state: state === 'pending' ? 'pending' : 'paid' }],
  });
  await running.enqueue({ orderId, account: 'jenga', reference, amount: '2.00' });
  if (state !== 'pending') await running.call('GET', `/v1/orders/${orderId}?wait=40`);
  return orderId;
}

const verdictsOf = async (orderId: string) => {
  const told: string[] = [];
  for await (const { event } of readResults({ redis, prefix: running.prefix, from: '0' })) {
    if (event.subject === orderId)
      told.push(`${event.stateversion} ${event.data.status}/${event.data.reason}`);
  }
  return told;
};
const audited = async (action: string) =>
  (await redis.xrange(`{${running.prefix}}:audit`, '-', '+'))
    .map(([, f]) => f.join(' '))
    .filter((e) => e.includes(action));

describe('DELETE /v1/orders/:orderId', () => {
  test('withdraws once; a client that waits for a verdict gets one', async () => {
    const orderId = await anOrderThat('pending');
    const waiting = running.call('GET', `/v1/orders/${orderId}?wait=40`);
    const first = await running.call('DELETE', `/v1/orders/${orderId}`, { key: keys.shop });
    expect(first).toMatchObject({ status: 200, json: { orderId, outcome: 'withdrawn' } });
    expect((await waiting).json).toMatchObject({
      status: 'unresolved',
      reason: 'withdrawn',
      phase: 'closed',
    });
    const second = await running.call('DELETE', `/v1/orders/${orderId}`, { key: keys.operator });
    expect(second).toMatchObject({ status: 200, json: { outcome: 'same' } });
    expect(await verdictsOf(orderId)).toEqual(['1 unresolved/withdrawn']);
    await eventually(async () => expect(await audited('order-withdrawn')).toHaveLength(2));
    const series = 'payment_poller_verdicts_total{account="jenga",status="unresolved",reason="withdrawn"}';
    expect(await running.metric(series)).toBe(1);
    const poll = await running.call('POST', `/v1/orders/${orderId}/poll`);
    expect(poll.status).toBe(409);
    const again = { orderId, account: 'jenga', reference: `OR${made}`, amount: '2.00' };
    expect(await running.call('POST', '/v1/orders', { body: again })).toMatchObject({ status: 200 });
  });

  test('leaves a paid order paid', async () => {
    const orderId = await anOrderThat('paid');
    const answer = await running.call('DELETE', `/v1/orders/${orderId}`);
    expect(answer).toMatchObject({ status: 409, json: { kind: 'order-paid' } });
    expect(await verdictsOf(orderId)).toEqual(['1 paid/null']);
  });

  test('a callback after it is kept as evidence, and the order is shown again as unresolved money', async () => {
    const orderId = await anOrderThat('pending');
    await running.call('DELETE', `/v1/orders/${orderId}`);
    const polls = (await running.call('GET', `/v1/orders/${orderId}`)).json as { polls: number };
    const money = 'payment_poller_unresolved_orders{currency="KES",age="1h"}';
    const before = await running.metric(money);
    const body = { transaction: { reference: `OR${made}` }, customer: {}, status: true };
    expect((await running.callback('jenga', body)).status).toBe(200);
    await eventually(async () =>
      expect((await running.call('GET', `/v1/orders/${orderId}`)).json).toMatchObject({
        callbacks: [{ count: 1, bodySha256: expect.stringMatching(/^[0-9a-f]{64}$/) }],
        reason: 'withdrawn',
      }),
    );
    const now = (await running.call('GET', `/v1/orders/${orderId}`)).json as { polls: number };
    // One poll may have been under way when the order was withdrawn.
    expect(now.polls).toBeLessThanOrEqual(polls.polls + 1);
    await eventually(async () => expect(await running.metric(money)).toBe(before + 1));
    const taken = await running.call('POST', `/v1/orders/${orderId}/acknowledgement`, {
      body: { note: 'asked Jenga: a duplicate' },
    });
    expect(taken.status).toBe(200);
    await eventually(async () => expect(await running.metric(money)).toBe(before));
  });
});

describe('/v1/orders/:orderId/acknowledgement', () => {
  test('says who, when and why; is reversible; is in the audit trail without the note', async () => {
    const orderId = await anOrderThat('underpaid');
    const path = `/v1/orders/${orderId}/acknowledgement`;
    const body = { note: ' refunded, M-Pesa SH9 ', stateversion: 1 };
    const taken = await running.call('POST', path, { key: keys.operator, body });
    const acknowledged = { by: 'operator', note: 'refunded, M-Pesa SH9', stateversion: 1 };
    expect(taken).toMatchObject({ status: 200, json: { outcome: 'acknowledged', acknowledged } });
    expect((await running.call('GET', `/v1/orders/${orderId}`)).json).toMatchObject({
      ...{ status: 'unresolved', reason: 'underpaid', acknowledged },
    });
    expect(await verdictsOf(orderId)).toEqual(['1 unresolved/underpaid']);
    const back = await running.call('DELETE', path, { key: keys.operator });
    expect(back).toMatchObject({ status: 200, json: { outcome: 'removed' } });
    expect((await running.call('DELETE', path)).json).toMatchObject({ outcome: 'none' });
    const other = await running.call('POST', path, { body: { note: 'x', stateversion: 2 } });
    expect(other).toMatchObject({ status: 409, json: { kind: 'verdict-changed' } });
    await eventually(async () => expect(await audited('order-acknowledged')).not.toEqual([]));
    expect((await audited('')).join()).not.toContain('M-Pesa');
  });

  test.each([[{}], [{ note: '  ' }], [{ note: 'x'.repeat(501) }], [{ note: 'bell\u0007' }], [{ note: 7 }]])(
    '%j is 422',
    async (body) => {
      const answer = await running.call('POST', '/v1/orders/none/acknowledgement', { body });
      expect(answer).toMatchObject({ status: 422, json: { faults: [{ path: 'note' }] } });
    },
  );

  test('without a verdict, or with a final one, there is nothing to acknowledge', async () => {
    const [open, paid] = [await anOrderThat('pending'), await anOrderThat('paid')];
    const post = (orderId: string) =>
      running.call('POST', `/v1/orders/${orderId}/acknowledgement`, { body: { note: 'x' } });
    expect(await post(open)).toMatchObject({ status: 409, json: { kind: 'no-verdict' } });
    expect(await post(paid)).toMatchObject({ status: 409, json: { kind: 'final-verdict' } });
    expect((await post('none')).status).toBe(404);
  });
});

test('keys without the scope, and of other accounts, change nothing', async () => {
  const orderId = await anOrderThat('underpaid');
  const body = { note: 'x' };
  const path = `/v1/orders/${orderId}/acknowledgement`;
  expect((await running.call('POST', path, { key: keys.shop, body })).status).toBe(403);
  expect((await running.call('POST', path, { key: keys.other, body })).status).toBe(404);
  expect((await running.call('DELETE', path, { key: keys.other })).status).toBe(404);
  expect((await running.call('DELETE', `/v1/orders/${orderId}`, { key: keys.reader })).status).toBe(403);
  expect((await running.call('DELETE', `/v1/orders/${orderId}`, { key: keys.other })).status).toBe(404);
  expect(await verdictsOf(orderId)).toEqual(['1 unresolved/underpaid']);
});

test('the commands acknowledge and cancel do the same', async () => {
  const env = { REDIS_URL: testRedisUrl(), PREFIX: running.prefix };
  const run = (...args: string[]) => runCommand(args, { env });
  const orderId = await anOrderThat('underpaid');
  expect(await run('acknowledge', orderId, '--note', 'refunded')).toMatchObject({ code: 0, stderr: '' });
  expect((await run('show', orderId)).stdout).toMatch(/^acknowledged +refunded \(cli \S+@\S+, /m);
  expect(await run('acknowledge', orderId, '--undo')).toMatchObject({ code: 0, stderr: '' });
  expect((await run('acknowledge', orderId)).code).toBe(2);
  expect((await run('acknowledge', orderId, '--note', ' ')).code).toBe(2);
  expect((await run('acknowledge', 'none', '--note', 'x')).code).toBe(1);
  expect(await run('cancel', orderId)).toMatchObject({ code: 0, stderr: '' });
  expect((await run('cancel', orderId)).stdout).toContain('was withdrawn before');
  expect((await run('cancel', 'none')).code).toBe(1);
  expect(await verdictsOf(orderId)).toEqual(['1 unresolved/underpaid', '2 unresolved/withdrawn']);
}, 600_000);
