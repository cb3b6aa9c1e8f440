import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPollQueue } from '../../../src/jobs/queue.ts';
import { createKeys } from '../../../src/redis/keys.ts';
import { testRedis } from '../../support/redis.ts';
import { type RunningService, startRunningService } from '../../support/running-service.ts';
import { until } from '../../support/waiting.ts';

const redis = testRedis();
const password = 'open sesame, please';
const authorization = `Basic ${Buffer.from(`operator:${password}`).toString('base64')}`;
const phone = '254712345678';

const seldom = { JENGA_INITIAL_INTERVAL_MS: '30000', JENGA_MAX_INTERVAL_MS: '30000' };

let running: RunningService;
beforeAll(async () => {
  running = await startRunningService({ environment: { BOARD_PASSWORD: password, ...seldom } });
});
afterAll(() => running.close());

const look = (path: string, at = running) => at.call('GET', path, { key: null, headers: { authorization } });

/** Sends without a body, as the board's own buttons do. */
async function write(path: string, method = 'PUT', headers = {}, at = running) {
  const answer = await fetch(`${at.url}${path}`, { method, headers: { authorization, ...headers } });
  await answer.text();
  return answer.status;
}

interface Board {
  readonly queues: {
    name: string;
    readOnlyMode: boolean;
    description: string;
    isPaused: boolean;
    jobs: Job[];
  }[];
}
interface Job {
  readonly id: string;
  readonly data: { readonly orderId: string; readonly order: { readonly [field: string]: unknown } };
  readonly externalUrl: { readonly href: string };
}

describe('the board', () => {
  test('shows the queue of every account and the sweeper', async () => {
    const { json } = await look('/board/api/queues');
    const { queues } = json as Board;
    expect(queues.map(({ name }) => name)).toEqual(['jenga', 'daraja', 'sweeper']);
    expect(queues.every(({ readOnlyMode }) => readOnlyMode)).toBe(true);
    expect(queues[1]?.description).toBe('Orders of daraja at daraja');
  });

  test('shows the polls of an order in its job, masked', async () => {
    const metadata = { name: 'Wanjiku Kamau', note: `ring ${phone}`, cart: 'c-1' };
    await running.enqueue({
      orderId: 'board:1',
      account: 'jenga',
      reference: 'ORboard1',
      amount: '2.00',
      metadata,
    });
    const list = await until('the delayed job', async () => {
      const { json } = await look('/board/api/queues?activeQueue=jenga&status=delayed&page=1&jobsPerPage=10');
      const [job] = (json as Board).queues[0]?.jobs ?? [];
      return Number(job?.data.order.polls) > 0 ? job : null;
    });
    expect(list.data).toMatchObject({
      orderId: 'board:1',
      order: { account: 'jenga', reference: 'ORboard1', polls: 1, lastReading: 'not-found', verdict: null },
    });
    expect(list.externalUrl.href).toBe('/orders/board%3A1');
    const { json, text } = await look(`/board/api/queues/jenga/${encodeURIComponent(list.id)}`);
    const { job } = json as { job: Job };
    expect(job.data.order).toMatchObject({
      nextPollAt: expect.stringMatching(/^\d{4}-/),
      deadlineAt: expect.stringMatching(/^\d{4}-/),
      history: [{ reading: 'not-found' }],
      explanation: expect.stringContaining('Polled once'),
      metadata: { name: '[private]', note: 'ring [phone]', cart: 'c-1' },
    });
    for (const secret of ['Wanjiku', phone]) expect(text).not.toContain(secret);
  });

  test('keeps the data of a job as it was', async () => {
    const keys = createKeys(running.prefix);
    const queue = createPollQueue(testRedis(), keys, 'jenga');
    const [job] = await queue.getDelayed();
    expect(job?.data).toEqual({ orderId: 'board:1' });
    await queue.close();
  });

  test('masks what a broken job left behind', async () => {
    const queue = createPollQueue(testRedis(), createKeys(running.prefix), 'daraja');
    const job = await queue.add('poll', { orderId: 'broken' }, { jobId: 'o~broken', delay: 100_000 });
    await testRedis().hset(queue.toKey('o~broken'), {
      failedReason: `password=hunter2222 of ${phone}`,
      stacktrace: JSON.stringify([`Error: Bearer abcdefghijk\n at x`]),
    });
    const { text } = await look('/board/api/queues/daraja/o~broken');
    expect(text).toContain('[secret]');
    for (const secret of ['hunter2222', phone, 'abcdefghijk']) expect(text).not.toContain(secret);
    await job.remove();
    await queue.close();
  });

  test('refuses every write, and changes nothing', async () => {
    const job = encodeURIComponent('o~board~1');
    const writes = [
      'pause',
      'resume',
      'empty',
      'obliterate',
      'promote',
      'concurrency',
      'rate-limit',
      'retry/failed',
    ];
    const paths = [
      ...writes.map((write) => `/board/api/queues/jenga/${write}`),
      ...['retry', 'clean', 'promote'].map((write) => `/board/api/queues/jenga/${job}/${write}`),
      '/board/api/queues/pause',
      '/board/api/queues/resume',
      '/board/api/queues/sweeper/job-schedulers/sweep/remove',
    ];
    for (const path of paths) expect(await write(path), path).toBe(405);
    expect(await write('/board/api/queues/jenga/add', 'POST')).toBe(405);
    expect(await write(`/board/api/queues/jenga/${job}/update-data`, 'PATCH')).toBe(405);
    const { queues } = (await look('/board/api/queues')).json as Board;
    expect(queues.some(({ isPaused }) => isPaused)).toBe(false);
    expect((await look(`/board/api/queues/jenga/${job}`)).status).toBe(200);
  });

  test('loads nothing from elsewhere', async () => {
    const { headers, text } = await look('/board/');
    expect(text).toContain('id="root"');
    expect(text).not.toContain('googleapis');
    expect(text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    expect(headers['content-security-policy']).toContain("default-src 'self'");
    expect(headers['content-security-policy']).not.toMatch(/https:|script-src[^;]*unsafe/);
  });
});

describe('a writable board', () => {
  let writable: RunningService;
  beforeAll(async () => {
    const environment = { BOARD_PASSWORD: password, BOARD_WRITABLE: 'true' };
    writable = await startRunningService({ accounts: 'jenga', roles: ['api'], environment });
  });
  afterAll(() => writable.close());

  const isPaused = async () =>
    ((await look('/board/api/queues', writable)).json as Board).queues[0]?.isPaused;

  test('lets people pause and resume a queue', async () => {
    expect(await write('/board/api/queues/jenga/pause', 'PUT', { origin: writable.url }, writable)).toBe(200);
    expect(await isPaused()).toBe(true);
    expect(await write('/board/api/queues/jenga/resume', 'PUT', {}, writable)).toBe(200);
    expect(await isPaused()).toBe(false);
  });

  test('takes nothing from a foreign page', async () => {
    for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }])
      expect(await write('/board/api/queues/jenga/pause', 'PUT', headers, writable)).toBe(403);
    expect(await isPaused()).toBe(false);
  });

  test('does nothing but what the setting says, and nothing at all to the sweeper', async () => {
    const json = { 'content-type': 'application/json' };
    const refused = ['empty', 'obliterate', 'concurrency', 'rate-limit', 'rate-limit/release'];
    const paths = [
      ...refused.map((action) => `/board/api/queues/jenga/${action}`),
      ...['pause', 'resume'].map((action) => `/board/api/queues/${action}`),
      ...['pause', 'promote', 'obliterate', 'retry/failed', 'clean/completed', 'x/clean'].map(
        (action) => `/board/api/queues/sweeper/${action}`,
      ),
      '/board/api/queues/%73weeper/pause',
      '/board/api/queues/sweeper/job-schedulers/sweep/remove',
      '/board/api/queues/sweeper/job-schedulers/sweep/run',
      '/board/api/queues/jenga/job-schedulers/x/remove',
      '/board/api/queues/jenga/o~x/remove-unprocessed-children',
    ];
    const before = await redis.hgetall(`${createKeys(writable.prefix).queuePrefix('jenga')}:jenga:meta`);
    for (const path of paths) expect(await write(path, 'PUT', json, writable), path).toBe(405);
    for (const action of ['delay', 'priority', 'update-data'])
      expect(await write(`/board/api/queues/jenga/o~x/${action}`, 'PATCH', json, writable), action).toBe(405);
    expect(await redis.hgetall(`${createKeys(writable.prefix).queuePrefix('jenga')}:jenga:meta`)).toEqual(
      before,
    );
    // What it does allow reaches the board: there is no such job.
    for (const action of ['retry', 'clean', 'promote'])
      expect(await write(`/board/api/queues/jenga/o~x/${action}`, 'PUT', {}, writable), action).toBe(404);
    for (const action of ['promote', 'retry/failed', 'clean/completed'])
      expect(await write(`/board/api/queues/jenga/${action}`, 'PUT', {}, writable), action).toBe(200);
  });

  test('does not show what Redis says of a fault', async () => {
    const key = `${createKeys(writable.prefix).queuePrefix('jenga')}:jenga:failed`;
    await redis.set(key, 'no sorted set');
    const answer = await look('/board/api/queues', writable);
    await redis.del(key);
    expect(answer.status).toBe(500);
    expect(answer.text).toContain('see the log');
    expect(answer.text).not.toMatch(/WRONGTYPE|Redis|script/i);
  });

  test('makes and bends no jobs', async () => {
    const headers = { 'content-type': 'application/json' };
    expect(await write('/board/api/queues/jenga/add', 'POST', headers, writable)).toBe(405);
    expect(await write('/board/api/queues/jenga/o~x/update-data', 'PATCH', headers, writable)).toBe(405);
  });
});
