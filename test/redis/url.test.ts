import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { doctorCommand } from '../../src/commands/doctor.ts';
import { readConfig } from '../../src/config/config.ts';
import { createProducer } from '../../src/jobs/producer.ts';
import { createLog } from '../../src/observability/log.ts';
import { awaitRedis, connectRedis } from '../../src/redis/connection.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { readResults } from '../../src/results/replay.ts';
import { subscribe } from '../../src/results/subscribe.ts';
import { startService } from '../../src/service.ts';
import { capturedTerminal } from '../support/captured-terminal.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';
import { registerEveryAccount } from '../support/registered.ts';
import { until } from '../support/waiting.ts';

const password = 'recognisable-redis-password';
const phone = '254744556677';
const order = { orderId: 'ord-1', account: 'lipia', reference: 'a', amount: '2.00', metadata: { phone } };

const wrong = testRedisUrl().replace('redis://', `redis://somebody:${password}@`);
const urls = [
  ['a wrong password', wrong],
  ['nobody listening', `redis://:${password}@127.0.0.1:1`],
  ['a Cluster that is none', wrong.replace('redis://', 'redis+cluster://')],
  ['an unreachable Sentinel', `redis+sentinel://:${password}@127.0.0.1:1/mymaster`],
] as const;

/** All properties of an error, including its causes and their properties. */
function everythingOf(error: unknown): string {
  const log: string[] = [];
  createLog('trace', { write: (line) => void log.push(line) }).error({ err: error }, 'failed');
  return (
    inspect(error, { depth: 12, showHidden: true, maxStringLength: null }) + String(error) + log.join('')
  );
}

async function failureOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
  } catch (error) {
    return everythingOf(error);
  }
  return expect.unreachable('expected the work to fail');
}

describe.each(urls)('with %s, no error contains the password', (_name, redisUrl) => {
  test('seen by a caller that awaits the connection or listens to its errors', async () => {
    const redis = connectRedis(redisUrl, 'prompt');
    onTestFinished(() => redis.disconnect());
    const heard: string[] = [];
    redis.on('error', (error: Error) => void heard.push(everythingOf(error)));
    heard.push(await failureOf(() => awaitRedis(redis, redisUrl, 700)));
    heard.push(await failureOf(() => redis.hset('key', 'field', 'value')));
    expect(heard.join('\n')).not.toContain(password);
  });

  test('seen by a producer', async () => {
    const producer = createProducer({ redis: redisUrl, prefix: testPrefix(), timeoutMs: 700 });
    onTestFinished(() => producer.close());
    const failure = await failureOf(() => producer.enqueue(order));
    expect(failure).not.toContain(password);
    expect(failure).not.toContain(phone);
  });

  test('seen by a subscriber', async () => {
    const heard: string[] = [];
    const subscription = subscribe({
      ...{ redis: redisUrl, group: 'g', consumer: 'c', prefix: testPrefix() },
      onResult: () => {},
      onError: (error) => void heard.push(everythingOf(error)),
    });
    onTestFinished(() => subscription.close());
    await until('it hears of it', () => heard.length > 0);
    expect(heard.join('\n')).not.toContain(password);
  });
});

test('neither the service, its log nor the doctor reveals the password', async () => {
  // Run in parallel, because each waits several seconds for Redis.
  const told = await Promise.all(urls.flatMap(([, redisUrl]) => [startOf(redisUrl), doctorOn(redisUrl)]));
  expect(told.join('\n')).not.toContain(password);
});

async function startOf(redisUrl: string): Promise<string> {
  const lines: string[] = [];
  const log = createLog('trace', { write: (line) => void lines.push(line) });
  const config = readConfig({ ACCOUNTS: 'lipia', LIPIA_API_KEY: 'k', REDIS_URL: redisUrl, PORT: '0' });
  return (await failureOf(() => startService(config, log))) + lines.join('');
}

async function doctorOn(redisUrl: string): Promise<string> {
  const captured = capturedTerminal({ REDIS_URL: redisUrl, ACCOUNTS: 'lipia' });
  await doctorCommand(captured.terminal, () => {}).parseAsync([], { from: 'user' });
  expect(captured.output()).toContain('DANGER');
  return captured.output() + captured.errors();
}

test('the error of a command that Redis rejects does not contain the metadata that it carried', async () => {
  const redis = testRedis();
  const prefix = testPrefix();
  const keys = createKeys(prefix);
  await registerEveryAccount(redis, prefix);
  await redis.set(keys.open, 'not a sorted set');
  const producer = createProducer({ redis: testRedisUrl(), prefix });
  onTestFinished(() => producer.close());
  const failure = await failureOf(() => producer.enqueue(order));
  expect(failure).toContain('WRONGTYPE');
  expect(failure).not.toContain(phone);
});

test('the error about an entry that is not a result does not quote its content', async () => {
  const redis = testRedis();
  const prefix = testPrefix();
  await redis.xadd(createKeys(prefix).results, '*', 'data', `oops ${phone}`, 'id', phone);
  const failure = await failureOf(async () => {
    for await (const _ of readResults({ redis, prefix }));
  });
  expect(failure).not.toContain(phone);
});
