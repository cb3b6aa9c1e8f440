import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { readServiceSettings } from '../../src/config/config.ts';
import type { Scope } from '../../src/config/named-keys.ts';
import { aResult, publish } from '../results/publish.ts';
import { testRedis } from '../support/redis.ts';
import { type RunningService, sha256, startRunningService, testApiKey } from '../support/running-service.ts';

// Named API keys: what each may do, whose orders it sees, and until when.

const entry = (name: string, scopes: readonly Scope[], more: object = {}) => {
  return { name, sha256: sha256(`key-of-${name}`), scopes, ...more };
};
const keyOf = (name: string) => `key-of-${name}`;
const inAnHour = Date.now() + 3_600_000;

const keys = [
  entry('writer', ['orders:write']),
  entry('reader', ['orders:read']),
  entry('follower', ['results:read']),
  entry('prometheus', ['metrics:read']),
  entry('operator', ['operator']),
  entry('shop2', ['orders:write', 'orders:read', 'results:read'], { accounts: ['shop2'] }),
  entry('expired', ['orders:read'], { expiresAt: '2020-01-01' }),
  entry('passing', ['results:read'], { expiresAt: new Date(inAnHour).toISOString() }),
];

let running: RunningService;
beforeAll(async () => {
  running = await startRunningService({
    accounts: 'jenga,shop2=jenga',
    roles: ['api'],
    environment: { API_KEYS: JSON.stringify(keys), METRICS_PUBLIC: 'false' },
  });
  await running.enqueue({ orderId: 'of-jenga', account: 'jenga', reference: 'OR1', amount: '2.00' });
  await running.enqueue({ orderId: 'of-shop2', account: 'shop2', reference: 'OR2', amount: '2.00' });
});
afterAll(() => running.close());

const order = { orderId: 'of-writer', account: 'shop2', reference: 'OR3', amount: '2.00' };

describe('scopes', () => {
  const routes = [
    ['POST', '/v1/orders', ['writer', 'shop2'], 'orders:write'],
    ['GET', '/v1/orders/of-shop2', ['reader', 'shop2'], 'orders:read'],
    ['HEAD', '/v1/orders/of-shop2', ['reader', 'shop2'], 'orders:read'],
    ['POST', '/v1/orders/of-shop2/poll', ['writer', 'operator', 'shop2'], 'orders:write or operator'],
    ['GET', '/metrics', ['prometheus'], 'metrics:read'],
    ['HEAD', '/metrics', ['prometheus'], 'metrics:read'],
  ] as const;
  const names = keys.map(({ name }) => name).filter((name) => !['expired', 'passing'].includes(name));

  test.each(routes)('%s %s', async (method, path, allowed, scope) => {
    for (const name of names) {
      const body = path === '/v1/orders' ? order : undefined;
      const { status, headers, text } = await running.call(method, path, { key: keyOf(name), body });
      if ((allowed as readonly string[]).includes(name)) {
        expect(status, name).toBeLessThan(300);
        continue;
      }
      expect(status, name).toBe(403);
      expect(headers['www-authenticate']).toBe(
        `Bearer error="insufficient_scope", scope="${scope.replace(' or ', ' ')}"`,
      );
      if (method === 'HEAD') continue;
      expect(JSON.parse(text)).toMatchObject({ title: 'Forbidden', detail: expect.stringContaining(scope) });
    }
    // A key without a name may do everything, as ever.
    expect(
      (await running.call(method, path, { body: method === 'POST' ? order : undefined })).status,
    ).toBeLessThan(300);
  });

  test('the results want theirs, and the description any key', async () => {
    for (const name of names) {
      expect((await running.call('GET', '/docs/json', { key: keyOf(name) })).status, name).toBe(200);
      if (['follower', 'shop2'].includes(name)) continue;
      expect((await running.call('GET', '/v1/results', { key: keyOf(name) })).status, name).toBe(403);
    }
    expect((await running.call('GET', '/v1/nothing', { key: keyOf('reader') })).status).toBe(404);
    expect((await running.call('GET', '/v1/nothing', { key: 'unknown' })).status).toBe(401);
  });
});

describe('a key of one account', () => {
  const key = keyOf('shop2');

  test('cannot tell an order of another account from one that is not there', async () => {
    for (const [method, path] of [
      ['GET', '/v1/orders/ID'],
      ['GET', '/v1/orders/ID?wait=30'],
      ['POST', '/v1/orders/ID/poll'],
    ] as const) {
      const foreign = await running.call(method, path.replace('ID', 'of-jenga'), { key });
      const missing = await running.call(method, path.replace('ID', 'nowhere'), { key });
      expect(foreign.status).toBe(404);
      expect(foreign.text).toBe(missing.text);
      expect(
        (await running.call(method, path.replace('ID', 'of-jenga').replace('30', '0.01'))).status,
      ).toBeLessThan(300);
    }
  });

  test('enqueues for no other, be it there or not, and learns of none', async () => {
    for (const account of ['jenga', 'nowhere']) {
      const { status, text } = await running.call('POST', '/v1/orders', {
        key,
        body: { orderId: 'x', account, reference: 'OR9', amount: '1' },
      });
      expect(status).toBe(403);
      expect(text).toContain('shop2 only');
      expect(text).not.toContain('jenga');
    }
    const unnamed = await running.call('POST', '/v1/orders', { key, body: { orderId: 'x', account: 7 } });
    expect(unnamed.status).toBe(422);
    expect(unnamed.text).not.toContain('jenga');
    expect((await running.call('GET', '/v1/orders/x')).status).toBe(404);
  });

  test('follows the results of its accounts alone, and goes on where it left off', async () => {
    const redis = testRedis();
    const of = (account: string, orderId: string) => {
      const result = aResult(orderId);
      return { ...result, data: { ...result.data, account } };
    };
    const firstOnes = [
      of('jenga', 'a'),
      of('shop2', 'b'),
      of('jenga', 'c'),
      of('shop2', 'd'),
      of('jenga', 'e'),
    ];
    await publish(redis, running.prefix, ...firstOnes);
    const first = await readEvents(key, '0', 2);
    expect(first.map(({ subject }) => subject)).toEqual(['b', 'd']);
    // From the middle, over results of others, and into what is published while it listens.
    const rest = readEvents(key, first[0]?.id ?? '', 3);
    await publish(redis, running.prefix, of('jenga', 'f'), of('shop2', 'g'), of('jenga', 'h'));
    await publish(redis, running.prefix, of('shop2', 'i'));
    expect((await rest).map(({ subject }) => subject)).toEqual(['d', 'g', 'i']);
    const all = await readEvents(testApiKey, '0', 9);
    expect(all.map(({ subject }) => subject)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']);
  });
});

describe('expiry', () => {
  test('an expired key is refused, and says so', async () => {
    for (const path of ['/v1/orders/of-jenga', '/docs/json', '/metrics']) {
      const answer = await running.call('GET', path, { key: keyOf('expired') });
      expect(answer.status, path).toBe(401);
      expect(answer.headers['www-authenticate']).toBe('Bearer');
    }
    const { text } = await running.call('GET', '/v1/orders/of-jenga', { key: keyOf('expired') });
    expect(text).toContain('has expired');
  });

  test('ends an event stream that was opened before', async () => {
    const answer = await request(`${running.url}/v1/results`, {
      headers: { authorization: `Bearer ${keyOf('passing')}` },
    });
    expect(answer.statusCode).toBe(200);
    vi.useFakeTimers({ toFake: ['Date'], now: inAnHour });
    onTestFinished(() => void vi.useRealTimers());
    await publish(testRedis(), running.prefix, aResult('too-late'));
    expect(await answer.body.text()).not.toContain('too-late');
  });
});

describe('configuration', () => {
  const faultsOf = (API_KEYS: string, more: object = {}) => {
    try {
      readServiceSettings({ API_KEYS, ...more });
      return [];
    } catch (error) {
      return (error as { faults: string[] }).faults;
    }
  };

  test('from a file, with a date for its end', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'payment-poller-keys-')), 'keys.json');
    writeFileSync(file, JSON.stringify(keys));
    const [first] = readServiceSettings({ API_KEYS: file }).apiKeys;
    expect(first).toEqual({ ...entry('writer', ['orders:write']), accounts: null, expiresAt: null });
    const until = JSON.stringify([entry('a', ['operator'], { expiresAt: '2027-01-01' })]);
    expect(readServiceSettings({ API_KEYS: until }).apiKeys[0]?.expiresAt).toBe(Date.UTC(2027, 0, 1));
  });

  test('all faults at once, without a key or a hash', () => {
    const hash = sha256('one');
    const secret = 'pp_live_0123456789abcdefghijABCDEFGHIJ0123456789abcdefghi';
    const faults = faultsOf(
      JSON.stringify([
        { name: 'a', sha256: hash, scopes: ['orders:write'] },
        { name: 'a', sha256: hash.toUpperCase(), scopes: ['orders:write'] },
        { name: secret, sha256: secret, scopes: [] },
        { name: 'c', sha256: sha256(''), scopes: ['all'], accounts: [], expiresAt: 'tomorrow' },
        { name: 'd', key: secret, [secret]: 1 },
        secret,
      ]),
    ).join('\n');
    for (const expected of [
      /key "a": this name is used twice/,
      /key "a": has the same hash as "a"/,
      /key 3 of the list: name must/,
      /key 3 of the list: sha256 must be a SHA-256 hash in hex/,
      /key 3 of the list: scopes must name at least one/,
      /key "c": sha256 is the hash of nothing/,
      /key "c": scopes must be one of orders:write, orders:read/,
      /key "c": accounts must name at least one/,
      /key "c": expiresAt must be a date/,
      /key "d": sha256 is missing/,
      /key "d": may only have the fields name, sha256, scopes, accounts and expiresAt/,
      /key 6 of the list: must be an object/,
    ]) {
      expect(faults).toMatch(expected);
    }
    expect(faults.toLowerCase()).not.toContain(hash);
    expect(faults).not.toContain('pp_live_');
  });

  test.each(['{}', '[', 'nowhere.json', '/'])('%s is no list of keys', (text) => {
    expect(faultsOf(text)).toHaveLength(1);
  });

  test('a key in both lists is refused: one of them sets no limits', () => {
    const text = JSON.stringify([entry('shop', ['orders:read'])]);
    expect(faultsOf(text, { API_KEYS_SHA256: sha256(keyOf('shop')).toUpperCase() }).join()).toMatch(
      /API_KEYS_SHA256 also contains the key "shop"/,
    );
  });
});

/** The next events that a key hears after a place in the stream. */
async function readEvents(key: string, lastEventId: string, count: number) {
  const leaving = new AbortController();
  const answer = await request(`${running.url}/v1/results`, {
    headers: { authorization: `Bearer ${key}`, 'last-event-id': lastEventId },
    signal: leaving.signal,
  });
  expect(answer.statusCode).toBe(200);
  let text = '';
  const events = () =>
    [...text.matchAll(/^id: (\S+)\nevent: \S+\ndata: (.+)\n\n/gm)].map(([, id = '', data = '']) => {
      return { id, subject: (JSON.parse(data) as { subject: string }).subject };
    });
  for await (const chunk of answer.body) {
    text += String(chunk);
    if (events().length >= count) break;
  }
  leaving.abort();
  return events();
}
