import { hostname, userInfo } from 'node:os';
import { request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createProducer } from '../../src/jobs/producer.ts';
import { createLog } from '../../src/observability/log.ts';
import { requestContext } from '../../src/observability/request-context.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { runCommand } from '../support/command-line.ts';
import { testRedis, testRedisUrl } from '../support/redis.ts';
import { type RunningService, sha256, startRunningService } from '../support/running-service.ts';
import { until } from '../support/waiting.ts';

// Who did what: one entry of a bounded stream and one line of the log for each, tied to its request by an id.

const redis = testRedis();
const password = 'correct horse battery';
const lines: string[] = [];
let running: RunningService;
beforeAll(async () => {
  const shop = { name: 'shop', sha256: sha256('key-of-shop'), scopes: ['orders:write'] };
  running = await startRunningService({
    accounts: 'jenga',
    roles: ['api'],
    environment: { API_KEYS: JSON.stringify([shop]), BOARD_PASSWORD: password, BOARD_WRITABLE: 'true' },
    log: (line) => lines.push(line),
  });
});
afterAll(() => running.close());

async function entries() {
  const stream = await redis.xrange(createKeys(running.prefix).audit, '-', '+');
  return stream.map(([, fields]) => {
    const pairs = fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1]] as const] : []));
    return Object.fromEntries(pairs) as { readonly [name: string]: string };
  });
}

/** The entry of a request, from the stream; its log line is there too. */
async function entryOf(requestId: string) {
  const entry = await until('the audit entry', async () =>
    (await entries()).find((each) => each.requestId === requestId),
  );
  const logged = lines.map((line) => JSON.parse(line)).filter(({ audit }) => audit?.requestId === requestId);
  expect(logged).toHaveLength(1);
  const { at, ...rest } = entry;
  expect(Date.parse(at ?? '')).toBeGreaterThan(Date.now() - 60_000);
  expect(logged[0].audit).toEqual(rest);
  return rest;
}

const order = { orderId: 'ord-1', account: 'jenga', reference: 'OR1', amount: '2.00' };
const as = (requestId: string, more = {}) => ({ headers: { 'x-request-id': requestId, ...more } });
const key = 'key-of-shop';

test('orders and polls, by the name of the key', async () => {
  await running.call('POST', '/v1/orders', { key, body: order, ...as('r1') });
  const by = { actor: 'shop', from: '127.0.0.1', orderId: 'ord-1' };
  expect(await entryOf('r1')).toEqual({ ...by, action: 'order-submitted', outcome: 'new', requestId: 'r1' });
  await running.call('POST', '/v1/orders', { key, body: { ...order, amount: '3.00' }, ...as('r2') });
  expect(await entryOf('r2')).toMatchObject({ ...by, outcome: 'conflict' });
  await running.call('POST', '/v1/orders/ord-1/poll', { key, ...as('r3') });
  expect(await entryOf('r3')).toMatchObject({ ...by, action: 'poll-requested', outcome: 'woken' });
  await running.call('POST', '/v1/orders/none/poll', { key, ...as('r4') });
  expect(await entryOf('r4')).toMatchObject({ orderId: 'none', outcome: 'unknown-order' });
});

test('rejected keys, with why, and never the key', async () => {
  await running.call('GET', '/v1/orders/ord-1', { key: 'a-guessed-key', ...as('k1') });
  expect(await entryOf('k1')).toMatchObject({
    actor: 'anonymous',
    action: 'rejected-key',
    outcome: 'unknown',
  });
  await running.call('GET', '/v1/orders/ord-1', { key, ...as('k2') });
  expect(await entryOf('k2')).toMatchObject({ actor: 'shop', outcome: 'missing-scope' });
  await running.call('GET', '/docs/json', { key: 'a-guessed-key', ...as('k3') });
  expect(await entryOf('k3')).toMatchObject({ actor: 'anonymous', outcome: 'unknown' });
  expect(await running.metric('payment_poller_rejected_keys_total{reason="unknown"}')).toBe(2);
  expect(JSON.stringify(await entries()) + lines.join()).not.toContain('a-guessed-key');
});

test('logins, failed ones, actions on the board, and logouts', async () => {
  const form = (name: string, word: string) =>
    new URLSearchParams({ username: name, password: word }).toString();
  const post = (path: string, requestId: string, body: string, cookie = '') =>
    request(`${running.url}${path}`, {
      ...{ dispatcher: running.agent, method: path.startsWith('/board') ? 'PUT' : 'POST', body },
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-request-id': requestId, cookie },
    });
  await (await post('/login', 'l1', form('my password by mistake', 'x'))).body.dump();
  expect(await entryOf('l1')).toMatchObject({ actor: 'anonymous', action: 'login', outcome: 'failed' });
  const inside = await post('/login', 'l2', form('operator', password));
  await inside.body.dump();
  expect(inside.statusCode).toBe(303);
  expect(await entryOf('l2')).toMatchObject({ actor: 'operator', action: 'login', outcome: 'succeeded' });
  const cookie = [inside.headers['set-cookie']]
    .flat()
    .map((each) => String(each).split(';')[0])
    .join('; ');
  await (await post('/board/api/queues/jenga/pause', 'l3', '', cookie)).body.dump();
  expect(await entryOf('l3')).toMatchObject({
    actor: 'operator',
    action: 'board-action',
    outcome: 'pause jenga: 200',
  });
  await (await post('/logout', 'l4', '', cookie)).body.dump();
  expect(await entryOf('l4')).toMatchObject({ actor: 'operator', action: 'logout' });
  expect(await running.metric('payment_poller_logins_total{outcome="failed"}')).toBe(1);
  expect(JSON.stringify(await entries()) + lines.join()).not.toContain('by mistake');
});

test('an id of the sender is returned if it has the form of one; others get a new one', async () => {
  const answer = await running.call('GET', '/v1/nothing', as('abc-1:2'));
  expect(answer.headers['x-request-id']).toBe('abc-1:2');
  expect(answer.json).toMatchObject({ status: 404, requestId: 'abc-1:2' });
  for (const bad of ['', 'a b', 'x'.repeat(65), '"', '<script>']) {
    const { headers, json } = await running.call('GET', '/v1/nothing', as(bad));
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(json).toMatchObject({ requestId: headers['x-request-id'] });
  }
});

test('strangers cannot push the entries of others out: only so many of theirs a minute', async () => {
  for (let n = 0; n < 50; n += 1)
    await running.call('GET', '/v1/orders/ord-1', { key: null, ...as(`s${n}`) });
  await running.call('POST', '/v1/orders', { key, body: order, ...as('last') });
  await entryOf('last');
  const strangers = (await entries()).filter(({ actor }) => actor === 'anonymous');
  expect(strangers.length).toBeLessThanOrEqual(20);
  expect(await running.metric('payment_poller_rejected_keys_total{reason="missing"}')).toBe(50);
});

test('payment-poller audit reads it, and poll is in it', async () => {
  const env = { REDIS_URL: testRedisUrl(), PREFIX: running.prefix };
  expect((await runCommand(['poll', 'ord-1'], { env })).code).toBe(0);
  const { code, stdout } = await runCommand(['audit', '--json', '--count', '1'], { env });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ actor: 'cli', action: 'poll-requested', orderId: 'ord-1' });
  const first = await runCommand(['audit', '--from', '0', '--count', '2'], { env });
  expect(first.stdout).toMatch(
    /^\S+ {2}shop {2}127\.0\.0\.1 {2}order-submitted {2}new {2}ord-1 {2}r1\n.*conflict/,
  );
});

test('orders of the command line and of the library are in it, without a round trip for each', async () => {
  const env = { REDIS_URL: testRedisUrl(), PREFIX: running.prefix };
  const flags = ['--order-id', 'cli-1', '--account', 'jenga', '--reference', 'ORcli1', '--amount', '2.00'];
  expect((await runCommand(['enqueue', ...flags], { env })).code).toBe(0);
  const last = async () => (await entries()).at(-1);
  expect(await last()).toMatchObject({
    actor: 'cli',
    from: `${userInfo().username}@${hostname()}`,
    action: 'order-submitted',
    outcome: 'new',
    orderId: 'cli-1',
  });

  const before = (await entries()).length;
  const producer = createProducer({ redis: testRedisUrl(), prefix: running.prefix });
  const some = Array.from({ length: 20 }, (_, nth) => {
    return { ...order, orderId: `lib-${nth}`, reference: `ORlib${nth}` };
  });
  await producer.enqueueMany(some);
  await producer.enqueueMany([
    ...some.slice(0, 2),
    { ...order, amount: '3.00' },
    { ...order, orderId: 'no id' },
  ]);
  await producer.close();
  expect((await entries()).length).toBe(before + 1);
  expect(await last()).toMatchObject({
    actor: 'library',
    from: hostname(),
    action: 'orders-submitted',
    outcome: '20 new, 2 same, 1 conflict, 1 invalid',
  });

  const alone = createProducer({ redis: testRedisUrl(), prefix: running.prefix });
  await alone.enqueue({ ...order, orderId: '<b>' });
  // Not only when it is closed.
  const entry = await until('the audit entry', async () => {
    const found = await last();
    return found?.outcome === 'invalid' ? found : null;
  });
  expect(entry).not.toHaveProperty('orderId');
  await alone.close();
  expect((await entries()).length).toBe(before + 2);
});

test('an order is enqueued by whoever may not write the trail', async () => {
  const { audit } = createKeys(running.prefix);
  const kept = await redis.dump(audit);
  await redis.set(audit, 'not a stream');
  const producer = createProducer({ redis: testRedisUrl(), prefix: running.prefix });
  expect(await producer.enqueue({ ...order, orderId: 'lib-x', reference: 'ORlibx' })).toMatchObject({
    outcome: 'new',
  });
  await producer.close();
  await redis.del(audit);
  expect(kept).not.toBeNull();
});

test('log lines below HTTP carry the id of the request, once', async () => {
  const queue = `${createKeys(running.prefix).queuePrefix('jenga')}:jenga:meta`;
  const [kept, auth] = [
    await redis.dumpBuffer(queue),
    Buffer.from(`operator:${password}`).toString('base64'),
  ];
  await redis.del(queue);
  await redis.set(queue, 'not a hash');
  const headers = { authorization: `Basic ${auth}` };
  const answer = await running.call('GET', '/board/api/queues', { key: null, ...as('b1', headers) });
  expect(answer.status).toBe(500);
  await redis.del(queue);
  if (kept !== null) await redis.restore(queue, 0, kept);
  const line = lines.find((each) => each.includes('the board could not be served')) ?? '';
  expect(JSON.parse(line)).toMatchObject({ requestId: 'b1' });
  const written: string[] = [];
  const log = createLog('info', { write: (each) => written.push(each) });
  requestContext.run('q1', () => {
    log.child({ requestId: 'q1' }).info('the logger of the request');
    log.child({ account: 'jenga' }).info('another one');
  });
  log.info('outside');
  expect(written.map((each) => each.split('"requestId":"q1"').length - 1)).toEqual([1, 1, 0]);
});

test('a request does not fail for its entry', async () => {
  const { audit } = createKeys(running.prefix);
  await redis.del(audit);
  await redis.set(audit, 'not a stream');
  for (const id of ['f1', 'f2']) {
    expect((await running.call('POST', '/v1/orders', { key, body: order, ...as(id) })).status).toBe(200);
  }
  const told = () => lines.filter((line) => line.includes('audit stream cannot be written'));
  await until('the audit line', async () => told().length > 0);
  expect(told()).toHaveLength(1);
  expect(lines.filter((line) => line.includes('"f2"'))).toHaveLength(1);
  await redis.del(audit);
});
