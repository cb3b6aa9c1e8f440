import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from '../../src/api/api-keys.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { testRedis } from '../support/redis.ts';
import { type RunningService, startRunningService } from '../support/running-service.ts';

const redis = testRedis();
const scoped = 'key-of-lipia';
let running: RunningService;
beforeAll(async () => {
  const key = { name: 'lipia-shop', scopes: ['orders:read'], accounts: ['lipia'] };
  const apiKeys = [{ ...key, sha256: digestOf(scoped).toString('hex') }];
  running = await startRunningService({
    accounts: 'jenga,lipia',
    roles: ['api'],
    environment: { API_KEYS: JSON.stringify(apiKeys), INDEXED_METADATA: 'basket' },
  });
  const at = Date.UTC(2026, 0, 1);
  for (let nth = 0; nth < 12; nth += 1) {
    const account = nth % 3 === 0 ? 'lipia' : 'jenga';
    await running.enqueue({
      ...{ orderId: `o-${nth}`, account, reference: `OR${nth}`, amount: '2.00' },
      createdAt: new Date(at + nth * 60_000).toISOString(),
      metadata: { basket: nth % 2, 'sh ✓&op': `s${nth}` },
    });
  }
});
afterAll(() => running.close());

interface Page {
  readonly orders: readonly { readonly orderId: string; readonly account: string }[];
  readonly next: string | null;
}

async function search(query: string, key?: string) {
  const { status, json } = await running.call('GET', `/v1/orders?${query}`, key === undefined ? {} : { key });
  expect(status, JSON.stringify(json)).toBe(200);
  const { orders, next } = json as Page;
  return { ids: orders.map(({ orderId }) => orderId), orders, next };
}

async function faultsOf(query: string) {
  const { status, json } = await running.call('GET', `/v1/orders?${query}`);
  expect(status, query).toBe(422);
  return (json as { faults: { path: string }[] }).faults.map(({ path }) => path);
}

describe('GET /v1/orders', () => {
  test('lists orders, latest first, to the end', async () => {
    const pages: string[][] = [];
    for (let next: string | null = ''; next !== null; ) {
      const page = await search(`limit=5${next === '' ? '' : `&cursor=${next}`}`);
      pages.push(page.ids);
      next = page.next;
    }
    expect(pages.flat()).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((nth) => `o-${nth}`));
    expect(pages[0]).toHaveLength(5);
    const { json } = await running.call('GET', '/v1/orders?limit=1');
    expect(json).toMatchObject({
      orders: [{ orderId: 'o-11', amount: '2.00', status: null, receipt: null }],
    });
    expect((json as Page).orders[0]).not.toHaveProperty('history');
  });

  test('finds by reference, metadata and time', async () => {
    expect((await search('reference=or7')).ids).toEqual(['o-7']);
    expect((await search('metadata.basket=1&account=lipia')).ids).toEqual(['o-9', 'o-3']);
    expect((await search('metadata.basket=1&limit=2')).next).not.toBeNull();
    expect((await search(`${encodeURIComponent('metadata.sh ✓&op')}=s4`)).ids).toEqual(['o-4']);
    const range = 'from=2026-01-01T03:02:00%2B03:00&to=2026-01-01T00:04:00Z';
    expect((await search(range)).ids).toEqual(['o-3', 'o-2']);
    expect((await search('status=none&phase=asking&limit=200')).ids).toHaveLength(12);
    expect((await search('status=paid')).ids).toEqual([]);
  });

  test('a key for one account finds nothing of others, and its cursors tell nothing of them', async () => {
    expect((await search('limit=200', scoped)).ids).toEqual(['o-9', 'o-6', 'o-3', 'o-0']);
    expect((await search('reference=or7', scoped)).ids).toEqual([]);
    const other = await running.call('GET', '/v1/orders?account=jenga', { key: scoped });
    expect(other.status).toBe(403);
    const { next } = await search('limit=1', scoped);
    expect(Buffer.from(next ?? '', 'base64url').toString()).not.toContain('o-');
    const stolen = await running.call('GET', `/v1/orders?limit=1&cursor=${next}`);
    expect(stolen.status).toBe(422);
  });

  test('a cursor that was forged or altered, or is from another search, is 422', async () => {
    const { next } = await search('limit=1');
    const cursor = next ?? '';
    expect((await search(`limit=1&cursor=${cursor}`)).ids).toEqual(['o-10']);
    const plain = Buffer.from('1767225600000.o-5').toString('base64url');
    const altered = `${cursor.startsWith('A') ? 'B' : 'A'}${cursor.slice(1)}`;
    const forged = [plain, altered, 'A', 'null', '..', `${cursor}/`, 'A'.repeat(301), '%00', ''];
    for (const bad of forged) expect(await faultsOf(`cursor=${bad}`)).toEqual(['cursor']);
    expect(await faultsOf(`account=jenga&cursor=${cursor}`)).toEqual(['cursor']);
    await redis.del(createKeys(running.prefix).cursorSecret);
    expect(await faultsOf(`cursor=${cursor}`)).toEqual(['cursor']);
  });

  test('a filter that cannot be meant is 422, and all faults are named', async () => {
    expect(new Set(await faultsOf('stauts=paid&status=lost&limit=100000&from=yesterday&receipt='))).toEqual(
      new Set(['stauts', 'status', 'limit', 'from', 'receipt']),
    );
    expect(await faultsOf('reference=a&reference=b')).toEqual(['reference']);
    expect(await faultsOf('metadata.=x')).toEqual(['metadata.']);
    expect(await faultsOf('metadata.a=1&metadata.a=2')).toEqual(['metadata.a']);
    expect(await faultsOf(`metadata.${'k'.repeat(129)}=x`)).toHaveLength(1);
    expect(await faultsOf([1, 2, 3, 4, 5, 6].map((nth) => `metadata.k${nth}=x`).join('&'))).toEqual([
      'metadata',
    ]);
    for (const key of ['__proto__', 'constructor', 'toString', '.*', '%5Eb.*%24']) {
      expect((await search(`metadata.${key}=x`)).ids, key).toEqual([]);
    }
  });
});
