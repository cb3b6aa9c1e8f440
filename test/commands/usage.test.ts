import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { emptyFolder, runCommand, startCommand } from '../support/command-line.ts';

const help = await runCommand(['--help']);
const names = [...help.stdout.matchAll(/^ {2}([a-z]+)(?: [[<]| {2,})/gm)]
  .map(([, name = '']) => name)
  .filter((name) => name !== 'help');

describe.concurrent('help', () => {
  test('names the commands of the contract', () => {
    expect(help.code).toBe(0);
    expect(names).toEqual(
      expect.arrayContaining(['start', 'demo', 'enqueue', 'results', 'classify', 'simulate']),
    );
  });

  test.each(names.map((name) => [name]))('%s --help', async (name) => {
    const { code, stdout, stderr } = await runCommand([name, '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^Usage: payment-poller ${name}`));
    // Every option and argument says what it is.
    for (const line of stdout.split('\n')) expect(line).not.toMatch(/^ {2}(?:-\S.*>|<\S+>|\[\S+\])\s*$/);
  });

  test('--version is the version of package.json', async () => {
    expect(await runCommand(['--version'])).toMatchObject({ code: 0, stdout: '0.1.0\n', stderr: '' });
  });
});

describe.concurrent('wrong usage: exit code 2, one sentence on stderr', () => {
  test.each([
    ['no command', [], /^Usage: /],
    ['an unknown command', ['strat'], /unknown command 'strat'.*\n.*start/],
    ['an unknown flag', ['start', '--rol', 'api'], /unknown option '--rol'/],
    ['an unknown role', ['start', '--role', 'boss'], /worker, api/],
    ['a flag without its value', ['results', '--from'], /--from <position>.*argument missing/],
    ['a position that is none', ['results', '--from', 'soon'], /--from takes 0 or a stream id/],
    ['a table without its days', ['results', '--csv'], /need --from/],
    ['two formats', ['results', '--csv', '--json', '--from', '0'], /either --json or --csv/],
    ['a count that is none', ['results', '--count', '0'], /The count must be 1 or more/],
    ['a port that is none', ['simulate', '--port', '70000'], /The port must be 0 to 65535/],
    ['nothing to enqueue', ['enqueue'], /Give either --file, or one order/],
    ['a file and flags', ['enqueue', '--file', '-', '--amount', '1'], /Give either --file, or one order/],
    ['a missing file', ['enqueue', '--file', 'nowhere.jsonl'], /Cannot read nowhere\.jsonl/],
    ['a folder for a file', ['enqueue', '--file', '.'], /Cannot read \./],
    ['metadata that is no JSON', ['enqueue', '--metadata', '{x'], /--metadata must be JSON/],
    ['a reference that is no JSON', ['enqueue', '--reference', '{x'], /--reference must be JSON/],
    ['too many arguments', ['start', 'now'], /too many arguments/],
  ])('%s', async (_what, args, sentence) => {
    const { code, stdout, stderr } = await runCommand(args, { env: { REDIS_URL: 'redis://127.0.0.1:1' } });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test('a .env that cannot be read', async () => {
    const cwd = join(emptyFolder, 'broken');
    await mkdir(join(cwd, '.env'), { recursive: true });
    const { code, stderr } = await runCommand(['start'], { cwd });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/^payment-poller: Cannot read \.env/),
    });
  });
});

describe.concurrent('a Redis that cannot be reached: one sentence within 3 s, exit code 1', () => {
  const secret = 'hunter2-of-redis';
  const jenga = { JENGA_API_KEY: 'k', JENGA_MERCHANT_CODE: 'm', JENGA_CONSUMER_SECRET: 's' };
  const env = { REDIS_URL: `redis://ops:${secret}@127.0.0.1:1`, ACCOUNTS: 'jenga', ...jenga };

  test.each([
    [['results', '--from', '0']],
    [['enqueue', '--order-id', 'a', '--account', 'jenga', '--reference', 'x', '--amount', '1']],
    [['demo', '--once']],
    [['show', 'a']],
    [['poll', 'a']],
    [['acknowledge', 'a', '--note', 'b']],
    [['orders']],
    [['audit']],
    [['report', '--day', 'today']],
    [['webhooks', 'list']],
  ])('%j', async (args) => {
    const { code, stdout, stderr, tookMs } = await runCommand(args, { env });
    // It waits 2 s; the rest is for starting up on a machine that other tests keep busy.
    expect(tookMs).toBeLessThan(45_000);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^payment-poller: Redis at redis:\/\/127\.0\.0\.1:1 does not answer; check REDIS_URL .*\n$/,
    );
    expect(stdout + stderr).not.toContain(secret);
  });
});

test('start waits for a Redis that cannot be reached, says so once as JSON, and ends on SIGTERM', async () => {
  const jenga = { JENGA_API_KEY: 'k', JENGA_MERCHANT_CODE: 'm', JENGA_CONSUMER_SECRET: 's' };
  const env = { REDIS_URL: 'redis://ops:hunter2-of-redis@127.0.0.1:1', ACCOUNTS: 'jenga', ...jenga };
  const command = startCommand(['start'], { env });
  const [line] = await command.printed(/^\{.*127\.0\.0\.1:1.*\}$/m);
  expect(JSON.parse(line)).toMatchObject({ level: expect.anything(), msg: expect.any(String) });
  command.kill('SIGTERM');
  const { code, stdout, stderr } = await command.ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).not.toContain('hunter2-of-redis');
});

describe.concurrent('simulate', () => {
  test('serves on a free port until SIGTERM', async () => {
    const command = startCommand(['simulate', '--port', '0']);
    const [, url] = await command.printed(/listens on (http:\S+);/);
    expect((await fetch(`${url}/_simulator/health`)).status).toBe(200);
    command.kill('SIGTERM');
    expect(await command.ended).toMatchObject({ code: 0, stderr: '' });
    await expect(fetch(`${url}/_simulator/health`)).rejects.toThrow();
  });

  test('a port that is taken', async () => {
    const first = startCommand(['simulate', '--port', '0']);
    const [, port = ''] = await first.printed(/listens on http:\/\/127\.0\.0\.1:(\d+);/);
    const { code, stderr } = await runCommand(['simulate', '--port', port]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `payment-poller: Cannot listen on 127.0.0.1:${port}; choose a free port with --port, or --port 0 for any.\n`,
    });
    first.kill('SIGINT');
    expect((await first.ended).code).toBe(0);
  });
});
