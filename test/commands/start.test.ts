import { describe, expect, test } from 'vitest';
import { createKeys } from '../../src/redis/keys.ts';
import { runCommand, startCommand } from '../support/command-line.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';

const secrets = Array.from({ length: 20 }, (_, nth) => `hunter2-secret-${nth}`);
const [s0 = '', s1 = '', s2 = '', s3 = '', s4 = '', s5 = '', s6 = '', s7 = ''] = secrets;

describe.concurrent('a wrong configuration: all faults at once, exit code 2, no secret', () => {
  test('nothing at all', async () => {
    const { code, stderr } = await runCommand(['start']);
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /has 1 fault \(.*docs\/configuration\.md\):\n {2}ACCOUNTS is missing: .*jenga,shop2=jenga/,
    );
  });

  test('every account and the service, each fault once', async () => {
    const { code, stdout, stderr } = await runCommand(['start'], {
      env: {
        ...{
          ACCOUNTS: 'jenga,daraja,shop2=lipia,shop2=lipia,nobody=x,Bad Id',
          REDIS_URL: `redis://u:${s0}@x@h`,
        },
        ...{ PORT: s1, LOG_LEVEL: s2, API_KEYS_SHA256: `${s3},${s4}`, TRUSTED_PROXIES: s5 },
        ...{ RETENTION_DAYS: '0', STATUS_OVERRIDES: `{${s6}` },
        ...{
          JENGA_API_KEY: s7,
          JENGA_BASE_URL: `ftp://u:${secrets[8]}@h`,
          JENGA_DEADLINE_MS: secrets[9] ?? '',
        },
        ...{ DARAJA_CONSUMER_SECRET: secrets[10] ?? '', DARAJA_INITIATOR_PASSWORD: secrets[11] ?? '' },
        ...{ DARAJA_CERTIFICATE: secrets[12] ?? '', DARAJA_IDENTIFIER_TYPE: secrets[13] ?? '' },
        ...{
          SHOP2_API_KEY: '  ',
          SHOP2_CALLBACK_TOKEN: 'too-short',
          SHOP2_CALLBACK_PASSWORD: secrets[14] ?? '',
        },
        ...{
          SHOP2_WATCH_MS: `5,${secrets[15]}`,
          SHOP2_CURRENCY: 'kes',
          SHOP2_CALLBACK_ADDRESSES: secrets[16] ?? '',
        },
      },
    });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    const faults = stderr.split('\n').filter((line) => line.startsWith('  '));
    expect(new Set(faults).size).toBe(faults.length);
    expect(faults.map((fault) => fault.split(/[ :]/)[2]).sort()).toEqual([
      ...['ACCOUNTS', 'ACCOUNTS', 'ACCOUNTS', 'API_KEYS_SHA256'],
      ...['DARAJA_CONSUMER_KEY', 'DARAJA_IDENTIFIER_TYPE', 'DARAJA_INITIATOR', 'DARAJA_SECURITY_CREDENTIAL'],
      ...['DARAJA_SHORT_CODE', 'JENGA_BASE_URL', 'JENGA_CONSUMER_SECRET', 'JENGA_DEADLINE_MS'],
      ...['JENGA_MERCHANT_CODE', 'LOG_LEVEL', 'PORT', 'PUBLIC_URL', 'REDIS_URL', 'RETENTION_DAYS'],
      ...['SHOP2_API_KEY', 'SHOP2_CALLBACK_ADDRESSES', 'SHOP2_CALLBACK_TOKEN', 'SHOP2_CALLBACK_USERNAME'],
      ...['SHOP2_CURRENCY', 'SHOP2_WATCH_MS', 'STATUS_OVERRIDES', 'TRUSTED_PROXIES'],
    ]);
    expect(stderr).not.toMatch(/hunter2|NaN/);
  });

  test.each([
    ['a name that is a queue of our own', { ACCOUNTS: 'sweeper=lipia' }, /sweeper is a reserved name/],
    [
      'two accounts that would share a variable',
      { ACCOUNTS: 'daraja,daraja-result=lipia' },
      /DARAJA_RESULT_TIMEOUT_MS would be a setting of both the account daraja and the account daraja-result/,
    ],
    [
      'an account that would share a variable with the service',
      { ACCOUNTS: 'api=lipia' },
      /API_RATE_PER_SECOND would be a setting of both the service and the account api/,
    ],
    [
      'an address that Daraja refuses',
      { ACCOUNTS: 'daraja', PUBLIC_URL: 'https://mpesa.example' },
      /contains "mpesa", which Daraja does not allow/,
    ],
  ])('%s', async (_what, env, sentence) => {
    const { code, stderr } = await runCommand(['start'], { env });
    expect(code).toBe(2);
    expect(stderr).toMatch(sentence);
  });
});

describe.concurrent('start', () => {
  const secret = 'hunter2-of-lipia';
  const setup = () => {
    const prefix = testPrefix();
    const lipia = { ACCOUNTS: 'lipia', LIPIA_API_KEY: secret, LIPIA_BASE_URL: 'http://127.0.0.1:1' };
    return { prefix, env: { REDIS_URL: testRedisUrl(), PREFIX: prefix, PORT: '0', ...lipia } };
  };
  /** The log line that says it runs, or a failure with what it said instead. */
  const running = /"url":"(http:[^"]+)".*payment-poller is running/;

  test.each([
    ['everything', []],
    ['the api alone', ['--role', 'api']],
    ['the worker alone', ['--role', 'worker']],
  ])('%s, until SIGTERM: exit code 0, no process left', async (_what, args) => {
    const { env, prefix } = setup();
    const command = startCommand(['start', ...args], { env });
    const [, url] = await command.printed(running);
    expect(await testRedis().hkeys(createKeys(prefix).registry)).toEqual(['lipia']);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    // A worker's door is for those who watch it; checkouts have none there.
    expect((await fetch(`${url}/v1/results`)).status).toBe(args[1] === 'worker' ? 404 : 401);
    command.kill('SIGTERM');
    const { code, stdout, stderr } = await command.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).not.toContain(secret);
    expect(() => process.kill(command.pid, 0)).toThrow(/ESRCH/);
  });

  test('a port that is taken is reported in one sentence', async () => {
    const { env } = setup();
    const first = startCommand(['start', '--role', 'api'], { env });
    const [, url = ''] = await first.printed(running);
    const { port } = new URL(url);
    const { code, stderr } = await runCommand(['start', '--role', 'api'], { env: { ...env, PORT: port } });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `payment-poller: Cannot listen on 127.0.0.1:${port}; set HOST and PORT to a free address.\n`,
    });
    first.kill('SIGINT');
    expect((await first.ended).code).toBe(0);
  });
});
