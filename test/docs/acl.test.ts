/** The access list of docs/security.md lets a subscriber do its work, and publish nothing. */
import { randomUUID } from 'node:crypto';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createKeys } from '../../src/orders/keys.ts';
import { connectRedis } from '../../src/redis.ts';
import { eventFields } from '../../src/results/event.ts';
import { subscribe } from '../../src/results/subscribe.ts';
import { aResult, publish } from '../results/publish.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';
import { codeBlocks } from './code-blocks.ts';

// Far above what they take: the machine may be busy with other things.
vi.setConfig({ testTimeout: 90_000 });

const rules =
  codeBlocks('docs/security.md').find(({ code }) => code.includes('ACL SETUSER shop'))?.code ?? '';
const redis = testRedis();
const version = Number(/^redis_version:(\d+)/m.exec(await redis.info('server'))?.[1] ?? 0);

test.runIf(version >= 7)(
  'a subscriber under it handles, retries, claims and parks, and cannot publish',
  async () => {
    const prefix = testPrefix();
    const keys = createKeys(prefix);
    const user = `shop-${randomUUID()}`;
    const [, words = ''] = /SETUSER shop ([\s\S]*?)\n\s*redis-cli/.exec(rules) ?? [];
    // As the shell splits them: blanks outside of quotes.
    const args = [
      ...words
        .replaceAll('\\\n', ' ')
        .replaceAll('$PREFIX', prefix)
        .matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g),
    ];
    await redis.acl(
      'SETUSER',
      user,
      ...args.map(([, double, single, bare]) => double ?? single ?? bare ?? ''),
    );
    onTestFinished(async () => void (await redis.acl('DELUSER', user)));

    const url = testRedisUrl().replace('redis://', `redis://${user}:change-me@`);
    await publish(redis, prefix, aResult('left'), aResult('good'), aResult('bad'), aResult('good', 2));
    await redis.xgroup('CREATE', keys.results, 'shop', '0');
    await redis.xreadgroup('GROUP', 'shop', 'dead', 'COUNT', 1, 'STREAMS', keys.results, '>');
    const handled: string[] = [];
    const errors: string[] = [];
    const subscription = subscribe({
      ...{ redis: url, prefix, group: 'shop', consumer: 'one', retryAfterMs: 50, maxTries: 2 },
      onResult({ id }) {
        if (id === 'bad:1') throw new Error('bad');
        handled.push(id);
      },
      onError: ({ message }) => void errors.push(message),
    });
    onTestFinished(() => subscription.close());
    await vi.waitFor(async () => expect(await redis.xlen(keys.parked('shop'))).toBe(1), { timeout: 40_000 });
    await vi.waitFor(() => expect([...handled].sort()).toEqual(['good:1', 'good:2', 'left:1']), {
      timeout: 40_000,
    });
    expect(errors).toEqual(['bad', 'bad', 'Result bad:1 is parked: bad']);

    const reader = connectRedis(url, 'patient');
    onTestFinished(() => reader.disconnect());
    const forged = eventFields(aResult('forged'));
    await expect(reader.xadd(keys.results, '*', ...forged)).rejects.toThrow('NOPERM');
    const script = "return redis.call('XADD', KEYS[1], '*', unpack(ARGV))";
    await expect(reader.eval(script, 1, keys.results, ...forged)).rejects.toThrow(/NOPERM|can't access/);
    await expect(reader.del(keys.results)).rejects.toThrow('NOPERM');
    await expect(reader.hset(keys.order('ord-1'), 'a', 'b')).rejects.toThrow('NOPERM');
    await expect(reader.get(keys.token('jenga'))).rejects.toThrow('NOPERM');
  },
);
