import { describe, expect, test } from 'vitest';
import { auditCommand } from '../../src/commands/audit.ts';
import { UsageError } from '../../src/commands/command-context.ts';
import { webhooksCommand } from '../../src/commands/webhooks.ts';
import { ConfigError } from '../../src/config/config.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { createDeliveryQueue, queueDelivery } from '../../src/webhooks/delivery-queue.ts';
import { registerEndpoints } from '../../src/webhooks/registry.ts';
import { aResult } from '../results/publish.ts';
import { capturedTerminal } from '../support/captured-terminal.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';
import { answer, startReceiver, testSecret } from '../webhooks/receiver.ts';

type Environment = { readonly [name: string]: string };

/** Runs a command in this process: a process each would take seconds on a busy machine. */
async function runCommand([name = '', ...args]: readonly string[], { env = {} }: { env?: Environment } = {}) {
  const { terminal, output, errors } = capturedTerminal(env);
  let code = 0;
  const exit = (given: number) => {
    code = given;
  };
  const command = name === 'audit' ? auditCommand(terminal) : webhooksCommand(terminal, exit);
  try {
    await command.exitOverride().parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof ConfigError)) throw error;
    return { code: 2, stdout: output(), stderr: error.message };
  }
  // What was written last has not arrived in the streams yet.
  await new Promise((resolve) => setImmediate(resolve));
  return { code, stdout: output(), stderr: errors() };
}

async function setup(url = 'https://shop.example/path-token') {
  const prefix = testPrefix();
  const redis = testRedis();
  const keys = createKeys(prefix);
  const endpoint = { name: 'shop', url, secrets: [testSecret], accounts: null, types: null };
  await registerEndpoints(redis, keys, [endpoint], Date.now());
  const parts = { redis, keys, deliveriesLifeMs: 60_000 };
  const env = {
    REDIS_URL: testRedisUrl(),
    PREFIX: prefix,
    WEBHOOKS: JSON.stringify([{ name: 'shop', url, secrets: [testSecret], types: ['payment.paid'] }]),
    WEBHOOK_ALLOWED_ADDRESSES: 'loopback',
    WEBHOOK_TIMEOUT_MS: '60000',
  };
  const queue = createDeliveryQueue({ ...parts, leaseMs: 60_000, pauseMs: 1, maxPauseMs: 1 }, endpoint);
  return {
    ...{ redis, keys, queue, env },
    run: (...args: string[]) => runCommand(['webhooks', ...args], { env }),
    async giveUp(orderId: string) {
      await queueDelivery(parts, 'shop', aResult(orderId));
      const { results } = await queue.take(10);
      for (const result of results) await queue.finish(result, { outcome: 'failed', answer: 'HTTP 500' });
    },
  };
}

test('new prints an entry for WEBHOOKS that is accepted, with a new secret each time', async () => {
  const made = await Promise.all(
    [1, 2].map(() => runCommand(['webhooks', 'new', 'shop', 'https://shop.example/hook'])),
  );
  expect(made.map(({ code }) => code)).toEqual([0, 0]);
  const [first = '', second = ''] = made.map(({ stdout }) => stdout.trim());
  expect(first).toMatch(
    /^\{"name":"shop","url":"https:\/\/shop\.example\/hook","secrets":\["whsec_[\w+/]{43}="\]\}$/,
  );
  expect(first).not.toBe(second);
  const listed = await runCommand(['webhooks', 'list'], {
    env: { WEBHOOKS: `[${first}]`, REDIS_URL: testRedisUrl(), PREFIX: testPrefix() },
  });
  expect(listed).toMatchObject({ code: 0, stderr: '' });
  const wrong = await runCommand(['webhooks', 'new', 'shop', 'https://u:p@shop.example/']);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toMatch(/must not contain a user or password/);
});

test('list shows what waits and what was given up, and no secret', async () => {
  const { run, giveUp } = await setup();
  await giveUp('ord-1');
  const people = await run('list');
  expect(people.code).toBe(0);
  expect(people.stdout).toMatch(/^shop {2}https:\/\/shop\.example\/… {2}active$/m);
  expect(people.stdout).toMatch(/^ {2}failures: 1$/m);
  expect(people.stdout).toMatch(/^ {2}last answer: HTTP 500$/m);
  const program = await run('list', '--json');
  expect(JSON.parse(program.stdout)).toMatchObject({ name: 'shop', types: ['payment.paid'], deadLetters: 1 });
  expect(people.stdout + program.stdout).not.toMatch(/path-token|whsec_/);
});

describe('test', () => {
  test('sends an event that is no result, and prints the answer', async () => {
    const receiver = await startReceiver();
    const { run } = await setup(receiver.url);
    expect(await run('test', 'shop')).toMatchObject({
      code: 0,
      stdout: 'shop answered HTTP 204\n',
      stderr: '',
    });
    expect(receiver.received).toHaveLength(1);
    expect(receiver.received[0]?.event).toMatchObject({ type: 'webhook.test', subject: 'shop', data: {} });
  });

  test('fails with what is wrong', async () => {
    const receiver = await startReceiver(answer(401));
    const { run } = await setup(receiver.url);
    const refused = await run('test', 'shop');
    expect(refused).toMatchObject({ code: 1, stderr: 'shop did not accept the webhook: HTTP 401\n' });
    const unknown = await run('test', 'books');
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toMatch(/WEBHOOKS has no endpoint with "books"; it has shop/);
  });
});

test('failures lists what was given up, resend queues it again, and the audit trail has it', async () => {
  const { run, giveUp, queue, env } = await setup();
  await giveUp('ord-1');
  await giveUp('ord-2');
  const failures = await run('failures');
  expect(failures.stdout).toMatch(
    /^\S+Z {2}shop {2}ord-1:1 {2}payment\.paid {2}HTTP 500\n\S+Z {2}shop {2}ord-2:1 /,
  );
  const json = (await run('failures', 'shop', '--json')).stdout.trim().split('\n');
  expect(JSON.parse(json[0] ?? '')).toMatchObject({ eventId: 'ord-1:1', attempts: 1, endpoint: 'shop' });
  expect(await run('resend', 'shop', 'ord-2:1', 'ord-9:1')).toMatchObject({
    ...{ code: 1, stdout: '1 result queued for shop\n' },
    stderr: 'ord-9:1 is no result on the stream and was not given up; nothing is sent.\n',
  });
  expect(await run('resend', 'shop', '--failed')).toMatchObject({
    code: 0,
    stdout: '1 result queued for shop\n',
  });
  expect((await run('failures')).stdout).toBe('');
  expect((await queue.take(10)).results.map(({ eventId }) => eventId).toSorted()).toEqual([
    'ord-1:1',
    'ord-2:1',
  ]);
  expect((await run('resend', 'shop')).code).toBe(2);
  const audit = await runCommand(['audit'], { env });
  expect(audit.stdout).toMatch(/webhooks-resent {2}1 to shop/);
});

test('enable lets a disabled endpoint receive again', async () => {
  const { run, queue, redis, keys } = await setup();
  await queueDelivery({ redis, keys, deliveriesLifeMs: 60_000 }, 'shop', aResult('ord-1'));
  const { results } = await queue.take(10);
  for (const result of results) await queue.finish(result, { outcome: 'disabled', answer: 'HTTP 410' });
  expect((await run('list')).stdout).toMatch(/ disabled$/m);
  expect(await run('enable', 'shop')).toMatchObject({ code: 0, stdout: 'shop is enabled\n' });
  expect((await queue.take(10)).results).toHaveLength(1);
});
