import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { testRedis, testRedisUrl } from '../support/redis.ts';
import { startRunningService } from '../support/running-service.ts';

test('trace', async () => {
  const long = {
    firstPollAfterMs: 600_000,
    initialIntervalMs: 600_000,
    maxIntervalMs: 600_000,
    deadlineMs: 3_600_000,
  };
  for (let round = 0; round < 12; round++) {
    const running = await startRunningService({
      accounts: 'jenga',
      environment: { JENGA_TIMEOUT_MS: '1000' },
    });
    running.simulator.script({
      provider: 'jenga',
      reference: 'OR99',
      amount: '2.00',
      timeline: [{ afterMs: 0, state: 'pending' }],
    });
    await running.enqueue({
      orderId: 'often',
      account: 'jenga',
      reference: 'OR99',
      amount: '2.00',
      schedule: long,
    });
    const lines: string[] = [];
    const mon = connect(Number(new URL(testRedisUrl()).port), '127.0.0.1');
    mon.write('MONITOR\r\n');
    let rest = '';
    mon.setEncoding('latin1').on('data', (chunk: string) => {
      rest += chunk;
      const all = rest.split('\n');
      rest = all.pop() ?? '';
      for (const line of all) {
        const m = /^\+(\d+\.\d+) \[\d+ [^\]]*\] (.*)$/.exec(line.trim());
        if (!m || !line.includes(running.prefix)) continue;
        const text = (m[2] ?? '').replaceAll(running.prefix, 'P');
        if (!/^"(evalsha|hset|hmget|hgetall|xadd|zadd)/i.test(text)) continue;
        if (/stalled/.test(text)) continue;
        lines.push(`${Math.round(Number(m[1]) * 1000) % 1000000} ${text.slice(0, 330)}`);
      }
    });
    const until = Date.now() + 2_500;
    while (Date.now() < until) {
      await running.callback('jenga', { customer: { reference: 'OR99' } });
      await delay(20);
    }
    const polls = running.simulator.ledger().find(({ reference }) => reference === 'OR99')?.polls ?? 0;
    mon.destroy();
    await running.close();
    if (polls > 2) {
      console.log(polls, '\n' + lines.slice(0, 60).join('\n') + '\n.....\n' + lines.slice(-140).join('\n'));
      break;
    }
  }
  expect(1).toBe(1);
}, 120000);
