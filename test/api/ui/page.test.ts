import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { html, money, span } from '../../../src/api/ui/html.ts';
import { createRedaction } from '../../../src/api/ui/redact-personal-data.ts';
import type { OrderView } from '../../../src/orders/view.ts';
import { type RunningService, startRunningService } from '../../support/running-service.ts';
import { until } from '../../support/waiting.ts';

const password = 'open sesame, please';
const phone = '254712345678';

let running: RunningService;
beforeAll(async () => {
  running = await startRunningService({
    accounts: 'jenga',
    environment: {
      BOARD_PASSWORD: password,
      TRUSTED_PROXIES: '127.0.0.1',
      PRIVATE_METADATA: 'Customer, till',
    },
  });
});
afterAll(() => running.close());

const asPerson = { accept: 'text/html' };
let addresses = 0;

/** Each login from an address of its own, so that no test is held up by another's wrong passwords. */
function logIn(fields: { [name: string]: string } = {}, headers: { [name: string]: string } = {}) {
  addresses += 1;
  return running.call('POST', '/login', {
    key: null,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-forwarded-for': `10.0.${addresses}.1`,
      ...headers,
    },
    body: new URLSearchParams({ username: 'operator', password, ...fields }).toString(),
  });
}

async function aCookie(): Promise<string> {
  const { headers } = await logIn();
  return String(headers['set-cookie']).split(';')[0] ?? '';
}

const get = (path: string, cookie: string | null = null, headers = {}) =>
  running.call('GET', path, { key: null, headers: { ...asPerson, ...(cookie && { cookie }), ...headers } });

describe('without BOARD_PASSWORD', () => {
  test('the pages are closed, and say which setting opens them', async () => {
    const closed = await startRunningService({ accounts: 'jenga', roles: ['api'] });
    try {
      for (const path of [
        '/',
        '/board',
        '/board/',
        '/board/api/queues',
        '/orders/x',
        '/report',
        '/login',
        '/events',
      ]) {
        const answer = await closed.call('GET', path, { key: null });
        expect(answer.status, path).toBe(404);
        expect(answer.text, path).toContain('BOARD_PASSWORD');
      }
    } finally {
      await closed.close();
    }
  });
});

test('the report of a day is behind the login', async () => {
  expect(await get('/report')).toMatchObject({ status: 303 });
  const cookie = await aCookie();
  const page = await until('the report is counted', async () => {
    const answer = await get('/report?day=2026-01-15', cookie);
    return answer.text.includes('being counted') ? null : answer;
  });
  expect(page.status).toBe(200);
  expect(page.text).toContain('Orders created on 2026-01-15');
});

describe('the login', () => {
  test('is asked of people by a form, of programs by a problem', async () => {
    const asked = await get('/orders/ord-1?x=1');
    expect(asked).toMatchObject({
      status: 303,
      headers: { location: '/login?next=%2Forders%2Ford-1%3Fx%3D1' },
    });
    const program = await running.call('GET', '/', { key: null });
    expect(program.status).toBe(401);
    expect(program.headers['www-authenticate']).toBeUndefined();
    for (const path of [
      '/events',
      '/board/',
      '/board/api/queues',
      '/board/static/favicon.ico',
      '/orders?id=1',
    ])
      expect((await running.call('GET', path, { key: null })).status, path).toBe(401);
  });

  test('opens the pages with a cookie that no script reads and no other site sends', async () => {
    const answer = await logIn({ next: '/orders/ord-9' });
    expect(answer).toMatchObject({ status: 303, headers: { location: '/orders/ord-9' } });
    const cookie = String(answer.headers['set-cookie']);
    expect(cookie).toContain('HttpOnly');
    expect(cookie).toContain('SameSite=Strict');
    expect(cookie).toContain('Path=/');
    expect(cookie).toContain('Max-Age=43200');
    expect(cookie).not.toContain('Secure');
    const page = await get('/', cookie.split(';')[0]);
    expect(page.status).toBe(200);
    expect(page.headers['cache-control']).toBe('no-store');
    expect(page.text).toContain('Look up an order');
  });

  test('marks the cookie secure when the proxy speaks https', async () => {
    const { headers } = await logIn({}, { 'x-forwarded-proto': 'https' });
    expect(String(headers['set-cookie'])).toContain('Secure');
  });

  test('leads to no other site', async () => {
    for (const next of [
      '//evil.example',
      'https://evil.example',
      '/\\evil.example',
      '/../x',
      'javascript:1',
      '/v1',
    ])
      expect((await logIn({ next })).headers.location, next).toBe('/');
  });

  test('is refused with a wrong user or password, and then slowed down', async () => {
    const from = { 'x-forwarded-for': '10.200.0.1' };
    const wrong = [
      { password: 'wrong' },
      { username: 'root' },
      { password: '' },
      { password: `${password} ` },
    ];
    for (const fields of [...wrong, { username: '' }]) {
      const answer = await logIn(fields, from);
      expect(answer.status).toBe(401);
      expect(answer.headers['set-cookie']).toBeUndefined();
      expect(answer.text).toContain('User or password is wrong.');
    }
    // Later answers wait, and the right password is let in all the same.
    const startedAt = performance.now();
    expect((await logIn({ password: 'wrong' }, from)).status).toBe(401);
    expect(performance.now() - startedAt).toBeGreaterThan(240);
    expect((await logIn({}, from)).status).toBe(303);
    const basic = await get('/', null, { ...from, authorization: basicOf('operator', password) });
    expect(basic.status).toBe(200);
    expect((await logIn()).status).toBe(303);
  });

  test('is not taken from a foreign page', async () => {
    for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
      const answer = await logIn({}, headers as { [name: string]: string });
      expect(answer.status).toBe(403);
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
    expect((await logIn({}, { origin: running.url })).status).toBe(303);
  });

  test('may be Basic, for scripts', async () => {
    const from = { 'x-forwarded-for': '10.201.0.1' };
    const right = await get('/', null, { ...from, authorization: basicOf('operator', password) });
    expect(right.status).toBe(200);
    for (const authorization of [
      basicOf('operator', 'no'),
      basicOf('', password),
      'Basic !',
      'Bearer test-api-key',
    ])
      expect(
        (await running.call('GET', '/', { key: null, headers: { ...from, authorization } })).status,
      ).toBe(401);
  });

  test('ends with the logout, for a copy of the cookie too', async () => {
    const cookie = await aCookie();
    const foreign = await running.call('POST', '/logout', {
      key: null,
      headers: { cookie, origin: 'https://evil.example' },
    });
    expect(foreign.status).toBe(403);
    expect((await get('/', cookie)).status).toBe(200);
    const out = await running.call('POST', '/logout', {
      key: null,
      headers: { cookie, origin: running.url },
    });
    expect(out).toMatchObject({ status: 303, headers: { location: '/login' } });
    expect((await get('/', cookie)).status).toBe(303);
  });
});

describe('the pages', () => {
  test('run and load nothing that is not a file of ours', async () => {
    const cookie = await aCookie();
    for (const path of ['/', '/orders/none', '/login']) {
      const { headers, text } = await get(path, cookie);
      const policy = String(headers['content-security-policy']);
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toContain('unsafe');
      expect(text).not.toMatch(/<script(?![^>]* src="\/assets\/)|\son\w+=|style=|https?:\/\//);
      for (const [, url = ''] of text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)) {
        const asset = await running.call('GET', url, { key: null });
        expect(asset.status, url).toBe(200);
        expect(asset.headers['cache-control']).toContain('immutable');
      }
    }
  });

  test('show an order, masked and escaped, and say so when there is none', async () => {
    const metadata = {
      customer: 'Wanjiku Kamau',
      basket: { till: 'T-77', note: `<img src=x onerror=alert(1)> call ${phone}`, phone: Number(phone) },
    };
    await running.enqueue({
      orderId: 'shown:1',
      account: 'jenga',
      reference: 'OR1',
      amount: '1234.50',
      metadata,
    });
    const cookie = await aCookie();
    const text = await until('the page to show it', async () => {
      const page = await get('/orders/shown:1', cookie);
      return page.text.includes('not-found') || page.text.includes('pending') ? page.text : null;
    });
    expect(text).toContain('No verdict yet.');
    expect(text).toContain('OR1');
    expect(text).toContain('1\u202f234.50');
    expect(text).toContain('&#60;img src=x');
    for (const secret of ['Wanjiku', 'T-77', phone, '<img src=x']) expect(text).not.toContain(secret);
    expect(await get('/orders?id=+shown:1+', cookie)).toMatchObject({
      status: 303,
      headers: { location: '/orders/shown%3A1' },
    });
    expect(await get('/orders?id=or1', cookie)).toMatchObject({
      status: 303,
      headers: { location: '/orders/shown%3A1' },
    });
    const none = await get(`/orders/${encodeURIComponent('<b>x')}`, cookie);
    expect(none.status).toBe(404);
    expect(none.text).not.toContain('<b>x');
  });

  test('the lookup shows all orders with a reference, and /orders lists orders by status', async () => {
    for (const orderId of ['twin-1', 'twin-2']) {
      await running.enqueue({ orderId, account: 'jenga', reference: 'OR-twins', amount: '2.00' });
    }
    const cookie = await aCookie();
    const twins = await get('/orders?id=OR-TWINS', cookie);
    expect(twins.status).toBe(200);
    for (const orderId of ['twin-1', 'twin-2']) expect(twins.text).toContain(`href="/orders/${orderId}"`);
    const list = await get('/orders?status=none', cookie);
    expect(list.text).toContain('twin-1');
    expect((await get('/orders?status=expired', cookie)).text).not.toContain('twin-1');
    for (const odd of ['status=%3Cb%3E', 'after=%3Cb%3E', 'after=1&after=2', 'id=a&id=b', 'after=1.%22'])
      expect((await get(`/orders?${odd}`, cookie)).status, odd).toBe(200);
    expect((await get('/orders?id=%3Cb%3Ex', cookie)).status).toBe(303);
    expect((await get('/orders', null)).text).not.toContain('twin-1');
  });

  test('are sent the figures again while somebody looks, until the login ends', async () => {
    const cookie = await aCookie();
    const stream = await request(`${running.url}/events`, { dispatcher: running.agent, headers: { cookie } });
    expect(stream.headers['content-type']).toBe('text/event-stream');
    let told = '';
    let renderings = 0;
    for await (const chunk of stream.body) {
      told += String(chunk);
      const seen = told.match(/^data: \{/gm)?.length ?? 0;
      if (seen === 1 && renderings === 0) {
        renderings = 1;
        await running.call('POST', '/logout', { key: null, headers: { cookie } });
      }
    }
    const [, message = '{}'] = /^data: (\{.*\})$/m.exec(told) ?? [];
    expect(Object.keys(JSON.parse(message).sections)).toContain('accounts');
    expect(told).toMatch(/event: ended\ndata: \n\n$/);
  });
});

describe('what is put into a page', () => {
  test('is escaped, unless it is a piece of a page', () => {
    const piece = html`<b>${'<&"\'`>'}</b>`;
    expect(html`${piece}${[piece, 1]}${null}${false}`.html).toBe(
      '<b>&#60;&#38;&#34;&#39;&#96;&#62;</b><b>&#60;&#38;&#34;&#39;&#96;&#62;</b>1',
    );
  });

  test.each([
    [0, '0 s'],
    [1_240, '1.2 s'],
    [59_400, '59 s'],
    [600_000, '10 min'],
    [3 * 3_600_000, '3 h'],
    [8 * 86_400_000, '8 d'],
  ])('%d ms are %s', (ms, text) => expect(span(ms)).toBe(text));

  test('money can be read', () => expect(money('KES', '1234567.05')).toBe('KES\u00a01\u202f234\u202f567.05'));
});

describe('the redaction', () => {
  const redaction = createRedaction(['secretKey', 'Phone']);

  test('hides private keys at any depth and phone numbers anywhere, and keeps the rest', () => {
    const metadata = {
      cart: 17,
      secretkey: 'a',
      list: [{ PHONE: '1', deep: { secretKey: { b: 1 } } }, `ring ${phone} or 0712 345 678`],
      number: 712345678,
      [phone]: 'as a key',
      ok: 'Thika Road',
    };
    expect(redaction.json(metadata)).toEqual({
      cart: 17,
      secretkey: '[private]',
      list: [{ PHONE: '[private]', deep: { secretKey: '[private]' } }, 'ring [phone] or [phone]'],
      number: '[private]',
      '[phone]': 'as a key',
      ok: 'Thika Road',
    });
  });

  test('keeps the reference whole and redacts what the provider said', () => {
    const view = {
      reference: '254712345678',
      history: [
        { at: 'x', reading: 'paid', providerStatus: 'Paid', providerMessage: `by ${phone}`, receipt: 'SH9' },
      ],
      metadata: {},
    } as unknown as OrderView;
    expect(redaction.view(view)).toMatchObject({
      reference: '254712345678',
      history: [{ providerStatus: 'Paid', providerMessage: 'by [phone]', receipt: 'SH9' }],
    });
  });

  test('bears metadata that is nested without end', () => {
    let metadata: unknown = phone;
    for (let depth = 0; depth < 1_000; depth += 1) metadata = [metadata];
    expect(JSON.stringify(redaction.json(metadata as string[]))).not.toContain(phone);
  });
});

function basicOf(username: string, secret: string): string {
  return `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}`;
}
