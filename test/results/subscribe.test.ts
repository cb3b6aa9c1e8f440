import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis as IORedis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ResultEvent } from '../../src/domain/result-event.ts';
import type { Redis } from '../../src/redis/connection.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { deliveryStateKey } from '../../src/results/handled.ts';
import { type SubscribeOptions, type Subscription, subscribe } from '../../src/results/subscribe.ts';
import { createdAt } from '../support/builders.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';
import { redisServer, startRestartableRedis } from '../support/restartable-redis.ts';
import { eventually } from '../support/waiting.ts';
import { aResult, publish } from './publish.ts';

const group = 'shop';

function setup(url = testRedisUrl()) {
  const prefix = testPrefix();
  const keys = createKeys(prefix);
  const redis = url === testRedisUrl() ? testRedis() : connectRedis(url, 'patient');
  const handled: string[] = [];
  const errors: { message: string; id: string | null }[] = [];
  onTestFinished(async () => {
    if (url !== testRedisUrl()) redis.disconnect();
  });

  function follow(options: Partial<SubscribeOptions> = {}): Subscription {
    const { onResult, ...rest } = options;
    const subscription = subscribe({
      redis: url,
      prefix,
      group,
      consumer: 'one',
      retryAfterMs: 100,
      onError: (error, event) => void errors.push({ message: error.message, id: event?.id ?? null }),
      async onResult(event) {
        await onResult?.(event);
        handled.push(event.id);
      },
      ...rest,
    });
    onTestFinished(() => subscription.close());
    return subscription;
  }

  return {
    ...{ prefix, keys, redis, handled, errors, follow },
    publish: (...events: ResultEvent[]) => publish(redis, prefix, ...events),
    isHandled: (...ids: string[]) => eventually(() => expect([...handled].sort()).toEqual([...ids].sort())),
    isSettled: () => eventually(async () => expect(await pendingOf(redis, keys.results)).toBe(0)),
  };
}

async function pendingOf(redis: Redis, stream: string): Promise<number> {
  const [count] = (await redis.xpending(stream, group)) as [number];
  return count;
}

/** Reads results as a consumer that never finishes them. */
async function takeAndDie(redis: Redis, stream: string, count: number): Promise<void> {
  await redis.xgroup('CREATE', stream, group, '0', 'MKSTREAM').catch(() => {});
  await redis.xreadgroup('GROUP', group, 'dead', 'COUNT', count, 'STREAMS', stream, '>');
}

describe('a subscriber', () => {
  test('receives every result, and acknowledges it', async () => {
    const { publish, follow, isHandled, isSettled, errors } = setup();
    await publish(aResult('a'), aResult('b', 1, 'failed'));
    follow();
    await isHandled('a:1', 'b:1');
    await publish(aResult('b', 2));
    await isHandled('a:1', 'b:1', 'b:2');
    await isSettled();
    expect(errors).toEqual([]);
  });

  test('starts a new group at the beginning, or with new results only', async () => {
    const { publish, follow, isHandled, redis, keys } = setup();
    await publish(aResult('old'));
    follow({ from: '$' });
    await eventually(async () => expect(await redis.xinfo('GROUPS', keys.results)).toHaveLength(1));
    await publish(aResult('new'));
    await isHandled('new:1');
  });

  test('continues where its group left off', async () => {
    const { publish, follow, isHandled } = setup();
    await publish(aResult('a'));
    const first = follow();
    await isHandled('a:1');
    await first.close();
    await publish(aResult('b'));
    follow({ from: '$' });
    await isHandled('a:1', 'b:1');
  });

  test('shares the results with the other consumers of its group, each delivered once', async () => {
    const { publish, follow, isHandled, isSettled } = setup();
    const ids = Array.from({ length: 200 }, (_, index) => `order-${index}`);
    for (const consumer of ['one', 'two', 'three']) follow({ consumer, retryAfterMs: 5_000 });
    await publish(...ids.map((id) => aResult(id)));
    await isHandled(...ids.map((id) => `${id}:1`));
    await isSettled();
  });

  test('handles no more results concurrently than configured', async () => {
    const { publish, follow, redis, keys, isHandled } = setup();
    const breaker = Promise.withResolvers<void>();
    await publish(...Array.from({ length: 20 }, (_, index) => aResult(`order-${index}`)));
    let most = 0;
    let now = 0;
    follow({
      concurrency: 3,
      async onResult() {
        now += 1;
        most = Math.max(most, now);
        await breaker.promise;
        now -= 1;
      },
    });
    await eventually(() => expect(now).toBe(3));
    expect(await pendingOf(redis, keys.results)).toBe(3);
    breaker.resolve();
    await isHandled(...Array.from({ length: 20 }, (_, index) => `order-${index}:1`));
    expect(most).toBe(3);
  });

  test('is not blocked by one slow handler', async () => {
    const { publish, follow, isHandled } = setup();
    const breaker = Promise.withResolvers<void>();
    await publish(aResult('slow'), ...Array.from({ length: 10 }, (_, index) => aResult(`order-${index}`)));
    follow({ concurrency: 2, onResult: ({ subject }) => (subject === 'slow' ? breaker.promise : undefined) });
    await isHandled(...Array.from({ length: 10 }, (_, index) => `order-${index}:1`));
    breaker.resolve();
  });

  test.each([
    [{ group: 'a:b' }, 'group must be'],
    [{ consumer: '' }, 'consumer must be'],
    [{ concurrency: 0 }, 'concurrency must be'],
    [{ retryAfterMs: Number.NaN }, 'retryAfterMs must be'],
    [{ maxTries: 1.5 }, 'maxTries must be'],
  ])('refuses %j', (options, message) => {
    expect(() => setup().follow(options)).toThrow(message);
  });

  test('works with a copy of any connection, and leaves the original alone', async () => {
    const { publish, follow, isHandled } = setup();
    const mine = new IORedis(testRedisUrl(), {
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: 100,
      keyPrefix: 'mine:',
    });
    onTestFinished(() => mine.disconnect());
    await once(mine, 'ready');
    const subscription = follow({ redis: mine });
    // Longer than the time-out of commands of the original.
    await delay(300);
    await publish(aResult('a'));
    await isHandled('a:1');
    await subscription.close();
    expect(mine.status).toBe('ready');
  });
});

describe('a handler that throws', () => {
  test('gets the result again', async () => {
    const { publish, follow, isHandled, errors, isSettled } = setup();
    await publish(aResult('a'));
    let calls = 0;
    follow({
      onResult() {
        calls += 1;
        if (calls < 3) throw new Error('database is away');
      },
    });
    await isHandled('a:1');
    await isSettled();
    expect(calls).toBe(3);
    expect(errors).toEqual(Array(2).fill({ message: 'database is away', id: 'a:1' }));
  });

  test('gets it again after increasing delays', async () => {
    const { publish, follow, isHandled } = setup();
    await publish(aResult('a'));
    const at: number[] = [];
    follow({
      retryAfterMs: 50,
      onResult() {
        at.push(Date.now());
        if (at.length < 4) throw new Error('still away');
      },
    });
    await isHandled('a:1');
    const waits = at.slice(1).map((each, index) => each - (at[index] ?? 0));
    expect(waits[0]).toBeGreaterThanOrEqual(49);
    expect(waits[1]).toBeGreaterThanOrEqual(99);
    expect(waits[2]).toBeGreaterThanOrEqual(199);
  });

  test('has its result parked after the last try, and the next one of the order is handled', async () => {
    const { publish, follow, isHandled, isSettled, errors, redis, keys } = setup();
    const [streamId] = await publish(aResult('a'), aResult('b'));
    follow({
      maxTries: 2,
      retryAfterMs: 20,
      onResult({ id }) {
        if (id === 'a:1') throw new Error('cannot read this');
      },
    });
    await isHandled('b:1');
    await eventually(() => expect(errors.at(-1)?.message).toBe('Result a:1 is parked: cannot read this'));
    const [parked] = await redis.xrange(keys.parked(group), '-', '+');
    expect(parked?.[1].slice(0, 4)).toEqual(['streamId', streamId, 'reason', 'cannot read this']);
    expect(parked?.[1]).toContain('a:1');
    expect(await redis.xlen(keys.parked(group))).toBe(1);
    await publish(aResult('a', 2));
    await isHandled('b:1', 'a:2');
    await isSettled();
  });

  test('does not block newer results of its order forever; they make it stale', async () => {
    const { publish, follow, isHandled, isSettled } = setup();
    await publish(aResult('a', 1, 'unresolved'), aResult('a', 2));
    follow({
      retryAfterMs: 20,
      onResult({ id }) {
        if (id === 'a:1') throw new Error('cannot handle this');
      },
    });
    await isHandled('a:2');
    await isSettled();
  });

  test('may have an onError listener that throws too', async () => {
    const { publish, follow, isHandled } = setup();
    await publish(aResult('a'));
    let calls = 0;
    follow({
      onResult() {
        calls += 1;
        if (calls === 1) throw 'a string';
      },
      onError() {
        throw new Error('and this throws as well');
      },
    });
    await isHandled('a:1');
  });

  test('in a fifth of all cases, with three consumers: every result is handled, in order', async () => {
    const { publish, follow, isSettled, redis, keys } = setup();
    const events = ids(60).flatMap((id) => [1, 2, 3].map((version) => aResult(id, version, 'unresolved')));
    const failing = new Map(
      events.filter((_, index) => index % 5 === 0).map(({ id }, index) => [id, 1 + (index % 2)]),
    );
    const perOrder = new Map<string, number[]>();
    const busy = new Set<string>();
    const overlaps: string[] = [];
    async function onResult({ id, subject, stateversion }: ResultEvent) {
      if (busy.has(subject)) overlaps.push(id);
      busy.add(subject);
      await delay(stateversion);
      busy.delete(subject);
      const failuresLeft = failing.get(id) ?? 0;
      failing.set(id, failuresLeft - 1);
      if (failuresLeft > 0) throw new Error('one of five fails');
      perOrder.set(subject, [...(perOrder.get(subject) ?? []), stateversion]);
    }
    for (const consumer of ['one', 'two', 'three']) follow({ consumer, onResult, retryAfterMs: 500 });
    await publish(...events);
    await eventually(() => expect([...perOrder.values()].flat()).toHaveLength(events.length));
    await isSettled();
    for (const versions of perOrder.values()) expect(versions).toEqual([1, 2, 3]);
    expect(overlaps).toEqual([]);
    expect(await redis.exists(keys.parked(group))).toBe(0);
  });
});

function ids(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `order-${index}`);
}

describe('a consumer that dies', () => {
  test('has its results taken over by the others', async () => {
    const { publish, follow, isHandled, isSettled, redis, keys } = setup();
    await publish(aResult('a'), aResult('b'));
    await takeAndDie(redis, keys.results, 2);
    follow();
    await isHandled('a:1', 'b:1');
    await isSettled();
  });

  test('on the same result every time has it parked without another try', async () => {
    const { publish, follow, handled, isSettled, errors, redis, keys } = setup();
    const [streamId = ''] = await publish(aResult('a'));
    await takeAndDie(redis, keys.results, 1);
    await redis.xclaim(keys.results, group, 'dead', 0, streamId, 'RETRYCOUNT', 3, 'JUSTID');
    follow({ maxTries: 3, retryAfterMs: 20 });
    await isSettled();
    expect(handled).toEqual([]);
    // onError is called once it is parked, that is, no longer pending.
    await eventually(() => expect(errors.at(-1)?.message).toMatch(/a:1 is parked: delivered 3 times/));
  });

  test('may have held a result that was deleted from the stream', async () => {
    const { publish, follow, isHandled, isSettled, redis, keys } = setup();
    const [streamId = ''] = await publish(aResult('a'), aResult('b'));
    await takeAndDie(redis, keys.results, 2);
    await redis.xdel(keys.results, streamId);
    follow();
    await isHandled('b:1');
    await isSettled();
  });

  test('promise 3: killed in its handler again and again, every result is handled, in order, none skipped', async () => {
    const { publish, redis, prefix, keys } = setup();
    const events = ids(100).flatMap((id) => [1, 2].map((version) => aResult(id, version, 'unresolved')));
    await publish(...events);
    const handled = () => redis.lrange(`${prefix}:handled`, 0, -1);
    const kills = 3;
    for (let kill = 1; kill <= kills; kill += 1) {
      const child = startChild(prefix, `consumer-${kill}`);
      await eventually(async () => expect((await handled()).length).toBeGreaterThan(40 * kill));
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    const last = startChild(prefix, 'last');
    await eventually(async () => {
      expect(new Set(await handled()).size).toBe(events.length);
      expect(await pendingOf(redis, keys.results)).toBe(0);
    });
    last.kill('SIGKILL');
    await once(last, 'exit');

    const all = await handled();
    expect(all.length).toBeLessThanOrEqual(events.length + kills * 5);
    for (const id of ids(100)) expect(all.indexOf(`${id}:1`)).toBeLessThan(all.indexOf(`${id}:2`));
  });
});

function startChild(prefix: string, consumer: string): ChildProcess {
  const file = fileURLToPath(new URL('subscriber-child.ts', import.meta.url));
  const child = spawn(process.execPath, [file, testRedisUrl(), prefix, consumer], { stdio: 'inherit' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

describe('a handler that runs longer than retryAfterMs', () => {
  // A consumer that renews nothing for so long counts as dead, and on a busy machine each stands still now and then.
  const retryAfterMs = 1_000;

  test('keeps its result', async () => {
    const { publish, follow, isHandled, isSettled } = setup();
    await publish(aResult('a'));
    let calls = 0;
    const onResult = async () => {
      calls += 1;
      await delay(2.5 * retryAfterMs);
    };
    for (const consumer of ['one', 'two', 'three']) follow({ consumer, onResult, retryAfterMs });
    await isHandled('a:1');
    await isSettled();
    expect(calls).toBe(1);
  });

  test('is not overtaken by a newer result of its order', async () => {
    const { publish, follow, isHandled, handled } = setup();
    const onResult = ({ stateversion }: ResultEvent) =>
      stateversion === 1 ? delay(2 * retryAfterMs) : delay(0);
    for (const consumer of ['one', 'two']) follow({ consumer, onResult, concurrency: 1, retryAfterMs });
    await publish(aResult('a', 1, 'unresolved'), aResult('a', 2));
    await isHandled('a:1', 'a:2');
    expect(handled).toEqual(['a:1', 'a:2']);
  });
});

describe('the version guard', () => {
  test('skips a result that comes after a newer one', async () => {
    const { publish, follow, isHandled, isSettled } = setup();
    await publish(aResult('a', 2), aResult('a', 1, 'unresolved'));
    follow();
    await isHandled('a:2');
    await isSettled();
  });

  test('skips handled results after the group was reset to the beginning', async () => {
    const { publish, follow, isHandled, isSettled, redis, keys, handled } = setup();
    await publish(aResult('a'), aResult('b'));
    follow();
    await isHandled('a:1', 'b:1');
    await isSettled();
    await redis.xgroup('SETID', keys.results, group, '0');
    await publish(aResult('c'));
    await isHandled('a:1', 'b:1', 'c:1');
    await isSettled();
    expect(handled).toHaveLength(3);
  });

  test('is kept per group', async () => {
    const { publish, follow, isHandled } = setup();
    await publish(aResult('a'));
    follow();
    await isHandled('a:1');
    follow({ group: 'books' });
    await isHandled('a:1', 'a:1');
  });
});

describe('an order id that is reused', () => {
  const later = createdAt + 100 * 86_400_000;

  test('is another order: its results are handled, those of the first order never again', async () => {
    const { publish, follow, isHandled, isSettled, redis, keys, handled } = setup();
    await publish(aResult('a', 1, 'unresolved'), aResult('a', 2, 'unresolved'), aResult('a', 3));
    follow();
    await isHandled('a:1', 'a:2', 'a:3');
    await publish(aResult('a', 1, 'unresolved', later));
    await isHandled('a:1', 'a:2', 'a:3', 'a:1');
    await publish(aResult('a', 2, 'paid', later + 1));
    await isHandled('a:1', 'a:2', 'a:3', 'a:1', 'a:2');
    await isSettled();
    await redis.xgroup('SETID', keys.results, group, '0');
    await publish(aResult('b'));
    await isHandled('a:1', 'a:2', 'a:3', 'a:1', 'a:2', 'b:1');
    await isSettled();
    expect(handled.slice(3)).toEqual(['a:1', 'a:2', 'b:1']);
  });

  test('gets its results in order, although one of the same version was handled before', async () => {
    const { publish, follow, isHandled, handled } = setup();
    await publish(aResult('a'));
    follow({ concurrency: 1 });
    await isHandled('a:1');
    const slow = ({ stateversion, time }: ResultEvent) =>
      stateversion === 1 && Date.parse(time) >= later ? delay(400) : delay(0);
    const options = { onResult: slow, concurrency: 1, retryAfterMs: 1_000 };
    for (const consumer of ['two', 'three']) follow({ consumer, ...options });
    await publish(aResult('a', 1, 'unresolved', later), aResult('a', 2, 'paid', later + 1));
    await isHandled('a:1', 'a:1', 'a:2');
    expect(handled).toEqual(['a:1', 'a:1', 'a:2']);
  });

  test('differs from republication: a republished result is skipped', async () => {
    const { publish, follow, isHandled, isSettled, handled } = setup();
    await publish(aResult('a', 1, 'unresolved'), aResult('a', 2));
    follow();
    await isHandled('a:1', 'a:2');
    await publish(aResult('a', 2), aResult('a', 1, 'unresolved'));
    await publish(aResult('b'));
    await isHandled('a:1', 'a:2', 'b:1');
    await isSettled();
    expect(handled).toHaveLength(3);
  });
});

describe('delivery state of another type', () => {
  test('loses no result, and is replaced', async () => {
    const { publish, follow, isHandled, isSettled, redis, keys } = setup();
    const notes = deliveryStateKey(keys, group, 'a');
    await redis.set(notes, 'broken');
    await redis.rpush(keys.handling(group, 'a'), 'broken');
    await publish(aResult('a'));
    follow();
    await isHandled('a:1');
    await isSettled();
    expect(await redis.hgetall(notes)).toEqual({ a: expect.stringMatching(/^1 \d+-\d+ \d+$/) });
    await redis.hset(notes, 'b', 'broken');
    await publish(aResult('b'));
    await isHandled('a:1', 'b:1');
  });

  test('in place of the parked stream does not block other results', async () => {
    const { publish, follow, isHandled, redis, keys, errors } = setup();
    await redis.set(keys.parked(group), 'broken');
    await redis.xadd(keys.results, '*', 'hello', 'world');
    follow({ concurrency: 1 });
    await publish(aResult('a'), aResult('b'));
    await isHandled('a:1', 'b:1');
    // A result is acknowledged after it was handled.
    await eventually(async () => expect(await pendingOf(redis, keys.results)).toBe(1));
    expect(errors[0]?.message).toMatch(/^WRONGTYPE/);
    await redis.del(keys.parked(group));
    await eventually(async () => expect(await redis.xlen(keys.parked(group))).toBe(1));
  });
});

test('results that wait for their next try, however many, do not hide those of a dead consumer', async () => {
  const { publish, follow, redis, keys, handled } = setup();
  const waiting = Array.from({ length: 6_000 }, (_, nth) => aResult(`waiting-${nth}`));
  for (let from = 0; from < waiting.length; from += 1_000)
    await publish(...waiting.slice(from, from + 1_000));
  await takeAndDie(redis, keys.results, waiting.length);
  const ids = (await redis.xrange(keys.results, '-', '+')).map(([id]) => id);
  // Delivered just now for the fifth time, so their next try is due in more than a minute.
  await redis.xclaim(keys.results, group, 'dead', 0, ...ids, 'RETRYCOUNT', 10, 'JUSTID');
  await publish(aResult('left'));
  await takeAndDie(redis, keys.results, 1);
  follow({ retryAfterMs: 200, maxTries: 100 });
  await eventually(() => expect(handled).toEqual(['left:1']));
});

describe('an entry that is not a result', () => {
  test('is parked and reported', async () => {
    const { follow, publish, isHandled, isSettled, errors, redis, keys } = setup();
    const streamId = await redis.xadd(keys.results, '*', 'hello', 'world');
    await publish(aResult('a'));
    follow();
    await isHandled('a:1');
    await isSettled();
    const [parked] = await redis.xrange(keys.parked(group), '-', '+');
    const reason = 'not a result of payment-poller';
    expect(parked?.[1]).toEqual(['streamId', streamId, 'reason', reason, 'hello', 'world']);
    await eventually(() =>
      expect(errors).toEqual([{ message: `Result ${streamId} is parked: ${reason}`, id: null }]),
    );
  });
});

describe('a stream', () => {
  test('that is deleted is read again from the start', async () => {
    const { publish, follow, isHandled, redis, keys } = setup();
    await publish(aResult('a'));
    follow();
    await isHandled('a:1');
    await redis.del(keys.results);
    await publish(aResult('b'));
    await isHandled('a:1', 'b:1');
  });

  test('whose group is destroyed is read again, and nothing is handled twice', async () => {
    const { publish, follow, isHandled, redis, keys } = setup();
    await publish(aResult('a'));
    follow();
    await isHandled('a:1');
    await redis.xgroup('DESTROY', keys.results, group);
    await publish(aResult('b'));
    await isHandled('a:1', 'b:1');
  });
});

describe('close', () => {
  test('waits for the running handler, and releases results that were not started', async () => {
    const { publish, follow, isHandled, redis, keys } = setup();
    const breaker = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    await publish(aResult('a', 1, 'unresolved'), aResult('a', 2));
    const first = follow({
      retryAfterMs: 60_000,
      async onResult() {
        begun.resolve();
        await breaker.promise;
      },
    });
    await begun.promise;
    const closed = first.close();
    breaker.resolve();
    await closed;
    await isHandled('a:1');
    expect(await pendingOf(redis, keys.results)).toBe(1);
    follow({ consumer: 'two', retryAfterMs: 60_000 });
    await isHandled('a:1', 'a:2');
  });

  test('removes an idle consumer from the group, and may be called twice', async () => {
    const { follow, publish, isHandled, redis, keys, isSettled } = setup();
    await publish(aResult('a'));
    const subscription = follow();
    await isHandled('a:1');
    await isSettled();
    await Promise.all([subscription.close(), subscription.close()]);
    expect(await redis.xinfo('CONSUMERS', keys.results, group)).toEqual([]);
  });
});

describe.runIf(redisServer !== undefined)('when Redis goes away', () => {
  test('the subscriber continues when it is back, and nothing is lost', async () => {
    const server = await startRestartableRedis();
    const { publish, follow, isHandled, isSettled, errors, handled } = setup(server.url);
    const breaker = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    await publish(aResult('a'), aResult('b'));
    follow({
      retryAfterMs: 30_000,
      async onResult({ subject }) {
        if (subject !== 'b') return;
        begun.resolve();
        await breaker.promise;
      },
    });
    await isHandled('a:1');
    await begun.promise;
    await server.kill();
    // If a handler ends while Redis is away, its result is acknowledged afterwards.
    breaker.resolve();
    await isHandled('a:1', 'b:1');
    await eventually(() => expect(errors.length).toBeGreaterThan(0));
    await server.start();
    await publish(aResult('c'));
    await isHandled('a:1', 'b:1', 'c:1');
    await isSettled();
    expect(handled).toHaveLength(3);
  });

  test('close does not wait for it', async () => {
    const server = await startRestartableRedis();
    const { publish, follow, isHandled, errors } = setup(server.url);
    const subscription = follow();
    await publish(aResult('a'));
    await isHandled('a:1');
    await server.kill();
    await eventually(() => expect(errors.at(-1)?.message).toContain('Redis does not answer'));
    // It stays away: to wait for it would be to wait for ever.
    await subscription.close();
  });

  test('a subscriber may start before Redis', async () => {
    const server = await startRestartableRedis();
    await server.kill();
    const { publish, follow, isHandled, errors } = setup(server.url);
    follow();
    await eventually(() => expect(errors.at(-1)?.message).toContain('Redis does not answer'));
    await server.start();
    await publish(aResult('a'));
    await isHandled('a:1');
  });
});
