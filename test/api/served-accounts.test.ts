import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createProducer } from '../../src/jobs/producer.ts';
import { connectRedis, type Redis } from '../../src/redis/connection.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { testRedis } from '../support/redis.ts';
import { redisServer, startRestartableRedis } from '../support/restartable-redis.ts';
import { type RunningServiceOptions, startRunningService } from '../support/running-service.ts';
import { eventually, until } from '../support/waiting.ts';

const order = { orderId: 'ord-1', account: 'lipia', reference: 'a'.repeat(24), amount: '1.00' };

async function running(options: RunningServiceOptions) {
  const service = await startRunningService(options);
  onTestFinished(() => service.close());
  return service;
}

/** A Redis of one test's own, that may be emptied, and made a replica. */
async function ownRedis(): Promise<{ redis: Redis; url: string }> {
  const { url } = await startRestartableRedis();
  const redis = connectRedis(url, 'patient');
  onTestFinished(() => redis.disconnect());
  return { redis, url };
}

const ready = async (service: Awaited<ReturnType<typeof running>>) => {
  const { status, json } = await service.call('GET', '/health/ready', { key: null });
  return { status, checks: (json as { checks: { [name: string]: string } }).checks };
};

test('an account that was taken out of ACCOUNTS: no new order, and its open ones are reported', async () => {
  const before = await startRunningService({ accounts: 'jenga,lipia' });
  await before.enqueue({ ...order, schedule: { firstPollAfterMs: 50_000 } });
  await before.close();

  const lines: string[] = [];
  const { prefix } = before;
  const after = await running({ accounts: 'jenga', prefix, log: (line) => void lines.push(line) });
  const refused = await after.call('POST', '/v1/orders', { body: { ...order, orderId: 'ord-2' } });
  expect(refused.status).toBe(422);
  expect(refused.text).toMatch(/is not an account of this service \(known: jenga\); see ACCOUNTS/);

  expect(lines.filter((line) => line.includes('"account":"lipia"')).join()).toMatch(
    /1 open order of account lipia, which no process serves.*ACCOUNTS/,
  );
  expect(await ready(after)).toMatchObject({
    status: 200,
    checks: { accounts: expect.stringMatching(/lipia/) },
  });
  expect(await after.metric('payment_poller_unserved_orders{account="lipia"}')).toBe(1);
  expect(await testRedis().exists(createKeys(prefix).order('ord-2'))).toBe(0);
});

describe.runIf(redisServer)('Redis', () => {
  test('comes back empty: configured accounts are accepted, and registry and sweep are there again after an interval', async () => {
    const { redis, url } = await ownRedis();
    const sweepMs = 1_000;
    const environment = { SWEEP_INTERVAL_MS: String(sweepMs), LIPIA_FIRST_POLL_AFTER_MS: '7777' };
    const service = await running({ accounts: 'lipia', redisUrl: url, environment });
    const keys = createKeys(service.prefix);
    const producer = createProducer({ redis: url, prefix: service.prefix });
    onTestFinished(() => producer.close());
    const scheduler = `${keys.queuePrefix('sweeper')}:sweeper:repeat:sweep`;
    await until('the sweep to be scheduled', async () => (await redis.exists(scheduler)) === 1);

    await redis.flushall();
    await service.enqueue(order);
    expect(await redis.hget(keys.order('ord-1'), 'order')).toContain('7777');
    await eventually(async () => {
      expect(await redis.exists(scheduler)).toBe(1);
      expect(await redis.hget(keys.registry, 'lipia')).toContain('7777');
    });
    expect(await producer.enqueue({ ...order, orderId: 'ord-2', reference: 'b'.repeat(24) })).toMatchObject({
      outcome: 'new',
    });
    expect(await redis.hget(keys.order('ord-2'), 'order')).toContain('7777');
    // A sweep that really runs mends an order whose job is lost.
    await redis.del(
      `${keys.queuePrefix('lipia')}:lipia:delayed`,
      `${keys.queuePrefix('lipia')}:lipia:o~ord-2`,
    );
    await redis.zadd(keys.open, 1, 'ord-2');
    await until(
      'the job to be restored',
      async () => (await service.metric('payment_poller_swept_total{kind="record-without-job"}')) > 0,
    );
  });

  test('takes no writes: not ready, and ready again when it does; connections are not renewed without end', async () => {
    const { redis, url } = await ownRedis();
    const lines: string[] = [];
    const service = await running({ accounts: 'lipia', redisUrl: url, log: (line) => void lines.push(line) });
    expect(await ready(service)).toMatchObject({ status: 200, checks: { redis: 'ok', accounts: 'ok' } });
    await redis.call('REPLICAOF', '127.0.0.1', '1');
    await until('the service not to be ready', async () => {
      const { status, checks } = await ready(service);
      return status === 503 && /READONLY/.test(checks.redis ?? '');
    });
    const connections = async () =>
      Number(/total_connections_received:(\d+)/.exec(await redis.info('stats'))?.[1] ?? 0);
    const [before, linesBefore] = [await connections(), lines.length];
    const seconds = 8;
    await delay(seconds * 1_000);
    expect(((await connections()) - before) / seconds).toBeLessThan(5);
    expect((lines.length - linesBefore) / seconds).toBeLessThan(5);
    await redis.call('REPLICAOF', 'NO', 'ONE');
    await until('the service to be ready', async () => (await ready(service)).status === 200);
    await service.enqueue(order);
  });

  test('is full: not ready', async () => {
    const { redis, url } = await ownRedis();
    const service = await running({ accounts: 'lipia', redisUrl: url });
    await redis.config('SET', 'maxmemory', '1');
    await eventually(async () =>
      expect(await ready(service)).toMatchObject({
        status: 503,
        checks: { redis: expect.stringMatching(/full \(OOM\)/) },
      }),
    );
    await redis.config('SET', 'maxmemory', '0');
    await eventually(async () => expect(await ready(service)).toMatchObject({ status: 200 }));
  });
});
