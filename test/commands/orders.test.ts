import { describe, expect, test } from 'vitest';
import { createOrderStore } from '../../src/orders/store.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { anOrder, createdAt } from '../support/builders.ts';
import { runCommand } from '../support/command-line.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';

async function setup() {
  const prefix = testPrefix();
  const store = createOrderStore({ redis: testRedis(), keys: createKeys(prefix), retentionMs: 60_000 });
  for (const [nth, orderId] of ['ord-1', 'ord-2', 'ord-3'].entries()) {
    const fields = { orderId, reference: `OR${nth}`, createdAt: createdAt + nth * 86_400_000 };
    await store.open(anOrder({ ...fields, metadata: { basket: nth } }), createdAt, []);
  }
  const env = { REDIS_URL: testRedisUrl(), PREFIX: prefix };
  return (...args: string[]) => runCommand(['orders', ...args], { env });
}

describe.concurrent('orders', () => {
  test('lists the latest orders, as lines and as JSON', async () => {
    const orders = await setup();
    const [lines, json] = await Promise.all([
      orders('--timezone', 'Africa/Nairobi'),
      orders('--json', '--limit', '2'),
    ]);
    expect(lines).toMatchObject({ code: 0, stderr: '' });
    expect(lines.stdout).toMatch(/^2026-01-17 12:00:00 {2}none.*ord-3.*OR2\n.*ord-2.*\n.*ord-1.*\n$/);
    expect(json.code).toBe(0);
    expect(json.stderr).toMatch(/raise --limit/);
    const found = json.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(found).toMatchObject([
      { orderId: 'ord-3', status: null },
      { orderId: 'ord-2', amount: '2.00' },
    ]);
  });

  test('filters, and exits with 1 if nothing matches', async () => {
    const orders = await setup();
    const [one, day, none] = await Promise.all([
      orders('--metadata', 'basket=1', '--reference', 'or1'),
      orders('--from', '2026-01-15', '--to', '2026-01-16', '--timezone', 'UTC'),
      orders('--receipt', 'SH90', '--status', 'paid'),
    ]);
    expect(one.stdout).toMatch(/^[^\n]*ord-2[^\n]*\n$/);
    expect(day.stdout).toMatch(/^[^\n]*ord-1[^\n]*\n$/);
    expect(none).toMatchObject({ code: 1, stdout: '' });
    expect(none.stderr).toMatch(/No order matches/);
  });

  test('wrong usage is exit code 2, and a missing Redis is 1', async () => {
    const orders = await setup();
    const wrong = [
      ['--status', 'bad'],
      ['--from', 'today', '--to', 'yesterday'],
      ['--timezone', 'Mars/Base'],
    ];
    for (const { code, stderr } of await Promise.all(wrong.map((args) => orders(...args)))) {
      expect({ code, lines: stderr.split('\n').length > 1 }).toEqual({ code: 2, lines: true });
    }
    const away = await runCommand(['orders'], { env: { REDIS_URL: 'redis://127.0.0.1:1' } });
    expect(away).toMatchObject({ code: 1, stdout: '' });
    expect(away.stderr).toMatch(/Redis at \S+127.0.0.1:1 does not answer/);
  });
});
