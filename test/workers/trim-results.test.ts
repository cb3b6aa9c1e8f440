import { describe, expect, test } from 'vitest';
import { createKeys } from '../../src/orders/keys.ts';
import { trimResults } from '../../src/results/trim-results.ts';
import { testPrefix, testRedis } from '../support/redis.ts';

const redis = testRedis();
/** Redis trims whole blocks of this many entries only. */
const block = 100;
const entries = 10 * block;

/** A stream of `entries` results, the nth published at n ms after 1970. */
async function aStream(): Promise<string> {
  const { results } = createKeys(testPrefix());
  const pipeline = redis.pipeline();
  for (let n = 1; n <= entries; n++) pipeline.xadd(results, `${n}-0`, 'nth', String(n));
  await pipeline.exec();
  return results;
}

async function left(stream: string): Promise<number[]> {
  return (await redis.xrange(stream, '-', '+')).map(([, [, nth]]) => Number(nth));
}

async function read(stream: string, group: string, count: number): Promise<string[]> {
  const reply = (await redis.xreadgroup('GROUP', group, 'c', 'COUNT', count, 'STREAMS', stream, '>')) as
    | [string, [string, string[]][]][]
    | null;
  return (reply?.[0]?.[1] ?? []).map(([id]) => id);
}

describe('the results', () => {
  test('without groups go by age alone', async () => {
    const stream = await aStream();
    await trimResults(redis, stream, 501);
    const rest = await left(stream);
    expect(rest[0]).toBeLessThanOrEqual(501);
    expect(rest[0]).toBeGreaterThan(501 - 2 * block);
    expect(rest.at(-1)).toBe(entries);
  });

  test('stay when they are young, whatever was acknowledged', async () => {
    const stream = await aStream();
    await redis.xgroup('CREATE', stream, 'g', '0');
    await redis.xack(stream, 'g', ...(await read(stream, 'g', entries)));
    expect(await trimResults(redis, stream, 0)).toBe(0);
    expect(await left(stream)).toHaveLength(entries);
  });

  test('stay for a group that has read nothing yet', async () => {
    const stream = await aStream();
    await redis.xgroup('CREATE', stream, 'lazy', '0');
    await trimResults(redis, stream, Date.now());
    expect(await left(stream)).toHaveLength(entries);
  });

  test('stay for a group that has read them and acknowledged none', async () => {
    const stream = await aStream();
    await redis.xgroup('CREATE', stream, 'g', '0');
    await read(stream, 'g', entries);
    await trimResults(redis, stream, Date.now());
    expect(await left(stream)).toHaveLength(entries);
  });

  test('stay from the oldest one that is not acknowledged, though later ones are', async () => {
    const stream = await aStream();
    await redis.xgroup('CREATE', stream, 'g', '0');
    const ids = await read(stream, 'g', entries);
    await redis.xack(stream, 'g', ...ids.filter((id) => id !== '450-0'));
    await trimResults(redis, stream, Date.now());
    const rest = await left(stream);
    expect(rest[0]).toBeLessThanOrEqual(450);
    expect(rest[0]).toBeGreaterThan(250);
    expect(rest.at(-1)).toBe(entries);
  });

  test('stay for the slowest of several groups', async () => {
    const stream = await aStream();
    for (const [group, count] of [
      ['fast', entries],
      ['slow', 300],
    ] as const) {
      await redis.xgroup('CREATE', stream, group, '0');
      await redis.xack(stream, group, ...(await read(stream, group, count)));
    }
    await trimResults(redis, stream, Date.now());
    const rest = await left(stream);
    expect(rest[0]).toBeLessThanOrEqual(301);
    expect(rest).toEqual(Array.from({ length: rest.length }, (_, n) => entries - rest.length + n + 1));
  });

  test('of a stream that does not exist are no error', async () => {
    expect(await trimResults(redis, createKeys(testPrefix()).results, Date.now())).toBe(0);
  });

  test('never lose the number that the next entry gets, even when all are gone', async () => {
    const stream = await aStream();
    await trimResults(redis, stream, Date.now());
    const id = await redis.xadd(stream, '*', 'nth', 'next');
    expect(Number(id?.split('-')[0])).toBeGreaterThan(entries);
  });
});
