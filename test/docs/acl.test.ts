/** The access list of docs/security.md lets a subscriber do its work, and nothing else. */
import { randomUUID } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectRedis } from '../../src/redis/connection.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { subscribe } from '../../src/results/subscribe.ts';
import { aResult, publish } from '../results/publish.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';
import { subscriberAttacks, subscriberPassword, subscriberRights } from '../support/subscriber-acl.ts';
import { eventually } from '../support/waiting.ts';

// Far above what they take: the machine may be busy with other things.
const redis = testRedis();
const version = Number(/^redis_version:(\d+)/m.exec(await redis.info('server'))?.[1] ?? 0);

/** Makes the user of the page, under a name and a prefix of its own. */
async function setup() {
  const prefix = testPrefix();
  const user = `shop-${randomUUID()}`;
  await redis.acl('SETUSER', user, ...subscriberRights(prefix));
  onTestFinished(async () => void (await redis.acl('DELUSER', user)));
  const url = testRedisUrl().replace('redis://', `redis://${user}:${subscriberPassword}@`);
  return { prefix, keys: createKeys(prefix), user, url };
}

describe.runIf(version >= 7)('a subscriber under it', () => {
  test('handles, retries, claims and parks', async () => {
    const { prefix, keys, url } = await setup();
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
    await eventually(async () => expect(await redis.xlen(keys.parked('shop'))).toBe(1));
    await eventually(() => expect([...handled].sort()).toEqual(['good:1', 'good:2', 'left:1']));
    // The subscriber reports what it parked after it did so.
    await eventually(() => expect(errors).toEqual(['bad', 'bad', 'Result bad:1 is parked: bad']));
  });

  test('gets an error when its group was not made for it', async () => {
    const { prefix, url } = await setup();
    await publish(redis, prefix, aResult('good'));
    const errors: string[] = [];
    const subscription = subscribe({
      ...{ redis: url, prefix, group: 'shop', consumer: 'one', onResult: () => {} },
      onError: ({ message }) => void errors.push(message),
    });
    onTestFinished(() => subscription.close());
    await eventually(() => expect(errors.join()).toContain('NOGROUP'));
  });

  test('may run no other command on any key, and these on its own keys only', async () => {
    const { keys, user } = await setup();
    const everywhere = ['ping', 'info', 'hello', 'time', 'auth', 'quit', 'reset'];
    const scripts = ['eval', 'evalsha'];
    const reading = ['xreadgroup', 'xclaim', 'xpending', 'xack', 'xrange', 'xrevrange'];
    const allowed: [string, string[]][] = [
      [keys.results, [...scripts, ...reading]],
      [keys.handled('shop', 1), [...scripts, 'hget', 'hset', 'del', 'pexpire']],
      [keys.handling('shop', 'ord-1'), [...scripts, 'get', 'set', 'del', 'pexpire']],
      [keys.parked('shop'), [...scripts, 'xadd']],
      ...[keys.order('ord-1'), keys.open, keys.asking, keys.registry, keys.token('jenga')].map(
        (key): [string, string[]] => [key, []],
      ),
      ...[keys.handled('other', 1), keys.handling('other', 'ord-1'), keys.parked('other'), 'anything'].map(
        (key): [string, string[]] => [key, []],
      ),
    ];
    const commands = await everyCommand();
    expect(commands.length).toBeGreaterThan(300);
    for (const [key, names] of allowed) {
      const permitted = await Promise.all(
        commands.map(async (command) => {
          const { words } = command;
          const answer = await redis.call('ACL', 'DRYRUN', user, ...words, ...argumentsOf(command, key));
          return answer === 'OK' ? [words.join('|')] : [];
        }),
      );
      const onKey = permitted.flat().filter((name) => !everywhere.includes(name));
      expect(onKey.sort(), key).toEqual(names.sort());
    }
  });

  test('cannot do what it could before: publish, remove, expire, overwrite, or hurt others', async () => {
    const { prefix, keys, url } = await setup();
    await publish(redis, prefix, aResult('good'));
    for (const group of ['shop', 'other']) await redis.xgroup('CREATE', keys.results, group, '0');
    const reader = connectRedis(url, 'patient');
    onTestFinished(() => reader.disconnect());
    for (const [name = '', ...args] of subscriberAttacks(prefix)) {
      await expect(reader.call(name, ...args), `${name} ${args[0]}`).rejects.toThrow('NOPERM');
      // And not by a script either, in which other rules might hold.
      const script = 'return redis.call(unpack(ARGV))';
      await expect(
        reader.eval(script, 1, keys.results, name, ...args),
        `a script with ${name} ${args[0]}`,
      ).rejects.toThrow(/can't (?:access|run)|not allowed from script/);
    }
    expect(await redis.xlen(keys.results)).toBe(1);
    expect(await redis.pttl(keys.results)).toBe(-1);
  });
});

interface RedisCommand {
  /** One, or two for a sub-command. */
  readonly words: readonly string[];
  readonly arity: number;
}

async function everyCommand(): Promise<RedisCommand[]> {
  const names = (await redis.call('COMMAND', 'LIST')) as string[];
  const facts = (await redis.call('COMMAND', 'INFO', ...names)) as [string, number, ...unknown[]][];
  return facts.flatMap(([name, arity, ...more]) => {
    const subCommands = more[7] as [string, number][];
    return subCommands.length === 0
      ? [{ words: name.split('|'), arity }]
      : subCommands.map(([path, itsArity]) => ({ words: path.split('|'), arity: itsArity }));
  });
}

/** Arguments that pass the parser, the key among them. */
function argumentsOf({ words, arity }: RedisCommand, key: string): string[] {
  const [name = ''] = words;
  const special: { readonly [name: string]: string[] } = {
    eval: ['return 1', '1', key],
    evalsha: ['0'.repeat(40), '1', key],
    xreadgroup: ['GROUP', 'g', 'c', 'STREAMS', key, '>'],
    xread: ['STREAMS', key, '0'],
  };
  return special[name] ?? Array.from({ length: Math.abs(arity) - words.length }, () => key);
}
