import { describe, expect, onTestFinished, test } from 'vitest';
import { createProducer } from '../../src/jobs/producer.ts';
import { connectRedis, type Redis } from '../../src/redis/connection.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { isRedisFault } from '../../src/redis/redis-fault.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';
import { registerEveryAccount } from '../support/registered.ts';
import { startRunningService } from '../support/running-service.ts';

const order = { orderId: 'ord-1', account: 'jenga', reference: 'OR1', amount: '2.00' };

function replyError(message: string): Error {
  return Object.defineProperty(new Error(message), 'name', { value: 'ReplyError' });
}

async function thrownBy(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error('Nothing was thrown.');
}

describe('whose fault it is', () => {
  test.each([
    'OOM command not allowed when used memory > maxmemory. script: 1a2b, on @user_script:29.',
    'ERR Error running script (call to f_1a2b): @user_script:29: @user_script: 29: -OOM command not allowed',
    'MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.',
    'READONLY You cannot write against a read only replica.',
    'LOADING Redis is loading the dataset in memory',
    'NOAUTH Authentication required.',
    'NOPERM this user has no permissions to run the set command',
    'CLUSTERDOWN The cluster is down',
    'ERR max number of clients reached',
  ])("Redis': %s", (message) => expect(isRedisFault(replyError(message))).toBe(true));

  test.each([
    'WRONGTYPE Operation against a key holding the wrong kind of value',
    "ERR wrong number of arguments for 'set' command",
    'ERR Error running script (call to f_1a2b): @user_script:3: attempt to index a nil value',
    "CROSSSLOT Keys in request don't hash to the same slot",
  ])('ours: %s', (message) => expect(isRedisFault(replyError(message))).toBe(false));

  test.each([
    new TypeError("Cannot read properties of undefined (reading 'orderId')"),
    new Error('The record of order ord-1 is damaged: history.'),
    Object.assign(new Error('no such file'), { code: 'ENOENT' }),
    'a text',
    undefined,
  ])('ours: %s', (error) => expect(isRedisFault(error)).toBe(false));

  // As ioredis tells them today: a release that tells them otherwise is found here.
  test.each([
    ['a connection that is closed', (redis: Redis) => redis.quit().then(() => redis.get('x'))],
    ['a command of a Redis that is away', () => away((redis) => redis.get('x'))],
    ['a script of a Redis that is away', () => away((redis) => redis.eval('return 1', 0))],
    ['an order of a Redis that is away', () => enqueueing('redis://127.0.0.1:9')],
    ['an order behind a wrong password', () => enqueueing(testRedisUrl().replace('//', '//nobody:wrong@'))],
  ])("Redis': %s", async (_what, work) => {
    const redis = connectRedis(testRedisUrl(), 'prompt');
    onTestFinished(() => redis.disconnect());
    await redis.get('x').catch(() => {});
    expect(isRedisFault(await thrownBy(() => work(redis)))).toBe(true);
  });

  test('what the producer tells is judged by its cause', async () => {
    const prefix = testPrefix();
    await registerEveryAccount(testRedis(), prefix);
    await testRedis().set(createKeys(prefix).order('ord-1'), 'no hash');
    const error = await thrownBy(() => enqueueing(testRedisUrl(), prefix));
    expect(String(error)).toContain('Redis did not accept the order');
    expect(isRedisFault(error)).toBe(false);
  });

  function away(work: (redis: Redis) => Promise<unknown>): Promise<unknown> {
    const redis = connectRedis('redis://127.0.0.1:9', 'prompt');
    onTestFinished(() => redis.disconnect());
    return work(redis);
  }

  function enqueueing(redis: string, prefix = testPrefix()): Promise<unknown> {
    const producer = createProducer({ redis, prefix, ...(redis !== testRedisUrl() && { timeoutMs: 300 }) });
    onTestFinished(() => producer.close());
    return producer.enqueue(order);
  }
});

test('a fault of ours is 500, says nothing of Redis or of us, and leaves the rest alone', async () => {
  const running = await startRunningService({ accounts: 'jenga', roles: ['api'] });
  onTestFinished(() => running.close());
  await running.enqueue(order);
  await testRedis().hset(createKeys(running.prefix).order('ord-1'), 'history', 'oops');
  for (const path of ['/v1/orders/ord-1', '/v1/orders/ord-1?wait=5']) {
    const answer = await running.call('GET', path);
    expect(answer).toMatchObject({
      status: 500,
      json: { type: 'about:blank', title: 'Internal error', status: 500 },
    });
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.text).not.toMatch(/redis|damaged|history|ord-1|oops/i);
  }
  const poisoned = createKeys(running.prefix).order('ord-2');
  await testRedis().set(poisoned, 'no hash');
  const refused = await running.call('POST', '/v1/orders', { body: { ...order, orderId: 'ord-2' } });
  expect(refused.status).toBe(500);
  expect((await running.call('GET', '/v1/orders/nobody')).status).toBe(404);
});
