import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createOrderStore } from '../../src/orders/store.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { startCommand } from '../support/command-line.ts';
import { startGivenTime } from '../support/given-time.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { redisServer, startRestartableRedis } from '../support/restartable-redis.ts';
import { startRunningService } from '../support/running-service.ts';
import { startHeldGateway } from '../support/service-gateway.ts';
import { orderOf, referenceOf, type Story, setupWorld, toldOf } from '../support/service-run.ts';
import { until } from '../support/waiting.ts';

test.skipIf(redisServer === undefined)(
  'an order that is being submitted when the service stops is answered, not broken off',
  async () => {
    const server = await startRestartableRedis();
    const running = await startRunningService({ accounts: 'jenga', redisUrl: server.url });
    onTestFinished(() => running.close());
    const redis = connectRedis(server.url, 'patient');
    onTestFinished(() => redis.disconnect());
    await running.enqueue({ orderId: 'first', account: 'jenga', reference: 'OR1', amount: '1.00' });

    await redis.client('PAUSE', 2_500, 'ALL');
    const body = { orderId: 'second', account: 'jenga', reference: 'OR2', amount: '1.00' };
    const answer = running.call('POST', '/v1/orders', { body });
    // The request is with us before the stop begins.
    await delay(1_000);
    await running.service.close();
    expect((await answer).status).toBe(201);
  },
);

/**
 * What Kubernetes leaves a process by default. The documentation promises twice SHUTDOWN_MS, which is a tenth of it here; the
 * rest is for a busy machine. What waits for Redis or for a poll takes longer, for neither comes.
 */
const graceMs = 30_000;

/** A service whose gateway holds its answer about one order back, with that order's poll under way. */
async function setup(shutdownMs: number, redis?: { readonly url: string }) {
  const gateway = await startHeldGateway();
  onTestFinished(() => gateway.close());
  const client = redis === undefined ? testRedis() : connectRedis(redis.url, 'patient');
  onTestFinished(() => client.disconnect());
  const world = await setupWorld({
    accounts: 'lipia',
    settings: { BASE_URL: gateway.url, TIMEOUT_MS: '60000' },
    environment: { SHUTDOWN_MS: String(shutdownMs) },
    ...(redis && { redis: client, redisUrl: redis.url }),
  });
  const story: Story = { provider: 'lipia', orderId: 'under-way', timeline: [] };
  const { key } = referenceOf('lipia', story.orderId);
  gateway.say('paid');
  gateway.hold();
  const service = await world.start(['worker', 'api']);
  await world.producer.enqueue(orderOf(story));
  await gateway.arrived(key, 1);
  return {
    ...{ ...world, gateway, client, arrivals: () => gateway.arrivals(key).length },
    /** Stops the service; how long that took, as far as this process was given time. */
    async stop() {
      const given = startGivenTime();
      await service.close();
      return given();
    },
  };
}

test('a poll that is under way when the service stops is finished', async () => {
  const { stop, gateway, events, arrivals } = await setup(20_000);
  const stopped = stop();
  gateway.release();
  await stopped;
  expect(toldOf(await events())).toEqual({ 'under-way': ['paid'] });
  expect(arrivals()).toBe(1);
});

test('a poll that does not end within SHUTDOWN_MS is handed back, and another worker has it soon', async () => {
  const { stop, gateway, events, verdicts, start } = await setup(300);
  expect(await stop()).toBeLessThan(graceMs);
  expect(await events()).toEqual([]);
  gateway.release();
  await start(['worker']);
  expect(toldOf(await verdicts(1))).toEqual({ 'under-way': ['paid'] });
});

test('a poll that we give up says nothing about the provider or the order, and its job goes back at once', async () => {
  const { stop, events, client, keys } = await setup(300);
  await stop();
  expect(await events()).toEqual([]);
  expect(await client.exists(keys.breaker('lipia'))).toBe(0);
  const record = await createOrderStore({ redis: client, keys, retentionMs: 1 }).read('under-way');
  expect(record?.progress.polls).toBe(0);
  expect(record?.history).toEqual([]);
  expect(await client.zcard(`${keys.queuePrefix('lipia')}:lipia:delayed`)).toBe(1);
});

test.skipIf(redisServer === undefined).each(['killed', 'frozen'] as const)(
  'a service whose Redis is %s still stops in time, and loses nothing',
  async (how) => {
    const server = await startRestartableRedis();
    const { stop, gateway, start, verdicts, client } = await setup(1_000, server);
    const thaw = how === 'frozen' ? server.freeze() : null;
    if (thaw === null) await server.kill();
    try {
      expect(await stop()).toBeLessThan(graceMs);
    } finally {
      thaw?.();
    }
    if (thaw === null) await server.start();
    gateway.release();
    await until('Redis to be back', async () => (await client.ping()) === 'PONG');
    await start(['worker']);
    expect(toldOf(await verdicts(1))).toEqual({ 'under-way': ['paid'] });
  },
);

const shutdownMs = 2_000;

describe.skipIf(redisServer === undefined)('a process that gets SIGTERM while Redis is away ends', () => {
  const all = ['start'];
  const [worker, api] = [
    ['start', '--role', 'worker'],
    ['start', '--role', 'api'],
  ];

  test.each([
    ['killed', 'batch', all],
    ['frozen', 'batch', all],
    ['killed', 'bullmq', all],
    ['killed', 'batch', worker],
    ['killed', 'bullmq', worker],
    ['killed', 'batch', api],
  ] as const)('Redis %s, POLL_BACKEND=%s, %j', async (how, backend, args) => {
    const server = await startRestartableRedis();
    const command = startCommand(args, {
      env: {
        ...{ REDIS_URL: server.url, PREFIX: testPrefix(), PORT: '0', SHUTDOWN_MS: String(shutdownMs) },
        ...{ ACCOUNTS: 'lipia', LIPIA_API_KEY: 'a-key', LIPIA_BASE_URL: 'http://127.0.0.1:1' },
        POLL_BACKEND: backend,
      },
    });
    onTestFinished(() => command.kill('SIGKILL'));
    await command.printed(/payment-poller is running/);
    const thaw = how === 'frozen' ? server.freeze() : await server.kill();
    // The process notices, and its connections try again.
    if (how === 'killed') await command.printed(/Redis is unavailable/);
    try {
      const given = startGivenTime();
      command.kill('SIGTERM');
      const { code } = await command.ended;
      expect(given()).toBeLessThan(graceMs);
      expect(code).toBe(0);
    } finally {
      thaw?.();
    }
  });
});
