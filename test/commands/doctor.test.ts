import { describe, expect, test } from 'vitest';
import { createOrderStore } from '../../src/orders/store.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { createCompletionLog } from '../../src/workers/adaptive/completion-log.ts';
import { enoughOrders } from '../../src/workers/adaptive/plan.ts';
import { anOrder } from '../support/builders.ts';
import { runCommand, startCommand } from '../support/command-line.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';

function setup(more: { readonly [name: string]: string } = {}) {
  const prefix = testPrefix();
  const lipia = { ACCOUNTS: 'lipia', LIPIA_API_KEY: 'hunter2-of-lipia', API_KEYS_SHA256: 'a'.repeat(64) };
  return { keys: createKeys(prefix), env: { REDIS_URL: testRedisUrl(), PREFIX: prefix, ...lipia, ...more } };
}

describe.concurrent('doctor', () => {
  test('says of everything how it is', async () => {
    const { code, stdout, stderr } = await runCommand(['doctor'], setup());
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const line of [
      /^ok +redis +version \d/m,
      /^ok +redis +maxmemory-policy is noeviction/m,
      /append-only file|appendfsync/,
      /^ok +clock +the clocks of this machine and of Redis differ/m,
      /^ok +lipia +Lipia.*all settings are present/m,
    ])
      expect(stdout).toMatch(line);
    expect(stdout).not.toContain('hunter2');
  });

  test('a fault of the configuration is a danger, and so is plain http', async () => {
    const { env } = setup({ LIPIA_API_KEY: '', LIPIA_CURRENCY: 'kes' });
    const faulty = await runCommand(['doctor'], { env });
    expect(faulty.code).toBe(1);
    expect(faulty.stdout).toMatch(/DANGER +configuration +LIPIA_API_KEY is missing/);
    expect(faulty.stdout).toMatch(/DANGER +configuration +LIPIA_CURRENCY is not valid/);
    const plain = await runCommand(['doctor'], setup({ LIPIA_BASE_URL: 'http://gateway.example' }));
    expect(plain.code).toBe(1);
    expect(plain.stdout).toMatch(/DANGER +lipia +baseUrl is plain http/);
  });

  test('a Redis that is away is a danger', async () => {
    const { code, stdout } = await runCommand(
      ['doctor'],
      setup({ REDIS_URL: 'redis://:hunter3@127.0.0.1:9' }),
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(/DANGER +redis +Redis at redis:\/\/127\.0\.0\.1:9 does not answer/);
    expect(stdout).not.toContain('hunter3');
  });

  test('a currency that the provider is not known to pay in is a warning', async () => {
    const { code, stdout } = await runCommand(['doctor'], setup({ LIPIA_CURRENCY: 'UGX' }));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^warning +lipia +its currency is set to UGX, but lipia is known to pay in KES/m);
    const several = await runCommand(['doctor'], setup({ LIPIA_CURRENCY: 'KES, UGX' }));
    expect(several.stdout).toMatch(/^DANGER +configuration +LIPIA_CURRENCY must name exactly one currency/m);
  });

  test('results that outlive their orders are a warning', async () => {
    const { code, stdout } = await runCommand(
      ['doctor'],
      setup({ RETENTION_DAYS: '7', RESULTS_RETENTION_DAYS: '8' }),
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^warning +results +results are kept for 8 days .* raise RETENTION_DAYS/m);
  });

  test('a misspelt setting is a warning, with the name that was meant', async () => {
    const { code, stdout } = await runCommand(
      ['doctor'],
      setup({ LIPIA_RATE_PER_SECND: '5', SHUTDWN_MS: '5', LIPIA_WATCH: 'hunter4' }),
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^warning +configuration +LIPIA_RATE_PER_SECND .*LIPIA_RATE_PER_SECOND/m);
    expect(stdout).toMatch(/^warning +configuration +SHUTDWN_MS .*SHUTDOWN_MS/m);
    expect(stdout).toMatch(/^warning +configuration +LIPIA_WATCH .*LIPIA_WATCH_MS/m);
    expect(stdout).not.toContain('hunter4');
  });

  test('open orders of another provider than their account has are a danger', async () => {
    const { keys, env } = setup();
    const store = createOrderStore({ redis: testRedis(), keys, retentionMs: 60_000 });
    await store.open(anOrder({ account: 'lipia', provider: 'jenga' }), Date.now() + 60_000, []);
    const { code, stdout } = await runCommand(['doctor'], { env });
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^DANGER +lipia +the open order ord-1 belongs to jenga, but ACCOUNTS says lipia=lipia/m,
    );
    const started = startCommand(['start'], {
      env: { ...env, PORT: '0', LIPIA_BASE_URL: 'http://127.0.0.1:1' },
    });
    await started.printed(/payment-poller is running/);
    started.kill('SIGTERM');
    const said = (await started.ended).stdout;
    expect(said).toMatch(/the open order ord-1 belongs to jenga, but ACCOUNTS says lipia=lipia/);
  });

  test('open orders of an account that no process serves are a danger', async () => {
    const { keys, env } = setup();
    const store = createOrderStore({ redis: testRedis(), keys, retentionMs: 1_000 });
    await store.open(anOrder({ account: 'lipia', provider: 'lipia' }), 1, []);
    expect(await runCommand(['doctor'], { env })).toMatchObject({ code: 0 });
    await store.open(anOrder({ orderId: 'ord-2', account: 'old-shop' }), 1, []);
    const { code, stdout } = await runCommand(['doctor'], { env });
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^DANGER +accounts +1 open order of account old-shop, which no process serves.*ACCOUNTS/m,
    );
  });

  test('what an account would gain from the adaptive schedule, by its observed times', async () => {
    const { keys, env } = setup();
    const log = createCompletionLog(testRedis(), keys, 'lipia');
    const observe = (orders: number) => {
      for (let nth = 0; nth < orders; nth += 1) {
        // Final evenly between 10 and 30 s: the exponential schedule polls at 8, 13, 20.5 and 31.75 s.
        const finalMs = 10_000 + (20_000 * nth) / orders;
        log.note({ fromMs: finalMs - 100, toMs: finalMs + 100 });
      }
      return log.exchange();
    };
    await observe(enoughOrders / 2);
    const early = await runCommand(['doctor'], { env });
    await observe(enoughOrders);
    const { code, stdout } = await runCommand(['doctor'], { env });
    expect(code).toBe(0);
    const [, thenS = '', nowS = ''] =
      /^ok +lipia +with SCHEDULE=adaptive, half of its orders would be seen within (\d\.\d) s of their final status, without callbacks, instead of (\d\.\d) s \(by its observed times\)/m.exec(
        stdout,
      ) ?? [];
    // Polls every two seconds see half of the orders within one; those of 11.25 s between them within about four.
    expect(Number(thenS)).toBeCloseTo(1, 0);
    expect(Number(nowS)).toBeGreaterThan(3);
    // Too few orders, or an account that has the schedule already.
    expect(early.stdout).not.toContain('SCHEDULE=adaptive');
    const already = await runCommand(['doctor'], { env: { ...env, LIPIA_SCHEDULE: 'adaptive' } });
    expect(already.stdout).not.toContain('with SCHEDULE=adaptive');
  });

  test('readers that put results aside are a warning', async () => {
    const { keys, env } = setup();
    await testRedis().xgroup('CREATE', keys.results, 'shop', '0', 'MKSTREAM');
    await testRedis().xadd(keys.parked('shop'), '*', 'reason', 'the shop threw');
    const { code, stdout } = await runCommand(['doctor'], { env });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ok +results +group shop has handled everything/m);
    expect(stdout).toMatch(/^warning +results +group shop has 1 parked results/m);
  });
});

test('start warns of a misspelt setting, and starts', async () => {
  const { env } = setup({ PORT: '0', LIPIA_BASE_URL: 'http://127.0.0.1:1', LIPIA_RATE_PER_SECND: '5' });
  const command = startCommand(['start'], { env });
  await command.printed(/payment-poller is running/);
  command.kill('SIGTERM');
  const { code, stdout } = await command.ended;
  expect(code).toBe(0);
  const warning = stdout.split('\n').find((line) => line.includes('LIPIA_RATE_PER_SECND')) ?? '{}';
  expect(JSON.parse(warning)).toMatchObject({ level: expect.anything(), variable: 'LIPIA_RATE_PER_SECND' });
  expect(warning).toContain('LIPIA_RATE_PER_SECOND');
});
