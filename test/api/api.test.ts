import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { orderInputSchema } from '../../src/jobs/validate-order.ts';
import { type RunningService, sha256, startRunningService, testApiKey } from '../support/running-service.ts';

const secondKey = 'second-key-during-the-rotation';

let running: RunningService;
beforeAll(async () => {
  running = await startRunningService({
    accounts: 'jenga',
    roles: ['api'],
    environment: { API_KEYS_SHA256: `${sha256(testApiKey)},${sha256(secondKey).toUpperCase()}` },
  });
});
afterAll(() => running.close());

const order = { orderId: 'ord-1', account: 'jenga', reference: 'OR1', amount: '2.00' };
const guarded = [
  ['POST', '/v1/orders'],
  ['GET', '/v1/orders/ord-1'],
  ['GET', '/v1/orders/ord-1?wait=30'],
  ['POST', '/v1/orders/ord-1/poll'],
  ['GET', '/v1/results'],
  ['GET', '/v1/results?from=0'],
  ['HEAD', '/v1/orders/ord-1'],
  ['GET', '/v1/unknown'],
  ['DELETE', '/v1/orders/ord-1'],
  ['GET', '/docs'],
  ['GET', '/docs/'],
  ['GET', '/docs/json'],
  ['GET', '/docs/yaml'],
  ['GET', '/docs/static/swagger-ui.css'],
  ['HEAD', '/docs/json'],
] as const;

describe('keys', () => {
  test.each(guarded)('%s %s is 401 without a key', async (method, path) => {
    const answer = await running.call(method, path, { key: null });
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer');
    expect(answer.headers['content-type']).toContain('application/problem+json');
  });

  test('every wrong key gets the same answer', async () => {
    const wrong = [
      '',
      'x',
      testApiKey.slice(0, -1),
      `${testApiKey}x`,
      testApiKey.toUpperCase(),
      sha256(testApiKey),
    ];
    const headers = [
      ...wrong.map((key) => ({ authorization: `Bearer ${key}` })),
      { authorization: testApiKey },
      { authorization: `Basic ${Buffer.from(`x:${testApiKey}`).toString('base64')}` },
      { authorization: `Bearer ${testApiKey} ${testApiKey}` },
      { 'x-api-key': testApiKey },
    ] as { [name: string]: string }[];
    const answers = await Promise.all(
      headers.map((each) => running.call('GET', '/v1/orders/ord-1', { key: null, headers: each })),
    );
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(401);
    expect(answers[0]?.text).not.toContain(testApiKey);
  });

  test('while keys are rotated the old and the new one are good', async () => {
    for (const key of [testApiKey, secondKey]) {
      expect((await running.call('GET', '/v1/orders/nobody', { key })).status).toBe(404);
    }
  });

  test('a body is not even read without a key', async () => {
    const answer = await running.call('POST', '/v1/orders', { key: null, body: 'x'.repeat(300_000) });
    expect(answer.status).toBe(401);
  });
});

describe('the answer to what nobody can serve', () => {
  test.each([
    ['GET', '/nothing'],
    ['POST', '/v1/orders/ord-1/nothing'],
    ['DELETE', '/v1/orders/ord-1'],
    ['GET', '/callbacks/jenga/token'],
  ] as const)('%s %s is a problem, 404', async (method, path) => {
    const answer = await running.call(method, path);
    expect(answer).toMatchObject({
      status: 404,
      json: { type: 'about:blank', status: 404, title: 'Not found' },
    });
    expect(answer.headers['content-type']).toContain('application/problem+json');
  });

  test.each([
    '/v1/orders/%zz',
    '/callbacks/jenga/secret-token%c0',
    `/callbacks/jenga/${'secret'.repeat(200)}`,
  ])('the path %s is refused without being repeated', async (path) => {
    const answer = await running.call(path.startsWith('/v1') ? 'GET' : 'POST', path);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.text).not.toContain('secret');
  });

  test.each([
    ['no HTTP', 'HELLO\r\n\r\n', 400],
    ['a header without an end', `GET / HTTP/1.1\r\nx: ${'x'.repeat(17_000)}\r\n\r\n`, 431],
    [
      'two lengths',
      'POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx',
      400,
    ],
  ])('%s is a problem too', async (_name, bytes, status) => {
    const text = await speak(bytes);
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(text).toContain('application/problem+json');
    expect(JSON.parse(text.slice(text.indexOf('\r\n\r\n')))).toMatchObject({ type: 'about:blank', status });
  });
});

test('no cache keeps what stands under /v1', async () => {
  const answers = await Promise.all([
    running.call('GET', '/v1/orders/nobody'),
    running.call('GET', '/v1/orders/nobody', { key: null }),
    running.call('POST', '/v1/orders', { body: { ...order, orderId: 'not-cached' } }),
    running.call('POST', '/v1/orders', { body: {} }),
    running.call('GET', '/v1/unknown'),
  ]);
  for (const { status, headers } of answers) expect(headers['cache-control'], `${status}`).toBe('no-store');
});

test.each(['.', '..'])('%s is no order id: clients and proxies take it out of a path', async (orderId) => {
  const answer = await running.call('POST', '/v1/orders', { body: { ...order, orderId } });
  expect(answer).toMatchObject({ status: 422, json: { faults: [{ path: 'orderId' }] } });
});

test('every answer carries the security headers', async () => {
  const answers = await Promise.all([
    running.call('GET', '/v1/orders/nobody'),
    running.call('GET', '/v1/orders/nobody', { key: null }),
    running.call('POST', '/v1/orders', { body: order }),
    running.call('GET', '/health/live', { key: null }),
    running.call('GET', '/metrics', { key: null }),
    running.call('GET', '/docs/json', { key: null }),
    running.call('GET', '/nothing', { key: null }),
    running.callback('jenga', {}, { token: 'wrong' }),
  ]);
  for (const { headers } of answers) {
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': expect.any(String),
      'content-security-policy': expect.any(String),
      'referrer-policy': 'no-referrer',
    });
    expect(headers).not.toHaveProperty('x-powered-by');
  }
});

test('health and metrics need no key, unless metrics are configured to', async () => {
  expect(await running.call('GET', '/health/live', { key: null })).toMatchObject({
    status: 200,
    json: { status: 'ok' },
  });
  expect(await running.call('GET', '/health/ready', { key: null })).toMatchObject({
    status: 200,
    json: { status: 'ok', checks: { redis: 'ok' } },
  });
  expect((await running.call('GET', '/metrics', { key: null })).text).toContain('payment_poller_open_orders');
  const shy = await startRunningService({
    accounts: 'jenga',
    roles: ['api'],
    environment: { METRICS_PUBLIC: 'false' },
  });
  expect((await shy.call('GET', '/metrics', { key: null })).status).toBe(401);
  expect((await shy.call('GET', '/metrics')).status).toBe(200);
  expect((await shy.call('GET', '/health/ready', { key: null })).status).toBe(200);
  await shy.close();
});

test('a key that asks too often is 429, however it writes itself, and others are not', async () => {
  const limited = await startRunningService({
    accounts: 'jenga',
    roles: ['api'],
    environment: {
      API_RATE_PER_SECOND: '5',
      API_KEYS_SHA256: `${sha256(testApiKey)},${sha256(secondKey)}`,
    },
  });
  const spelt = ['Bearer', 'bearer', 'BEARER', 'Bearer ', 'Bearer  '];
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, nth) =>
      limited.call(nth % 2 ? 'GET' : 'POST', nth % 2 ? '/v1/orders/nobody' : '/v1/orders/nobody/poll', {
        key: null,
        headers: { authorization: `${spelt[nth % spelt.length]} ${testApiKey}` },
      }),
    ),
  );
  const refused = answers.filter(({ status }) => status === 429);
  // Two seconds may begin while they run; without a common count for all spellings and routes far fewer are refused.
  expect(refused.length).toBeGreaterThanOrEqual(25);
  expect(refused[0]?.json).toMatchObject({ title: 'Too many requests', status: 429 });
  expect(refused[0]?.headers['retry-after']).toBeDefined();
  expect((await limited.call('GET', '/v1/orders/nobody', { key: secondKey })).status).toBe(404);
  expect((await limited.call('GET', '/health/live', { key: null })).status).toBe(200);
  await limited.close();
});

describe('OpenAPI', () => {
  const documentSchema = z.object({
    openapi: z.string().regex(/^3\./),
    info: z.object({ title: z.literal('payment-poller'), version: z.string() }),
    paths: z.record(
      z.string(),
      z.record(
        z.string(),
        z.looseObject({ responses: z.record(z.string(), z.looseObject({ description: z.string() })) }),
      ),
    ),
    components: z.looseObject({
      schemas: z.record(z.string(), z.looseObject({})),
      securitySchemes: z.object({
        apiKey: z.object({ type: z.literal('http'), scheme: z.literal('bearer') }),
      }),
    }),
  });

  async function document() {
    return documentSchema.parse((await running.call('GET', '/docs/json')).json);
  }

  test('names every route of a checkout with its answers', async () => {
    const { paths } = await document();
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { responses }]) => [
        `${method.toUpperCase()} ${path}`,
        Object.keys(responses).map(Number),
      ]),
    );
    const everywhere = [401, 429, 500, 503];
    expect(Object.fromEntries(routes)).toEqual({
      'POST /v1/orders': expect.arrayContaining([200, 201, 400, 409, 413, 415, 422, ...everywhere]),
      'GET /v1/orders': expect.arrayContaining([200, 403, 422, ...everywhere]),
      'GET /v1/orders/{orderId}': expect.arrayContaining([200, 404, 422, ...everywhere]),
      'DELETE /v1/orders/{orderId}': expect.arrayContaining([200, 404, 409, 422, ...everywhere]),
      'POST /v1/orders/{orderId}/acknowledgement': expect.arrayContaining([
        200,
        404,
        409,
        422,
        ...everywhere,
      ]),
      'DELETE /v1/orders/{orderId}/acknowledgement': expect.arrayContaining([200, 404, 422, ...everywhere]),
      'POST /v1/orders/{orderId}/poll': expect.arrayContaining([202, 404, 409, 422, ...everywhere]),
      'POST /v1/accounts/{account}/pause': expect.arrayContaining([200, 404, 422, ...everywhere]),
      'POST /v1/accounts/{account}/resume': expect.arrayContaining([200, 404, 422, ...everywhere]),
      'GET /v1/results': expect.arrayContaining([200, 422, ...everywhere]),
      'GET /v1/readers': expect.arrayContaining([200, 403, ...everywhere]),
      'GET /v1/readers/{name}': expect.arrayContaining([200, 404, 422, ...everywhere]),
      'PUT /v1/readers/{name}': expect.arrayContaining([200, 422, ...everywhere]),
      'DELETE /v1/readers/{name}': expect.arrayContaining([204, 404, 422, ...everywhere]),
    });
  });

  test('every reference in it leads somewhere, and its schemas are those that validate', async () => {
    const whole = await document();
    const text = JSON.stringify(whole);
    for (const [, pointer = ''] of text.matchAll(/"\$ref":"#([^"]+)"/g)) {
      expect(
        pointer
          .split('/')
          .slice(1)
          .reduce<unknown>((at, key) => (at as { [key: string]: unknown })?.[key], whole),
        pointer,
      ).toBeDefined();
    }
    for (const [name, schema] of Object.entries(whole.components.schemas)) {
      // Generators make types of these that TypeScript refuses.
      expect(JSON.stringify(schema), name).not.toContain(`"#/components/schemas/${name}"`);
    }
    const input = whole.components.schemas.OrderInput as { properties: object; required: string[] };
    const { properties, required } = input;
    expect(Object.keys(properties)).toEqual(Object.keys(orderInputSchema.shape));
    expect(required).toEqual(['orderId', 'account', 'reference', 'amount']);
  });

  test('the page for people is there, and works without the internet', async () => {
    const page = await running.call('GET', '/docs/');
    expect(page.status).toBe(200);
    expect(page.text).toContain('swagger');
    expect([...page.text.matchAll(/(?:src|href)="(https?:)?\/\/([^"]+)"/g)].map(([whole]) => whole)).toEqual(
      [],
    );
    // Asking a browser to upgrade to HTTPS would leave the page blank wherever there is none.
    expect(page.headers['content-security-policy']).not.toContain('upgrade-insecure-requests');
  });

  test('is for all to read only with DOCS_PUBLIC', async () => {
    const open = await startRunningService({
      accounts: 'jenga',
      roles: ['api'],
      environment: { DOCS_PUBLIC: 'true' },
    });
    onTestFinished(() => open.close());
    for (const path of ['/docs/', '/docs/json', '/docs/static/swagger-ui.css']) {
      expect((await open.call('GET', path, { key: null })).status, path).toBe(200);
    }
  });

  test('is what people may read who have logged in, and nobody who has not', async () => {
    const password = 'open sesame, please';
    const withLogin = await startRunningService({
      accounts: 'jenga',
      roles: ['api'],
      environment: { BOARD_PASSWORD: password },
    });
    onTestFinished(() => withLogin.close());
    const get = (path: string, headers: { [name: string]: string } = {}) =>
      withLogin.call('GET', path, { key: null, headers });
    const basic = (given: string) => ({
      authorization: `Basic ${Buffer.from(`operator:${given}`).toString('base64')}`,
    });
    const toLogin = await get('/docs/', { accept: 'text/html' });
    expect(toLogin).toMatchObject({ status: 303, headers: { location: '/login?next=%2Fdocs%2F' } });
    const loggedIn = await withLogin.call('POST', '/login', {
      key: null,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ username: 'operator', password, next: '/docs/' }).toString(),
    });
    expect(loggedIn).toMatchObject({ status: 303, headers: { location: '/docs/' } });
    const cookie = String(loggedIn.headers['set-cookie']).split(';')[0] ?? '';
    for (const path of ['/docs/', '/docs/json', '/docs/static/swagger-ui.css']) {
      expect((await get(path)).status, path).toBe(401);
      expect((await get(path, basic('wrong'))).status, path).toBe(401);
      expect((await get(path, { authorization: 'Bearer wrong' })).status, path).toBe(401);
      expect((await get(path, { cookie })).status, path).toBe(200);
      expect((await get(path, basic(password))).status, path).toBe(200);
      expect((await withLogin.call('GET', path)).status, path).toBe(200);
    }
    // The login of people opens the description, and nothing that it describes.
    expect((await get('/v1/orders/ord-1', { cookie })).status).toBe(401);
  });
});

/** Says bytes that no client would, and hears all of the answer. */
async function speak(bytes: string): Promise<string> {
  const socket = connect(Number(new URL(running.url).port), '127.0.0.1');
  socket.on('error', () => {});
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  socket.write(bytes);
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
}
