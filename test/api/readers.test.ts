import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { digestOf } from '../../src/api/api-keys.ts';
import { buildEvent, eventFields } from '../../src/domain/result-event.ts';
import { createKeys, type Keys } from '../../src/redis/keys.ts';
import { readerPatience, silentReaders } from '../../src/results/http-readers.ts';
import { groupPositions, trimResults } from '../../src/results/trim.ts';
import { anOrder, aProgress, aReading, createdAt } from '../support/builders.ts';
import { testRedis } from '../support/redis.ts';
import { type RunningService, startRunningService } from '../support/running-service.ts';
import { eventually } from '../support/waiting.ts';

const redis = testRedis();
const scoped = 'key-of-lipia';
const json = { accept: 'application/json' };
let running: RunningService;
let keys: Keys;
beforeAll(async () => {
  const key = { name: 'lipia-shop', scopes: ['results:read'], accounts: ['lipia'] };
  const apiKeys = [{ ...key, sha256: digestOf(scoped).toString('hex') }];
  const environment = { API_KEYS: JSON.stringify(apiKeys), API_RATE_PER_SECOND: '10000' };
  running = await startRunningService({ accounts: 'jenga,lipia', roles: ['api'], environment });
  keys = createKeys(running.prefix);
});
afterAll(() => running.close());
beforeEach(() => redis.del(keys.results, keys.readers));

/** Publishes verdicts of an account as the settling script does. Returns their stream ids. */
async function publish(count: number, account = 'jenga'): Promise<string[]> {
  const verdict = { status: 'paid', reason: null, at: createdAt } as const;
  const pipeline = redis.pipeline();
  for (let nth = 0; nth < count; nth += 1) {
    const order = anOrder({ orderId: `${account}-${nth}`, account });
    const event = buildEvent(order, aProgress.closed(verdict), verdict, aReading.paid(), [], createdAt);
    pipeline.xadd(keys.results, '*', ...eventFields(event));
  }
  return ((await pipeline.exec()) ?? []).map(([, id]) => String(id));
}

interface Page {
  readonly results: readonly {
    readonly subject: string;
    readonly streamid: string;
    readonly stateversion: string;
  }[];
  readonly next: string;
  readonly more: boolean;
}

async function page(query: string, key?: string) {
  const options = { headers: json, ...(key !== undefined && { key }) };
  const answer = await running.call('GET', `/v1/results?${query}`, options);
  expect(answer.status, answer.text).toBe(200);
  const { results, next, more } = answer.json as Page;
  return { ids: results.map(({ streamid }) => streamid), results, next, more };
}

const put = (name: string, acknowledged: unknown, key?: string) =>
  running.call('PUT', `/v1/readers/${name}`, { body: { acknowledged }, ...(key !== undefined && { key }) });

describe('GET /v1/results as JSON', () => {
  test('reads page by page, each result once, and then what is new', async () => {
    expect(await page('')).toEqual({ ids: [], results: [], next: '0', more: false });
    const ids = await publish(7);
    const first = await page('limit=3');
    expect(first).toMatchObject({ ids: ids.slice(0, 3), next: ids[2], more: true });
    expect(first.results[0]).toMatchObject({
      subject: 'jenga-0',
      stateversion: '1',
      data: { status: 'paid' },
    });
    expect(await page(`after=${first.next}&limit=4`)).toMatchObject({ ids: ids.slice(3), more: false });
    expect(await page(`after=${ids[6]}`)).toMatchObject({ ids: [], next: ids[6], more: false });
    expect(await page('after=$')).toMatchObject({ ids: [], next: ids[6] });
    const [later] = await publish(1);
    expect((await page(`after=${ids[6]}`)).ids).toEqual([later]);
    // Without the header, a parameter of pages says so too.
    const plain = await running.call('GET', '/v1/results?after=0&limit=1');
    expect(plain.headers['content-type']).toMatch(/^application\/json/);
  });

  test('a key for one account gets its own results only, with a place to go on from in any case', async () => {
    await publish(3);
    const [own] = await publish(1, 'lipia');
    const others = await publish(600);
    expect(await page('limit=1', scoped)).toMatchObject({ ids: [own] });
    const rest = await page(`after=${own}`, scoped);
    expect(rest).toMatchObject({ ids: [], next: others.at(-1), more: false });
  });

  test('entries of other programs are passed over', async () => {
    await redis.xadd(keys.results, '*', 'field', 'value');
    const [id] = await publish(1);
    expect((await page('')).ids).toEqual([id]);
  });

  test.each([
    'limit=0',
    'limit=501',
    'limit=1e9',
    'limit=x',
    'after=x',
    'after=-1',
    'after=99999999999999-0',
    'after=0&after=1',
    'after=0&reader=books',
    'reader=a:b',
  ])('%s is 422', async (query) => {
    const { status } = await running.call('GET', `/v1/results?${query}`, { headers: json });
    expect(status).toBe(422);
  });
});

describe('readers', () => {
  test('acknowledge results, never go back, and continue where they were', async () => {
    const ids = await publish(5);
    expect((await running.call('GET', '/v1/results?reader=books', { headers: json })).status).toBe(404);
    expect((await put('books', '0')).json).toMatchObject({ name: 'books', acknowledged: '0-0' });
    expect((await page('reader=books&limit=2')).next).toBe(ids[1]);
    expect((await put('books', ids[1])).json).toMatchObject({ acknowledged: ids[1] });
    expect((await page('reader=books')).ids).toEqual(ids.slice(2));
    // A second, older run must not take the position back.
    expect(await put('books', ids[0])).toMatchObject({ status: 200, json: { acknowledged: ids[1] } });
    expect((await running.call('GET', '/v1/readers/books')).json).toMatchObject({ acknowledged: ids[1] });
    expect((await running.call('GET', '/v1/readers')).json).toMatchObject({ readers: [{ name: 'books' }] });
  });

  test('an id that cannot be meant acknowledges nothing; one just ahead of Redis, what there is', async () => {
    const ids = await publish(2);
    await put('books', ids[0]);
    const bad = ['99999999999999-0', '$', '', 'x', '-1', '1-', 5, null, `${'9'.repeat(19)}-0`, '0-0; DEL x'];
    for (const id of bad) expect((await put('books', id)).status, String(id)).toBe(422);
    expect((await page('reader=books')).ids).toEqual([ids[1]]);
    const [ms] = (ids[1] ?? '').split('-');
    expect((await put('books', `${ms}-99`)).json).toMatchObject({ acknowledged: ids[1] });
  });

  test('count as consumer groups: in the lag, and in the metrics', async () => {
    const ids = await publish(4);
    await put('books', ids[1]);
    const [position] = await groupPositions(redis, keys.results);
    const oldestAt = Number(ids[2]?.split('-')[0]);
    expect(position).toEqual({
      group: 'http:books',
      pending: 0,
      lag: 2,
      acknowledgedBelow: ids[1],
      oldestAt,
    });
    await eventually(async () =>
      expect(await running.metric('payment_poller_group_lag_entries{group="http:books"}')).toBe(2),
    );
    await put('books', ids[3]);
    expect(await groupPositions(redis, keys.results)).toMatchObject([{ lag: 0 }]);
  });

  test('a reader far behind is counted as far as an alert needs', async () => {
    const ids = await publish(1_300);
    await put('books', ids[1]);
    const [position] = await groupPositions(redis, keys.results);
    expect(position?.lag).toBeGreaterThan(1_000);
  });

  test('results are kept for a reader, but not for ever for one that never comes back', async () => {
    const ids = await publish(300);
    await put('books', ids[0]);
    const now = Date.now() + 1_000;
    expect(await trimResults(redis, keys.results, now, await silentReaders(redis, keys, 0))).toBe(0);
    const silent = await silentReaders(redis, keys, now);
    expect([...silent]).toEqual(['http:books']);
    expect(await trimResults(redis, keys.results, now, silent)).toBeGreaterThan(0);
    expect(readerPatience).toBeGreaterThan(1);
    expect(await page('reader=books')).toMatchObject({ more: false });
  });

  test('removal frees the results, and the name', async () => {
    const ids = await publish(2);
    await put('books', ids[1]);
    expect((await running.call('DELETE', '/v1/readers/books')).status).toBe(204);
    expect(await groupPositions(redis, keys.results)).toEqual([]);
    expect((await running.call('DELETE', '/v1/readers/books')).status).toBe(404);
    expect((await running.call('GET', '/v1/readers/books')).status).toBe(404);
    expect((await put('books', '0')).json).toMatchObject({ acknowledged: '0-0' });
  });

  test('a key can neither see, move nor remove a reader of other accounts', async () => {
    const ids = await publish(2);
    await put('books', ids[0]);
    expect((await put('books', ids[1], scoped)).status).toBe(409);
    const as = { key: scoped };
    expect((await running.call('GET', '/v1/readers/books', as)).status).toBe(404);
    expect((await running.call('DELETE', '/v1/readers/books', as)).status).toBe(404);
    const read = await running.call('GET', '/v1/results?reader=books', { ...as, headers: json });
    expect(read.status).toBe(404);
    expect((await running.call('GET', '/v1/readers', as)).json).toEqual({ readers: [] });
    expect((await running.call('GET', '/v1/readers/books')).json).toMatchObject({ acknowledged: ids[0] });
    // Its own may be used by keys that see more.
    expect((await put('lipia-books', ids[0], scoped)).status).toBe(200);
    expect((await put('lipia-books', ids[1])).status).toBe(200);
    expect((await put('lipia-books', ids[1], scoped)).status).toBe(200);
  });

  test('cannot take the name of a group of subscribers, nor be created without end', async () => {
    await publish(1);
    await redis.xgroup('CREATE', keys.results, 'shop', '0');
    await put('shop', '0');
    const groups = (await groupPositions(redis, keys.results)).map(({ group }) => group);
    expect(groups).toEqual(['http:shop', 'shop']);
    for (const name of ['a b', 'a:b', '%2e%2e%2f', 'x'.repeat(65), 'ü'])
      expect([404, 422]).toContain((await put(encodeURIComponent(name), '0')).status);
    for (let nth = 1; nth < 100; nth += 1) await put(`r${nth}`, '0');
    expect((await put('one-more', '0')).status).toBe(409);
    expect((await put('r5', '0')).status).toBe(200);
  });

  test('a stream that was lost takes its groups with it: the next word of a reader creates its own again', async () => {
    const ids = await publish(2);
    await put('books', ids[0]);
    await redis.del(keys.results);
    expect((await put('books', ids[0])).status).toBe(200);
    const [later] = await publish(1);
    expect((await page('after=0')).ids).toEqual([later]);
    expect(await groupPositions(redis, keys.results)).toMatchObject([{ group: 'http:books' }]);
  });
});
