import { describe, expect, onTestFinished, test } from 'vitest';
import { connectRedis } from '../../src/redis/connection.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { redisServer, startRestartableRedis } from '../support/restartable-redis.ts';
import { startRunningService } from '../support/running-service.ts';
import { until } from '../support/waiting.ts';

const order = { account: 'jenga', reference: 'OR1', amount: '2.00' };
const ipn = { customer: { reference: 'OR1' } };

describe.skipIf(redisServer === undefined)('while Redis is away', () => {
  test('every request fails at once, nothing is done later, and all is well again afterwards', async () => {
    const redis = await startRestartableRedis();
    const running = await startRunningService({ accounts: 'jenga', roles: ['api'], redisUrl: redis.url });
    onTestFinished(() => running.close());
    await running.enqueue({ ...order, orderId: 'before' });
    await redis.kill();

    const startedAt = performance.now();
    const answers = await Promise.all([
      running.call('POST', '/v1/orders', { body: { ...order, orderId: 'while' } }),
      running.call('GET', '/v1/orders/before'),
      running.call('GET', '/v1/orders/before?wait=60'),
      running.call('POST', '/v1/orders/before/poll'),
      running.call('GET', '/v1/results'),
      running.callback('jenga', ipn),
    ]);
    expect(performance.now() - startedAt).toBeLessThan(50_000);
    for (const { status, json, headers, text } of answers) {
      expect({ status, json }).toMatchObject({ status: 503, json: { type: 'about:blank', status: 503 } });
      expect(headers['content-type']).toContain('application/problem+json');
      expect(text).not.toMatch(/ECONNREFUSED|127\.0\.0\.1|stream/i);
    }
    // What needs no Redis goes on; what tells of Redis tells the truth.
    expect((await running.call('GET', '/health/live', { key: null })).status).toBe(200);
    expect((await running.call('GET', '/health/ready', { key: null })).status).toBe(503);
    const metrics = await running.call('GET', '/metrics', { key: null });
    expect(metrics.status).toBe(200);
    expect(metrics.text).toContain('payment_poller_process_cpu_seconds_total');
    expect(
      (await running.call('POST', '/v1/orders', { body: { nonsense: true } })).status,
    ).toBeGreaterThanOrEqual(400);

    await redis.start();
    await until(
      'the order to be readable',
      async () => (await running.call('GET', '/v1/orders/before')).status === 200,
    );
    expect((await running.call('GET', '/v1/orders/while')).status).toBe(404);
    // Neither the callback nor the wish for a poll was kept to be done later.
    const client = connectRedis(redis.url, 'patient');
    onTestFinished(() => client.disconnect());
    expect(await client.hget(createKeys(running.prefix).order('before'), 'hints')).toBeNull();
    const again = await running.call('POST', '/v1/orders', { body: { ...order, orderId: 'while' } });
    expect(again.status).toBe(201);
    await until(
      'the service to be ready',
      async () => (await running.call('GET', '/health/ready', { key: null })).status === 200,
    );
    expect((await running.callback('jenga', ipn)).status).toBe(200);
  });

  test('frozen: nobody waits for ever', async () => {
    const redis = await startRestartableRedis();
    const running = await startRunningService({ accounts: 'jenga', roles: ['api'], redisUrl: redis.url });
    onTestFinished(() => running.close());
    await running.enqueue({ ...order, orderId: 'before' });
    const thaw = redis.freeze();
    try {
      const startedAt = performance.now();
      const answers = await Promise.all(
        [
          running.call('POST', '/v1/orders', { body: { ...order, orderId: 'while' } }),
          running.call('GET', '/v1/orders/before'),
          running.call('GET', '/v1/results'),
          running.callback('jenga', ipn),
        ].map(async (answer) => ({
          status: (await answer).status,
          isSoon: performance.now() - startedAt < 50_000,
        })),
      );
      expect(answers).toEqual(Array.from({ length: 4 }, () => ({ status: 503, isSoon: true })));
    } finally {
      thaw();
    }
    await until(
      'the order to be readable',
      async () => (await running.call('GET', '/v1/orders/before')).status === 200,
    );
  });
});
