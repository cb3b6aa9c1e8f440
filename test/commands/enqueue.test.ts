import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createKeys } from '../../src/redis/keys.ts';
import { emptyFolder, runCommand, startCommand } from '../support/command-line.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';
import { registerEveryAccount } from '../support/registered.ts';

async function setup() {
  const prefix = testPrefix();
  await registerEveryAccount(testRedis(), prefix);
  const env = { REDIS_URL: testRedisUrl(), PREFIX: prefix };
  return {
    env,
    redis: testRedis(),
    keys: createKeys(prefix),
    enqueue: (args: readonly string[], stdin: string | Uint8Array = '') =>
      runCommand(['enqueue', ...args], { env, stdin }),
  };
}

const order = { orderId: 'ord-1', account: 'jenga', reference: 'OR1', amount: '2.00' };
const flags = ['--order-id', 'ord-1', '--account', 'jenga', '--reference', 'OR1', '--amount', '2.00'];
const lines = (...each: readonly unknown[]) => each.map((one) => `${JSON.stringify(one)}\n`).join('');

describe.concurrent('one order by flags', () => {
  test('is new once, the same again, and a conflict with another amount', async () => {
    const { enqueue, redis, keys } = await setup();
    expect(await enqueue(flags)).toMatchObject({ code: 0, stdout: 'ord-1 new\n', stderr: '' });
    const before = await redis.hgetall(keys.order('ord-1'));
    expect(await enqueue(flags)).toMatchObject({ code: 0, stdout: 'ord-1 same\n', stderr: '' });
    const conflict = await enqueue([...flags.slice(0, -1), '3.00']);
    expect(conflict).toMatchObject({ code: 1, stdout: '' });
    expect(conflict.stderr).toMatch(/^refused \(conflict\): orderId is already in use with another /);
    expect(await redis.hgetall(keys.order('ord-1'))).toEqual(before);
    expect(await redis.zcard(keys.open)).toBe(1);
  });

  test('says with whom it shares a reference, and refused when that one is paid', async () => {
    const { enqueue, redis, keys } = await setup();
    await enqueue(flags);
    const second = ['--order-id', 'ord-2', ...flags.slice(2)];
    expect(await enqueue(second)).toMatchObject({
      ...{ code: 0, stdout: 'ord-2 new\n' },
      stderr:
        'ord-2 has the same reference as ord-1: only the first of them that is paid owns the payment.\n',
    });
    // As the service leaves an order that is paid.
    await redis.hset(keys.order('ord-1'), 'phase', 'closed');
    await redis.set(keys.paid('jenga', 'OR1'), 'ord-1 200');
    const third = await enqueue(['--order-id', 'ord-3', ...flags.slice(2)]);
    expect(third).toMatchObject({ code: 1, stdout: '' });
    expect(third.stderr).toMatch(/^refused \(reference-in-use\): reference already paid order ord-1;/);
    expect(await redis.exists(keys.order('ord-3'))).toBe(0);
  });

  test('takes every field', async () => {
    const { enqueue, redis, keys } = await setup();
    const more = ['--currency', 'KES', '--created-at', '2026-01-15T12:00:00+03:00'];
    const json = ['--schedule', '{"deadlineMs":60000}', '--metadata', '{"cart":"c\u20287"}'];
    const args = [
      '--order-id',
      'v',
      '--account',
      'vexora',
      '--amount',
      '2',
      '--reference',
      '{"tradeNo":"T1"}',
    ];
    expect(await enqueue([...args, ...more, ...json])).toMatchObject({ code: 0, stdout: 'v new\n' });
    expect(await redis.hgetall(keys.order('v'))).toMatchObject({
      account: 'vexora',
      reference: '{"tradeNo":"T1"}',
      amountMinor: '200',
      currency: 'KES',
      createdAt: String(Date.UTC(2026, 0, 15, 9)),
      order: '["vexora",{"cart":"c\u20287"},8000,5000,1.5,30000,0.1,60000]',
    });
  });

  test('names every fault of a bad order and writes nothing', async () => {
    const { enqueue, redis, keys } = await setup();
    const { code, stdout, stderr } = await enqueue([
      ...['--order-id', 'a b', '--account', 'jenga', '--amount', '-2.001', '--currency', 'kes'],
      ...['--created-at', 'soon', '--schedule', '{"jitter":2,"x":1}'],
    ]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    for (const path of ['orderId', 'reference', 'amount', 'currency', 'createdAt', 'schedule.jitter']) {
      expect(stderr).toMatch(new RegExp(`[:;] ${path} `));
    }
    expect(stderr).toMatch(/schedule has unknown fields: "?x/);
    expect(stderr.split('\n')).toHaveLength(2);
    expect(await redis.exists(keys.open, keys.order('a b'))).toBe(0);
  });

  test('names every fault beside metadata that is not JSON', async () => {
    const { enqueue, redis, keys } = await setup();
    const { code, stdout, stderr } = await enqueue([
      ...['--order-id', 'ord-1', '--account', 'jengaa', '--amount', '-2', '--metadata', '{x'],
      ...['--schedule', 'null'],
    ]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    for (const fault of [
      '--metadata must be JSON;',
      '--schedule must be a JSON object;',
      'account is not an account of this service',
      'reference is missing',
      'amount must be more than 0',
    ])
      expect(stderr).toContain(fault);
    expect(stderr.split('\n')).toHaveLength(2);
    expect(await redis.exists(keys.order('ord-1'))).toBe(0);
  });

  test('says which accounts there are, and what a reference looks like', async () => {
    const { enqueue } = await setup();
    const wrong = ['--order-id', 'a', '--amount', '1', '--reference', '{"x":"y"}'];
    const unknown = await enqueue([...wrong, '--account', 'jengaa']);
    expect(unknown.stderr).toMatch(/account is not an account of this service \(known: .*jenga.*tanda.*\)/);
    for (const [account, shape] of [
      ['vexora', 'tradeNo'],
      ['lipia', 'externalReference'],
      ['tanda', 'consumerId'],
    ] as const) {
      expect((await enqueue([...wrong, '--account', account])).stderr).toContain(shape);
    }
  });
});

describe.concurrent('many orders from a file', () => {
  test('bad lines are reported by number, the good ones still go in', async () => {
    const { enqueue, redis, keys } = await setup();
    const file = join(emptyFolder, 'orders.jsonl');
    const text = [
      `\uFEFF${JSON.stringify(order)}\r`,
      '',
      'not json',
      JSON.stringify({ ...order, orderId: 'ord-2', amount: 1.234 }),
      '   ',
      JSON.stringify({ ...order, amount: '9' }),
      '[]',
      JSON.stringify({ ...order, metadata: { long: 'x'.repeat(70_000) } }),
      `{"orderId":"ord-3","account":"jenga","reference":"OR3","amount":1,"metadata":{"note":"a\u2028b"}}\r`,
      JSON.stringify({ ...order, orderId: 'ord-4' }),
    ].join('\n');
    await writeFile(file, text);
    const { code, stdout, stderr } = await enqueue(['--file', file]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '3 new, 0 same, 5 refused\n' });
    const told = new Map(
      stderr
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/: (.*)/) as [string, string]),
    );
    expect([...told.keys()].sort()).toEqual([
      ...['line 10 (ord-4)', 'line 3', 'line 4 (ord-2)', 'line 6 (ord-1)', 'line 7', 'line 8'],
    ]);
    // A good one, whose reference an open order has.
    expect(told.get('line 10 (ord-4)')).toMatch(/ord-4 has the same reference as ord-1/);
    expect(told.get('line 3')).toMatch(/not a JSON object/);
    expect(told.get('line 4 (ord-2)')).toMatch(/invalid: amount .*two decimals/);
    expect(told.get('line 6 (ord-1)')).toMatch(/conflict: orderId/);
    expect(told.get('line 7')).toMatch(/not a JSON object/);
    expect(told.get('line 8')).toMatch(/longer than 65536/);
    expect((await redis.zrange(keys.open, '0', '-1')).sort()).toEqual(['ord-1', 'ord-3', 'ord-4']);
    expect(await redis.hget(keys.order('ord-3'), 'order')).toContain('{"note":"a\u2028b"}');
    expect(await enqueue(['--file', file])).toMatchObject({ stdout: '0 new, 3 same, 5 refused\n' });
  });

  test('that a parser would read otherwise than they stand are bad lines', async () => {
    const { enqueue } = await setup();
    const least = '"account":"jenga","reference":"OR-x"';
    const bad = [
      `{"orderId":"x1",${least},"amount":"1.00","amount":"2.00"}`,
      `{"orderId":"x2",${least},"amount":1.0000000000000000001}`,
      `{"orderId":"x3",${least},"amount":"1.00","metadata":{"__proto__":{"a":1}}}`,
      `{"orderId":"x4",${least},"amount":"1.00"`,
      `{"orderId":"x 5",${least}`,
    ];
    const { code, stderr } = await enqueue(['--file', '-'], bad.join('\n'));
    expect(code).toBe(1);
    expect(stderr).toContain('line 1 (x1): names "amount" more than once');
    expect(stderr).toContain('line 2 (x2): has more digits in "amount"');
    expect(stderr).toContain('line 3 (x3): invalid: metadata has a field named __proto__');
    // As far as the id can be read, and is one.
    expect(stderr).toContain('line 4 (x4): is not a JSON object');
    expect(stderr).toContain('line 5: is not a JSON object');
  });

  test('from standard input, three thousand of them', async () => {
    const { enqueue, redis, keys } = await setup();
    const many = Array.from({ length: 3_000 }, (_, n) => ({
      ...order,
      orderId: `o:${n}`,
      reference: `OR${n}`,
    }));
    const { code, stdout, stderr } = await enqueue(['--file', '-'], lines(...many));
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: '3000 new, 0 same, 0 refused\n',
      stderr: '',
    });
    expect(await redis.zcard(keys.open)).toBe(3_000);
  });

  test('characters cut in two by the pipe stay whole', async () => {
    const { env, redis, keys } = await setup();
    const command = startCommand(['enqueue', '--file', '-'], { env, stdin: null });
    const bytes = Buffer.from(lines({ ...order, metadata: { name: 'Wanjikũ' } }));
    const cut = bytes.indexOf(Buffer.from('ũ')) + 1;
    command.stdin.write(bytes.subarray(0, cut));
    await new Promise((resolve) => setTimeout(resolve, 50));
    command.stdin.end(bytes.subarray(cut));
    expect(await command.ended).toMatchObject({ code: 0, stdout: '1 new, 0 same, 0 refused\n' });
    expect(await redis.hget(keys.order('ord-1'), 'order')).toContain('{"name":"Wanjikũ"}');
  });

  test('an empty file is no fault', async () => {
    const { enqueue } = await setup();
    const nothing = { code: 0, stdout: '0 new, 0 same, 0 refused\n', stderr: '' };
    expect(await enqueue(['--file', '-'], '')).toMatchObject(nothing);
    expect(await enqueue(['--file', '-'], '\uFEFF\r\n\n')).toMatchObject(nothing);
  });
});
