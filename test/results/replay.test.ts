import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectRedis } from '../../src/redis/connection.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { type ReadResultsOptions, readResults } from '../../src/results/replay.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';
import { redisServer, startRestartableRedis } from '../support/restartable-redis.ts';
import { eventually } from '../support/waiting.ts';
import { aResult, publish } from './publish.ts';

function setup(url = testRedisUrl()) {
  const prefix = testPrefix();
  const redis = connectRedis(url, 'patient');
  onTestFinished(() => redis.disconnect());
  return {
    ...{ prefix, redis, stream: createKeys(prefix).results },
    publish: (...ids: string[]) => publish(redis, prefix, ...ids.map((id) => aResult(id))),
    async read(options: Partial<ReadResultsOptions> = {}) {
      const subjects: string[] = [];
      for await (const { event } of readResults({ redis: url, prefix, ...options }))
        subjects.push(event.subject);
      return subjects;
    },
    /** Continues reading in the background until the test ends. */
    follow(options: Partial<ReadResultsOptions> = {}) {
      const stop = new AbortController();
      const seen: string[] = [];
      const ended = (async () => {
        const results = readResults({ redis: url, prefix, follow: true, signal: stop.signal, ...options });
        for await (const { event } of results) seen.push(event.subject);
      })();
      onTestFinished(() => {
        stop.abort();
        return ended;
      });
      const hasSeen = (...subjects: string[]) => eventually(() => expect(seen).toEqual(subjects));
      return { stop, seen, ended, hasSeen };
    },
  };
}

describe('reading the results', () => {
  test('from the beginning, in order of publication, ends after the last', async () => {
    const { publish, read } = setup();
    expect(await read()).toEqual([]);
    await publish('a', 'b', 'c');
    expect(await read()).toEqual(['a', 'b', 'c']);
  });

  test('continues after a given entry', async () => {
    const { publish, read } = setup();
    const [, second = ''] = await publish('a', 'b', 'c');
    expect(await read({ from: second })).toEqual(['c']);
  });

  test('reads many results in batches', async () => {
    const { publish, read } = setup();
    const ids = Array.from({ length: 1_201 }, (_, index) => `order-${index}`);
    await publish(...ids);
    expect(await read()).toEqual(ids);
  });

  test('leaves a given connection open, and closes its own for a URL', async () => {
    const { publish, read, redis } = setup();
    await publish('a');
    expect(await read({ redis })).toEqual(['a']);
    expect(await read({ redis: testRedisUrl() })).toEqual(['a']);
    expect(redis.status).toBe('ready');
  });

  test('throws on an entry that is not a result, unless onInvalid is given', async () => {
    const { publish, read, redis, stream } = setup();
    const foreign = await redis.xadd(stream, '*', 'hello', 'world');
    await publish('a');
    await expect(read()).rejects.toThrow(`Entry ${foreign} of the results stream is not a result`);
    const passed: string[] = [];
    expect(await read({ onInvalid: (streamId) => passed.push(streamId) })).toEqual(['a']);
    expect(passed).toEqual([foreign]);
  });

  test('rejects an invalid position', async () => {
    await expect(setup().read({ from: 'yesterday' })).rejects.toThrow('Invalid stream ID');
    await expect(setup().read({ from: 'yesterday', follow: true })).rejects.toThrow('Invalid stream ID');
  });
});

describe('following the results', () => {
  test('waits for new results', async () => {
    const { publish, follow } = setup();
    await publish('a');
    const { hasSeen } = follow();
    await hasSeen('a');
    await publish('b');
    await hasSeen('a', 'b');
  });

  test('from `$` misses no result after the first one', async () => {
    const { publish, follow } = setup();
    await publish('a');
    const { hasSeen, seen } = follow({ from: '$', redis: testRedis() });
    await eventually(async () => {
      await publish('tick');
      expect(seen.length).toBeGreaterThan(0);
    });
    const ticks = seen.length;
    await publish('b');
    await eventually(() => expect(seen.at(-1)).toBe('b'));
    expect(seen).not.toContain('a');
    expect(ticks).toBeGreaterThan(0);
    await hasSeen(...seen);
  });

  test('ends at once when aborted, idle or not, even before it starts', async () => {
    const { follow, publish } = setup();
    const idle = follow();
    await delay(100);
    idle.stop.abort();
    await idle.ended;
    await publish('a');
    const aborted = follow({ signal: AbortSignal.abort() });
    await aborted.ended;
    expect(aborted.seen).toEqual([]);
  });

  test('ends in the middle of a batch', async () => {
    const { publish, prefix } = setup();
    await publish('a', 'b', 'c');
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const { event } of readResults({
      redis: testRedisUrl(),
      prefix,
      follow: true,
      signal: stop.signal,
    })) {
      seen.push(event.subject);
      stop.abort();
    }
    expect(seen).toEqual(['a']);
  });

  test.runIf(redisServer !== undefined)('keeps its place while Redis dies and comes back', async () => {
    const server = await startRestartableRedis();
    const { publish, follow } = setup(server.url);
    await publish('a');
    const { hasSeen } = follow();
    await hasSeen('a');
    for (const next of [
      ['a', 'b'],
      ['a', 'b', 'c'],
    ]) {
      await server.kill();
      await delay(100);
      await server.start();
      await publish(next.at(-1) ?? '');
      await hasSeen(...next);
    }
  });

  test.runIf(redisServer !== undefined)('ends at once while Redis is away', async () => {
    const server = await startRestartableRedis();
    const { publish, follow } = setup(server.url);
    await publish('a');
    const { hasSeen, stop, ended } = follow();
    const fresh = follow({ from: '$' });
    await hasSeen('a');
    await server.kill();
    await delay(300);
    // It stays away: to wait for it would be to wait for ever.
    stop.abort();
    fresh.stop.abort();
    await Promise.all([ended, fresh.ended]);
  });
});
