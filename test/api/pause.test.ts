import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPollQueue } from '../../src/jobs/queue.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { runCommand } from '../support/command-line.ts';
import { testRedis, testRedisUrl } from '../support/redis.ts';
import { type RunningService, sha256, startRunningService } from '../support/running-service.ts';
import { eventually } from '../support/waiting.ts';

const redis = testRedis();
let running: RunningService;

beforeAll(async () => {
  const entry = (name: string, scopes: string[], accounts?: string[]) => ({
    ...{ name, scopes, accounts, sha256: sha256(`key of ${name}`.replaceAll(' ', '-')) },
  });
  running = await startRunningService({
    accounts: 'jenga,lipia',
    environment: {
      API_KEYS: JSON.stringify([
        entry('ops', ['operator', 'orders:read']),
        entry('shop', ['orders:write', 'orders:read']),
        entry('lipia', ['operator'], ['lipia']),
      ]),
    },
  });
});
afterAll(() => running.close());

const as = (name: string) => ({ key: `key-of-${name}` });
const post = (path: string, options = {}) => running.call('POST', `/v1/accounts/${path}`, options);
const paused = (by: string) => running.metric(`payment_poller_account_paused{account="jenga",by="${by}"}`);
const readiness = async () =>
  (await running.call('GET', '/health/ready')).json as { checks: { paused?: string } };

test('an account is paused with a reason, shown everywhere, and resumed', async () => {
  const reason = 'Jenga asked us to stop';
  const first = await post('jenga/pause', { ...as('ops'), body: { reason } });
  expect(first).toMatchObject({ status: 200, json: { outcome: 'paused', paused: { by: 'ops', reason } } });
  expect((await post('jenga/pause', { body: { reason } })).json).toMatchObject({ outcome: 'same' });
  running.simulator.script({
    ...{ provider: 'jenga', reference: 'OR1', amount: '2.00' },
    timeline: [{ afterMs: 0, state: 'paid' }],
  });
  await running.enqueue({ orderId: 'ord-1', account: 'jenga', reference: 'OR1', amount: '2.00' });
  const { json } = await running.call('GET', '/v1/orders/ord-1', as('ops'));
  expect(json).toMatchObject({ accountPaused: { by: 'ops', reason }, status: null });
  expect((json as { explanation: string }).explanation).toContain(`by ops: ${reason}`);
  await eventually(async () => expect(await paused('operator')).toBe(1));
  const { checks } = await readiness();
  expect(checks.paused).toMatch(/^jenga has been paused since /);
  expect(checks.paused).not.toContain(reason);
  expect((await post('jenga/resume', as('ops'))).json).toMatchObject({ outcome: 'resumed', paused: null });
  expect((await post('jenga/resume', as('ops'))).json).toMatchObject({ outcome: 'same' });
  await eventually(async () => expect(await paused('operator')).toBe(0));
  expect((await readiness()).checks.paused).toBeUndefined();
  await eventually(async () => {
    expect((await running.call('GET', '/v1/orders/ord-1')).json).toMatchObject({ status: 'paid' });
  });
  const entries = (await redis.xrange(`{${running.prefix}}:audit`, '-', '+')).map(([, fields]) =>
    fields.join(' '),
  );
  expect(
    entries.filter((entry) => entry.includes('account-paused') && entry.includes('account jenga')),
  ).toHaveLength(2);
  expect(entries.join()).not.toContain(reason);
}, 600_000);

test('only keys with the scope and for the account may, and only known accounts', async () => {
  const body = { reason: 'x' };
  expect((await post('jenga/pause', { ...as('shop'), body })).status).toBe(403);
  expect((await post('jenga/pause', { ...as('lipia'), body })).status).toBe(404);
  expect((await post('jenga/resume', as('lipia'))).status).toBe(404);
  expect((await post('tanda/pause', { body })).status).toBe(404);
  expect((await post('jenga/pause', { body: {} })).json).toMatchObject({ faults: [{ path: 'reason' }] });
  expect((await post('jenga/pause', { body: { reason: ' ' } })).status).toBe(422);
  expect(await paused('operator')).toBe(0);
});

test('a queue that is paused on the board is shown as well, and resumed by the command', async () => {
  const queue = createPollQueue(redis, createKeys(running.prefix), 'jenga');
  const env = { REDIS_URL: testRedisUrl(), PREFIX: running.prefix };
  const run = (...args: string[]) => runCommand(args, { env });
  try {
    await queue.pause();
    await eventually(async () => expect(await paused('board')).toBe(1));
    expect((await readiness()).checks.paused).toContain('paused on the board');
    expect(await run('resume', 'jenga')).toMatchObject({ code: 0, stderr: '' });
    expect(await queue.isPaused()).toBe(false);
    expect((await run('resume', 'jenga')).stdout).toContain('was not paused');
    expect(await run('pause', 'jenga', '--reason', 'maintenance')).toMatchObject({ code: 0, stderr: '' });
    await eventually(async () => expect(await paused('operator')).toBe(1));
    const unknown = await run('pause', 'nobody', '--reason', 'x');
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('jenga, lipia') });
    expect((await run('pause', 'jenga')).code).toBe(2);
    expect((await run('pause', 'Jenga', '--reason', 'x')).code).toBe(2);
  } finally {
    await queue.close();
  }
}, 600_000);
