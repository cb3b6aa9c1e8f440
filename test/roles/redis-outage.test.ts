import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { waitForRedis } from '../../src/commands/await-redis.ts';
import { createLog } from '../../src/observability/log.ts';
import { redisServer, startRestartableRedis } from '../support/restartable-redis.ts';
import { startRunningService } from '../support/running-service.ts';
import { until } from '../support/waiting.ts';

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly durationMs?: number;
  readonly reason?: string;
}

function keptLines() {
  const lines: Line[] = [];
  return { lines, log: (line: string) => void lines.push(JSON.parse(line) as Line) };
}

describe.runIf(redisServer !== undefined)('an outage of Redis', () => {
  const password = 'open sesame, please';

  test('is logged once when it begins and once when it ends, whatever requests and polls fail meanwhile', async () => {
    const redis = await startRestartableRedis();
    const { lines, log } = keptLines();
    const running = await startRunningService({
      accounts: 'jenga',
      redisUrl: redis.url,
      log,
      environment: { BOARD_PASSWORD: password, SWEEP_INTERVAL_MS: '300' },
    });
    onTestFinished(() => running.close());
    running.simulator.script({
      provider: 'jenga',
      reference: 'OR1',
      amount: '2.00',
      timeline: [{ afterMs: 0, state: 'pending' }],
    });
    await running.enqueue({ orderId: 'ord-1', account: 'jenga', reference: 'OR1', amount: '2.00' });
    const authorization = `Basic ${Buffer.from(`operator:${password}`).toString('base64')}`;
    const loud = () => lines.filter(({ level }) => level >= 40);
    const before = loud().length;

    await redis.kill();
    const awayMs = 5_000;
    const backAt = Date.now() + awayMs;
    while (Date.now() < backAt) {
      await running.call('GET', '/v1/orders/ord-1');
      await running.call('POST', '/v1/orders', {
        body: { orderId: 'ord-2', account: 'jenga', reference: 'OR2', amount: '2.00' },
      });
      await delay(200);
    }
    const page = await running.call('GET', '/', {
      key: null,
      headers: { accept: 'text/html', authorization },
    });
    expect(page).toMatchObject({ status: 503, headers: { 'content-type': 'text/html; charset=utf-8' } });
    expect(page.text).toContain('Redis cannot be reached');
    const program = await running.call('GET', '/', { key: null, headers: { authorization } });
    expect(program).toMatchObject({ status: 503, json: { status: 503 } });

    await redis.start();
    const ended = await until('the end of the outage in the log', () =>
      lines.find(({ msg }) => msg === 'Redis is available again'),
    );
    expect(
      loud()
        .slice(before)
        .map(({ msg }) => msg),
    ).toEqual([
      'Redis is unavailable: until it is back, orders wait and requests are refused',
      'Redis is available again',
    ]);
    expect(ended.durationMs).toBeGreaterThan(awayMs - 1_000);
    expect((await running.call('GET', '/v1/orders/ord-1')).status).toBe(200);
  });

  test('at startup: waits for Redis, and logs JSON', async () => {
    const redis = await startRestartableRedis();
    await redis.kill();
    const { lines, log } = keptLines();
    const stop = new AbortController();
    const waiting = waitForRedis(redis.url, createLog('info', { write: log }), stop.signal);
    await until('the outage in the log', async () => lines.length > 0);
    expect(lines[0]).toMatchObject({ level: 50, msg: 'Redis does not respond; waiting for it' });
    // Longer than the first connection attempt.
    await delay(3_000);
    await redis.start();
    expect(await waiting).toBe(true);
    expect(lines.map(({ msg }) => msg)).toEqual([
      'Redis does not respond; waiting for it',
      'Redis responds; starting',
    ]);
    expect(lines[1]?.durationMs).toBeGreaterThan(3_000);
  });

  test('at startup: the service can still be stopped', async () => {
    const stop = new AbortController();
    const waiting = waitForRedis('redis://127.0.0.1:9', createLog('silent'), stop.signal);
    queueMicrotask(() => stop.abort());
    await once(stop.signal, 'abort');
    expect(await waiting).toBe(false);
  });
});
