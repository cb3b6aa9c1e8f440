import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createPlaces } from '../../src/api/places.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { aResult, publish } from '../results/publish.ts';
import { testRedis } from '../support/redis.ts';
import { redisServer, startRestartableRedis } from '../support/restartable-redis.ts';
import { type RunningService, sha256, startRunningService, testApiKey } from '../support/running-service.ts';
import { until } from '../support/waiting.ts';

// What one key, or somebody without any, may take away from the others.

// Far above what they take: the machine may be busy with other things.
const otherKey = 'key-of-another-client';

let running: RunningService;
beforeAll(async () => {
  running = await startRunningService({
    accounts: 'jenga,strict=jenga',
    roles: ['api'],
    environment: {
      API_KEYS_SHA256: `${sha256(testApiKey)},${sha256(otherKey)}`,
      API_KEY_STREAMS: '2',
      API_KEY_WAITS: '2',
      STRICT_INITIAL_INTERVAL_MS: '5000',
      STRICT_MAX_INTERVAL_MS: '30000',
    },
  });
  await running.enqueue({ orderId: 'ord-1', account: 'jenga', reference: 'OR1', amount: '2.00' });
});
afterAll(() => running.close());

/** Opens a request and leaves it open; resolves with its status once the head of the answer is there. */
function open(path: string, key: string) {
  const socket = connect(Number(new URL(running.url).port), '127.0.0.1');
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\n\r\n`);
  return socket;
}

async function follow(key: string) {
  const socket = open('/v1/results?from=0', key);
  const [head] = (await once(socket, 'data')) as [Buffer];
  return { socket, status: Number(String(head).slice(9, 12)) };
}

describe('event streams', () => {
  test('of one key are bounded, whatever its spelling; those of others are not touched', async () => {
    const first = await follow(testApiKey);
    expect(first.status).toBe(200);
    expect((await follow(` ${testApiKey}`)).status).toBe(200);
    expect((await follow(testApiKey)).status).toBe(429);
    const refused = await running.call('GET', '/v1/results');
    expect(refused).toMatchObject({ status: 429, json: { title: 'Too many requests' } });
    expect(refused.headers['retry-after']).toBeDefined();
    expect((await follow(otherKey)).status).toBe(200);
    first.socket.destroy();
    await until('its connection to be counted out', async () => {
      const again = await follow(testApiKey);
      return again.status === 200;
    });
  });

  test('of a reader that does not read end, and give their place back', async () => {
    const metadata = { note: 'x'.repeat(4_000) };
    const many = Array.from({ length: 2_000 }, (_, nth) => {
      const result = aResult(`slow-${nth}`);
      return { ...result, data: { ...result.data, metadata } };
    });
    await publish(testRedis(), running.prefix, ...many);
    const sockets = [open('/v1/results?from=0', otherKey), open('/v1/results?from=0', otherKey)];
    for (const socket of sockets) socket.pause();
    // They hold both places of the key, until they are hung up on.
    await until('the connection to be refused', async () => (await follow(otherKey)).status === 429);
    await until('a connection to be accepted', async () => (await follow(otherKey)).status === 200);
  });
});

describe('waits', () => {
  test('of one key are bounded, and end with their connection', async () => {
    const path = '/v1/orders/ord-1?wait=50';
    const opened = [1, 2, 3].map(() => open(path, testApiKey));
    // Whichever comes third.
    const heard = opened.map(async (socket) => ({
      socket,
      text: String(await once(socket, 'data').catch(() => '')),
    }));
    const refused = await Promise.race(heard);
    expect(refused.text).toMatch(/^HTTP\/1.1 429 [\s\S]*retry-after: 1\r\n/);
    expect((await running.call('GET', '/v1/orders/ord-1?wait=0.05')).status).toBe(429);
    expect((await running.call('GET', '/v1/orders/ord-1?wait=0.05', { key: otherKey })).status).toBe(200);
    // Looking without waiting is not waiting.
    expect((await running.call('GET', '/v1/orders/ord-1')).status).toBe(200);
    opened.find((socket) => socket !== refused.socket)?.destroy();
    await until(
      'the order to be readable',
      async () => (await running.call('GET', '/v1/orders/ord-1?wait=0.05')).status === 200,
    );
  });
});

describe('a schedule of its own', () => {
  const order = { orderId: 'fast', account: 'strict', reference: 'OR2', amount: '2.00' };

  test('may neither poll more often than the account allows, nor for years', async () => {
    const schedule = { initialIntervalMs: 1, maxIntervalMs: 999, deadlineMs: 366 * 86_400_000 };
    const answer = await running.call('POST', '/v1/orders', { body: { ...order, schedule } });
    expect(answer).toMatchObject({
      status: 422,
      json: {
        faults: [
          { path: 'schedule.initialIntervalMs', message: expect.stringContaining('at least 1000') },
          { path: 'schedule.maxIntervalMs', message: expect.stringContaining('MIN_INTERVAL_MS') },
          { path: 'schedule.deadlineMs', message: expect.stringContaining('at most 604800000') },
        ],
      },
    });
  });

  test('within these bounds is taken, and so is whatever the account does itself', async () => {
    const schedule = { initialIntervalMs: 1_000, maxIntervalMs: 1_000, deadlineMs: 7 * 86_400_000 };
    await running.enqueue({ ...order, schedule });
    // This account polls every 200 ms.
    const often = { initialIntervalMs: 200, maxIntervalMs: 500 };
    await running.enqueue({ ...order, orderId: 'as-usual', account: 'jenga', schedule: often });
  });
});

test.runIf(redisServer !== undefined)(
  'a flood of /metrics costs Redis one measurement a second',
  async () => {
    const redis = await startRestartableRedis();
    const own = await startRunningService({ accounts: 'jenga', roles: ['api'], redisUrl: redis.url });
    onTestFinished(() => own.close());
    const client = connectRedis(redis.url, 'patient');
    onTestFinished(() => client.disconnect());
    const commands = async () =>
      Number(/^total_commands_processed:(\d+)/m.exec(await client.info('stats'))?.[1]);
    await own.call('GET', '/metrics', { key: null });
    const before = await commands();
    const startedAt = Date.now();
    for (let round = 0; round < 20; round += 1) {
      const answers = Array.from({ length: 10 }, () => own.call('GET', '/metrics', { key: null }));
      expect((await Promise.all(answers)).every(({ status }) => status === 200)).toBe(true);
    }
    const seconds = Math.ceil((Date.now() - startedAt) / 1_000);
    // Each of the 200 took some 87 commands before.
    expect((await commands()) - before).toBeLessThan((seconds + 1) * 150);
  },
);

describe('places', () => {
  test('are given back once, however often somebody says so', () => {
    const places = createPlaces({ all: 2, perCaller: 1 });
    const release = places.take('a');
    expect(places.take('a')).toBe('caller');
    expect(typeof places.take('b')).toBe('function');
    expect(places.take('c')).toBe('all');
    if (typeof release === 'function') for (let times = 0; times < 3; times += 1) release();
    expect(typeof places.take('a')).toBe('function');
    expect(places.take('c')).toBe('all');
  });
});
