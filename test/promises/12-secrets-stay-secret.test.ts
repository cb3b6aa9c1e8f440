import { createHash } from 'node:crypto';
import { Agent, request } from 'undici';
import { expect, onTestFinished, test } from 'vitest';
import { doctorCommand } from '../../src/commands/doctor.ts';
import { resultsCommand } from '../../src/commands/results.ts';
import { showCommand } from '../../src/commands/show.ts';
import { readConfig } from '../../src/config/config.ts';
import { demoAccounts, demoEnvironment } from '../../src/demo/environment.ts';
import type { Reference } from '../../src/domain/order.ts';
import { parseEvent } from '../../src/domain/result-event.ts';
import type { OrderInput } from '../../src/jobs/validate-order.ts';
import { createLog } from '../../src/observability/log.ts';
import { providers } from '../../src/providers/index.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { subscribe } from '../../src/results/subscribe.ts';
import { startService } from '../../src/service.ts';
import { type SimulatedOrder, simulatorCredentials, startSimulator } from '../../src/simulator/simulator.ts';
import { echoedPhones, startEchoGateway } from '../secrets/echo-gateway.ts';
import { answerWithoutMetadata, finder, type Place, redisPlaces } from '../secrets/places.ts';
import { capturedTerminal } from '../support/captured-terminal.ts';
import { freePort } from '../support/ports.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';
import { forAccounts } from '../support/running-service.ts';
import { until } from '../support/waiting.ts';

const given = {
  apiKey: 'recognisable-api-key',
  callbackToken: 'recognisable-callback-token',
  callbackPassword: 'recognisable-callback-password',
  boardPassword: 'recognisable-board-password',
  redisPassword: 'recognisable-redis-password',
};
/** The customer's number at the provider, in callbacks, and in the checkout's own metadata. */
const phones = { provider: '254722334455', callback: '254733445566', metadata: '254744556677' };

/** The credentials of each provider, which must not appear anywhere. */
function credentialsOf(provider: string): readonly string[] {
  const all: { readonly [setting: string]: string } = simulatorCredentials[provider as ProviderId];
  const settings = providers.get(provider)?.settings.shape ?? {};
  return Object.keys(all)
    .filter((name) => name in settings && /key$|secret|password/i.test(name))
    .map((name) => all[name] ?? '');
}

const hurried = {
  FIRST_POLL_AFTER_MS: '1',
  INITIAL_INTERVAL_MS: '150',
  MAX_INTERVAL_MS: '300',
  DEADLINE_MS: '60000',
  CONFIRM_AFTER_MS: '100',
  RATE_PER_SECOND: '1000',
  BREAKER_FAILURES: '1000',
  CALLBACK_USERNAME: 'provider',
  CALLBACK_PASSWORD: given.callbackPassword,
};

/** Those whose references can be words of ours, by which the echoing gateway is addressed; others take UUIDs only. */
const accounts = demoAccounts.filter(
  (id) => providers.get(id)?.reference.safeParse(orderOf(id, 'ECHO-1').reference).success,
);
type ProviderId = (typeof demoAccounts)[number];
type Story = 'paid' | 'failed' | 'underpaid' | 'strange' | 'refused' | `ECHO-${number}`;
const scripted: readonly Story[] = ['paid', 'failed', 'underpaid', 'strange', 'refused'];
const echoed = Array.from({ length: 8 }, (_, nth): Story => `ECHO-${nth}`);

/** The order of a scenario, as the checkout enqueues it. */
function orderOf(provider: ProviderId, story: Story): OrderInput & { orderId: string } {
  const key = keyOf(provider, story);
  const reference: Reference = provider === 'vexora' ? { tradeNo: key } : key;
  const isOpenEnded = story === 'strange' || story.startsWith('ECHO-');
  return {
    orderId: `${provider}-${story}`,
    account: provider,
    reference,
    amount: '100.00',
    metadata: { phone: phones.metadata, note: `call ${phones.metadata}` },
    // Early, so that the readings until then are published.
    ...(isOpenEnded ? { schedule: { deadlineMs: 2_500 } } : {}),
  };
}

function keyOf(provider: ProviderId, story: Story): string {
  // A daraja reference is a receipt: ten capital letters and digits.
  if (story.startsWith('ECHO-') && provider === 'daraja') return `${story.replace('-', '')}DARAJ`;
  if (story.startsWith('ECHO-')) return `${story}-${provider}`;
  if (provider !== 'daraja') return `${provider.toUpperCase()}-${story}-1`;
  return `S${createHash('sha256').update(story).digest('hex').slice(0, 9).toUpperCase()}`;
}

function scriptOf(provider: ProviderId, story: Story, callbackUrl: string): SimulatedOrder {
  const failure = provider === 'jenga' ? 'failed:cancelled' : 'failed:rejected';
  const state =
    story === 'failed' ? failure : story === 'strange' ? { word: `CALL ${phones.provider}` } : 'paid';
  const basic = { username: 'provider', password: given.callbackPassword };
  const callback = { afterMs: 100, url: callbackUrl, basic } as const;
  return {
    provider,
    reference: keyOf(provider, story),
    amount: '100.00',
    phone: phones.provider,
    timeline: [{ afterMs: 0, state }],
    ...(story === 'underpaid' ? { amountPaid: '50.00' } : {}),
    ...(story === 'refused' ? { faults: [{ kind: 'unauthorised', untilMs: 600 }] } : {}),
    ...(provider === 'daraja'
      ? {}
      : {
          callbacks: [
            { ...callback, form: 'genuine' },
            { ...callback, form: 'forged' },
          ],
        }),
  };
}

test('12. Secrets stay secret', async () => {
  const redis = testRedis();
  const prefix = testPrefix();
  const keys = createKeys(prefix);
  await redis.call('ACL', 'SETUSER', prefix, 'reset', 'on', `>${given.redisPassword}`, '~*', '&*', '+@all');
  onTestFinished(() => void redis.call('ACL', 'DELUSER', prefix).catch(() => {}));
  const redisUrl = testRedisUrl().replace('redis://', `redis://${prefix}:${given.redisPassword}@`);

  const simulator = await startSimulator();
  const gateway = await startEchoGateway(simulator.url, credentialsOf);
  const port = await freePort();
  const environment = {
    ...demoEnvironment({ simulator: { ...simulator, url: gateway.url }, redisUrl, prefix, port, ...given }),
    ...forAccounts(accounts.join(','), hurried),
    BOARD_PASSWORD: given.boardPassword,
    SWEEP_INTERVAL_MS: '300',
    STALLED_INTERVAL_MS: '1000',
  };
  const lines: string[] = [];
  const log = createLog('trace', { write: (line) => void lines.push(line) });
  const service = await startService(readConfig(environment), log);
  const agent = new Agent();
  onTestFinished(async () => {
    await agent.destroy();
    await service.close();
    await gateway.close();
    await simulator.close();
  });

  const places: Place[] = [];
  async function call(
    method: 'GET' | 'POST',
    path: string,
    headers: { [name: string]: string },
    body?: string,
  ) {
    const answer = await request(`${service.url}${path}`, {
      dispatcher: agent,
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const text = await answer.body.text();
    const { authorization: _, ...told } = answer.headers;
    places.push({
      name: `${method} ${path}`,
      text: `${JSON.stringify(told)} ${answerWithoutMetadata(text)}`,
    });
    return { status: answer.statusCode, text };
  }
  const bearer = { authorization: `Bearer ${given.apiKey}` };
  const hand = (order: object) => call('POST', '/v1/orders', bearer, JSON.stringify(order));

  // Everything: six providers, every scenario, their callbacks, the sweeper.
  const orders = accounts.flatMap((provider) =>
    [...scripted, ...echoed].map((story) => ({ provider, story, order: orderOf(provider, story) })),
  );
  for (const { provider, story, order } of orders) {
    const callbackUrl = `${service.url}/callbacks/${provider}/${given.callbackToken}`;
    if (!story.startsWith('ECHO-')) simulator.script(scriptOf(provider, story, callbackUrl));
    expect((await hand(order)).status).toBe(201);
  }
  for (const provider of accounts) simulator.expireTokens(provider);

  // Invalid requests that contain secrets.
  await hand({ ...orders[0]?.order, amount: '1.00' });
  await hand({ phone: phones.metadata, account: given.apiKey });
  await call('POST', '/v1/orders', bearer, `{"phone":"${phones.metadata}`);
  await call('GET', '/v1/orders/jenga-paid', { authorization: `Bearer ${given.apiKey}x` });
  await call('GET', `/v1/orders/${given.apiKey}%20x?wait=${given.apiKey}`, bearer);
  const callbackBody = JSON.stringify({ phone: phones.callback, customer: { reference: phones.callback } });
  for (const token of [given.callbackToken, `${given.callbackToken}x`, `${given.callbackToken}%zz`]) {
    const basic = Buffer.from(`provider:${given.callbackPassword}`).toString('base64');
    for (const provider of accounts) {
      await call(
        'POST',
        `/callbacks/${provider}/${token}`,
        { authorization: `Basic ${basic}` },
        callbackBody,
      );
      await call('POST', `/callbacks/${provider}/${token}`, {}, callbackBody);
      await call('POST', `/callbacks/${provider}/${token}`, {}, `{"phone":"${phones.callback}`);
    }
  }
  // Redis errors: the error of a command carries all of its arguments.
  await redis.set(keys.order('poisoned'), 'x');
  const poisoned = { ...orderOf('jenga', 'paid'), orderId: 'poisoned', reference: 'POISON' };
  expect((await hand(poisoned)).status).toBe(500);
  await hand({ ...orderOf('jenga', 'paid'), orderId: 'damaged', reference: 'DAMAGED' });
  // A field that no poll in flight overwrites.
  await redis.hset(keys.order('damaged'), 'order', `oops ${phones.metadata}`);

  const published = async () =>
    new Set((await redis.xrange(keys.results, '-', '+')).map(([, fields]) => parseEvent(fields).subject));
  await until('every order has its verdict', async () => (await published()).size >= orders.length, 90_000);
  await until('the damaged record was met', () => lines.some((line) => line.includes('is damaged')));

  // A subscriber that cannot handle anything: everything is parked.
  const complaints: unknown[] = [];
  const subscription = subscribe({
    ...{ redis: redisUrl, prefix, group: 'shop', consumer: 'c', maxTries: 1, concurrency: 50 },
    onResult() {
      throw new Error('cannot');
    },
    onError: (error) => void complaints.push(error.message),
  });
  await until(
    'everything is parked',
    async () => (await redis.xlen(keys.parked('shop'))) >= orders.length,
    60_000,
  );
  await subscription.close();

  // All output for people and programs.
  for (const { orderId } of orders.map(({ order }) => order))
    await call('GET', `/v1/orders/${orderId}`, bearer);
  for (const path of ['/metrics', '/docs/json', '/health/ready', '/health/live', '/login', '/'])
    await call('GET', path, {});
  const people = {
    authorization: `Basic ${Buffer.from(`operator:${given.boardPassword}`).toString('base64')}`,
  };
  const shown = ['/', '/orders/jenga-paid', '/orders/lipia-strange', '/orders/daraja-ECHO-1', '/board/'];
  const queues = accounts.map(
    (id) => `/board/api/queues?activeQueue=${id}&status=latest&page=1&jobsPerPage=50`,
  );
  for (const path of [...shown, ...queues])
    expect((await call('GET', path, people)).status).toBeLessThan(400);
  places.push(...(await commandPlaces(environment, orders.length)));
  await redis.del(keys.order('damaged'));
  places.push(...(await redisPlaces(redis, prefix)));

  // The Redis password changes: every connection with the old one is refused.
  await redis.call('ACL', 'SETUSER', prefix, 'resetpass', '>another-password');
  await redis.call('CLIENT', 'KILL', 'USER', prefix);
  await until('the log tells of it', () => lines.some((line) => line.includes('WRONGPASS')), 30_000);
  await redis.call('ACL', 'SETUSER', prefix, 'resetpass', `>${given.redisPassword}`);
  const isReady = async () => (await call('GET', '/health/ready', {})).status === 200;
  await until('the service has recovered', isReady, 30_000);
  places.push(...lines.map((text) => ({ name: 'the log', text })));
  places.push({ name: 'what the subscriber heard', text: JSON.stringify(complaints) });

  const secrets = [...Object.values(given), ...accounts.flatMap(credentialsOf), ...gateway.secrets()].filter(
    (secret) => secret.length > 3,
  );
  const find = finder(secrets, [...Object.values(phones), ...echoedPhones]);
  expect(gateway.secrets().length).toBeGreaterThan(20);
  expect(gateway.echoes()).toBeGreaterThan(100);
  expect(lines.length).toBeGreaterThan(500);
  expect([...new Set(places.flatMap(find))]).toEqual([]);
});

/** The output of the commands. */
async function commandPlaces(environment: { [name: string]: string }, count: number): Promise<Place[]> {
  const run = async (name: string, create: typeof showCommand, args: readonly string[]): Promise<Place> => {
    const captured = capturedTerminal(environment);
    await create(captured.terminal, () => {}).parseAsync([...args], { from: 'user' });
    return { name, text: answerWithoutMetadata(captured.output() + captured.errors()) };
  };
  const places = [
    await run('show', showCommand, ['jenga-paid']),
    await run('show', showCommand, ['daraja-ECHO-1']),
    await run('show --json', showCommand, ['lipia-strange', '--json']),
    await run('results', resultsCommand, ['--from', '0', '--count', String(count)]),
    await run('results --json', resultsCommand, ['--from', '0', '--count', String(count), '--json']),
    await run('doctor --live', doctorCommand, ['--live']),
  ];
  for (const { name, text } of places) expect(text.length, name).toBeGreaterThan(100);
  return places;
}
