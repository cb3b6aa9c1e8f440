import { Webhook } from 'standardwebhooks';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { showCommand } from '../../src/commands/show.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { readDeliveries } from '../../src/webhooks/deliveries.ts';
import { capturedTerminal } from '../support/captured-terminal.ts';
import { testRedis, testRedisUrl } from '../support/redis.ts';
import { startRunningService } from '../support/running-service.ts';
import { eventually, until } from '../support/waiting.ts';
import { answer, startReceiver, testSecret } from './receiver.ts';

vi.setConfig({ testTimeout: 90_000 });

interface Endpoint {
  readonly name: string;
  readonly url: string;
  readonly [field: string]: unknown;
}

async function setup(endpoints: readonly Endpoint[], environment: { readonly [name: string]: string } = {}) {
  const lines: string[] = [];
  const webhooks = endpoints.map((endpoint) => ({ secrets: [testSecret], ...endpoint }));
  const service = await startRunningService({
    accounts: 'lipia,shop2=lipia',
    environment: {
      WEBHOOKS: JSON.stringify(webhooks),
      WEBHOOK_ALLOWED_ADDRESSES: 'loopback',
      WEBHOOK_RETRY_MS: '100',
      // A machine that stands still must not cause a second attempt.
      WEBHOOK_TIMEOUT_MS: '60000',
      ...environment,
    },
    log: (line) => lines.push(line),
  });
  onTestFinished(() => service.close());
  const redis = testRedis();
  const keys = createKeys(service.prefix);
  return {
    ...{ service, redis, keys, lines },
    deliveries: (orderId: string) => readDeliveries(redis, keys, orderId),
    async pay(orderId: string, state = 'paid', account = 'lipia') {
      const timeline = [{ afterMs: 0, state: state as 'paid' }];
      service.simulator.script({ provider: 'lipia', reference: orderId, amount: '1.00', timeline });
      await service.enqueue({ orderId, account, reference: orderId, amount: '1.00' });
    },
  };
}

describe('a result', () => {
  test('is sent as a CloudEvent with a signature that the published package verifies', async () => {
    const receiver = await startReceiver();
    const { pay, deliveries } = await setup([{ name: 'shop', url: receiver.url }]);
    await pay('ord-1');
    const [request] = await until('a request', () => receiver.received[0] && receiver.received);
    const verified = new Webhook(testSecret).verify(request?.body ?? '', { ...request?.headers } as {
      [name: string]: string;
    });
    expect(verified).toMatchObject({
      specversion: '1.0',
      id: 'ord-1:1',
      type: 'payment.paid',
      subject: 'ord-1',
      stateversion: '1',
      data: { orderId: 'ord-1', status: 'paid', amountReceived: '1.00' },
    });
    expect(request?.headers['content-type']).toBe('application/json');
    expect(request?.headers['webhook-id']).toMatch(/^msg_[\w-]{27}$/);
    await eventually(async () => {
      const [delivery] = await deliveries('ord-1');
      const facts = { endpoint: 'shop', stateversion: 1, type: 'payment.paid', attempts: 1 };
      expect(delivery).toMatchObject({ ...facts, state: 'delivered', answer: 'HTTP 204' });
    });
  });

  test('carries a signature of each secret during a rotation', async () => {
    const receiver = await startReceiver();
    const old = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
    const { pay } = await setup([{ name: 'shop', url: receiver.url, secrets: [testSecret, old] }]);
    await pay('ord-1');
    const [request] = await until('a request', () => receiver.received[0] && receiver.received);
    for (const secret of [testSecret, old])
      new Webhook(secret).verify(request?.body ?? '', { ...request?.headers } as { [name: string]: string });
    const stranger = new Webhook(Buffer.alloc(32, 8).toString('base64'));
    expect(() => stranger.verify(request?.body ?? '', { ...request?.headers } as never)).toThrow(/signature/);
  });

  test('goes to the endpoints whose filters it passes', async () => {
    const [all, paid, shop2] = await Promise.all([startReceiver(), startReceiver(), startReceiver()]);
    const { pay } = await setup([
      { name: 'all', url: all.url },
      { name: 'paid', url: paid.url, types: ['payment.paid'] },
      { name: 'shop2', url: shop2.url, accounts: ['shop2'] },
    ]);
    await pay('ord-1', 'failed:cancelled');
    await pay('ord-2', 'paid', 'shop2');
    await pay('ord-3');
    const ids = ['ord-1:1', 'ord-2:1', 'ord-3:1'];
    await eventually(() => expect(all.ids().toSorted()).toEqual(ids));
    await eventually(() => expect(paid.ids().toSorted()).toEqual(ids.slice(1)));
    await eventually(() => expect(shop2.ids()).toEqual(['ord-2:1']));
  });
});

describe('an endpoint', () => {
  test('that fails gets the same message again, and does not delay the others', async () => {
    const failing = await startReceiver((_request, response, nth) => {
      response.writeHead(nth <= 2 ? 500 : 200).end();
    });
    const hanging = await startReceiver(() => {});
    const healthy = await startReceiver();
    const { pay, deliveries } = await setup([
      { name: 'failing', url: failing.url },
      { name: 'hanging', url: hanging.url },
      { name: 'healthy', url: healthy.url },
    ]);
    await pay('ord-1');
    await eventually(() => expect(healthy.ids()).toEqual(['ord-1:1']));
    await eventually(() => expect(failing.ids()).toEqual(['ord-1:1', 'ord-1:1', 'ord-1:1']));
    const messages = failing.received.map(({ headers, body }) => `${headers['webhook-id']} ${body}`);
    expect(new Set(messages).size).toBe(1);
    await eventually(async () => {
      const states = (await deliveries('ord-1')).map(({ endpoint, state, attempts }) => [
        endpoint,
        state,
        attempts,
      ]);
      expect(states).toContainEqual(['failing', 'delivered', 3]);
      expect(states).toContainEqual(['healthy', 'delivered', 1]);
    });
  });

  test('that answers 410 gets nothing more until it is enabled', async () => {
    const receiver = await startReceiver(answer(410));
    const { pay, service, deliveries, redis, keys, lines } = await setup([
      { name: 'shop', url: receiver.url },
    ]);
    await pay('ord-1');
    await eventually(async () => {
      expect(await deliveries('ord-1')).toMatchObject([{ state: 'disabled', answer: 'HTTP 410' }]);
    });
    expect(await service.metric('payment_poller_webhook_disabled{endpoint="shop"}')).toBe(1);
    await pay('ord-2');
    await eventually(async () => expect(await deliveries('ord-2')).toHaveLength(1));
    expect(receiver.received).toHaveLength(1);
    await eventually(() => expect(lines.join('')).toContain('answered 410 and is disabled'));
    receiver.behaveLike(answer(200));
    const { enableEndpoint } = await import('../../src/webhooks/endpoint-state.ts');
    await enableEndpoint(redis, keys, 'shop');
    await eventually(() => expect(new Set(receiver.ids())).toEqual(new Set(['ord-1:1', 'ord-2:1'])));
  });

  test('that is not allowed is never connected to, and its address and secret appear nowhere', async () => {
    const receiver = await startReceiver();
    const url = `${receiver.url}/path-token?key=query-token`;
    const { pay, deliveries, lines, service, redis } = await setup([{ name: 'shop', url }], {
      WEBHOOK_ALLOWED_ADDRESSES: '10.0.0.0/8',
    });
    await pay('ord-1');
    await eventually(async () => {
      const [delivery] = await deliveries('ord-1');
      expect(delivery?.answer).toMatch(/^not sent: the address is not public/);
    });
    expect(receiver.received).toEqual([]);
    const stored = await Promise.all(
      (await redis.keys(`{${service.prefix}}*`)).map(async (key) => {
        const type = await redis.type(key);
        if (type === 'hash') return JSON.stringify(await redis.hgetall(key));
        if (type === 'list') return JSON.stringify(await redis.lrange(key, 0, -1));
        return type === 'string' ? await redis.get(key) : key;
      }),
    );
    const { text } = await service.call('GET', '/metrics', { key: null });
    for (const secret of [testSecret.slice(6), 'path-token', 'query-token'])
      expect([...stored, ...lines, text].join('\n')).not.toContain(secret);
  });
});

test('the page of an order and `show` list its webhooks', async () => {
  const receiver = await startReceiver();
  const password = 'open sesame, please';
  const { pay, service, deliveries } = await setup([{ name: 'shop', url: receiver.url }], {
    BOARD_PASSWORD: password,
  });
  await pay('ord-1');
  await eventually(async () => expect(await deliveries('ord-1')).toMatchObject([{ state: 'delivered' }]));
  const login = await service.call('POST', '/login', {
    key: null,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ username: 'operator', password }).toString(),
  });
  const cookie = String(login.headers['set-cookie']).split(';')[0] ?? '';
  const page = await service.call('GET', '/orders/ord-1', {
    key: null,
    headers: { cookie, accept: 'text/html' },
  });
  const row = /<h2>Webhooks, latest first<\/h2>[\s\S]*?<tbody>([\s\S]*?)<\/tbody>/.exec(page.text)?.[1] ?? '';
  expect(row).toMatch(
    /payment\.paid[\s\S]*version 1[\s\S]*<code>shop<\/code>[\s\S]*delivered[\s\S]*HTTP 204/,
  );
  const env = { REDIS_URL: testRedisUrl(), PREFIX: service.prefix };
  const show = async (...flags: string[]) => {
    const { terminal, output } = capturedTerminal(env);
    await showCommand(terminal, () => {}).parseAsync(['ord-1', ...flags], { from: 'user' });
    await new Promise((resolve) => setImmediate(resolve));
    return output();
  };
  expect(await show()).toMatch(/^ {2}\S+Z {2}shop {2}payment\.paid delivered \(version 1, HTTP 204\)$/m);
  expect(JSON.parse(await show('--json')).webhooks).toMatchObject([{ endpoint: 'shop', state: 'delivered' }]);
});

test('without endpoints, no consumer group holds back the results', async () => {
  const { service, redis, keys, pay } = await setup([]);
  await pay('ord-1');
  await eventually(async () => expect(await redis.xlen(keys.results)).toBe(1));
  expect(await redis.xinfo('GROUPS', keys.results)).toEqual([]);
  expect((await service.call('GET', '/health/ready', { key: null })).status).toBe(200);
});
