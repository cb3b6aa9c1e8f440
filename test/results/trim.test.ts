import { describe, expect, test } from 'vitest';
import { createKeys } from '../../src/redis/keys.ts';
import { groupPositions, trimResults } from '../../src/results/trim.ts';
import { testPrefix, testRedis } from '../support/redis.ts';

/** Redis trims whole stream nodes, which hold this many entries. */
const perNode = 100;

/** A stream with a full node of entries at each of the given milliseconds. */
async function setup(...atMs: readonly number[]) {
  const redis = testRedis();
  const { results } = createKeys(testPrefix());
  const idsAt = (ms: number) => Array.from({ length: perNode }, (_, sequence) => `${ms}-${sequence}`);
  const fill = redis.pipeline();
  for (const id of atMs.flatMap(idsAt)) fill.xadd(results, id, 'field', 'value');
  await fill.exec();
  return {
    ...{ redis, results },
    group: (name: string) => redis.xgroup('CREATE', results, name, '0'),
    /** Delivers the entries of so many further milliseconds to a consumer. */
    take: (name: string, nodes: number) =>
      redis.xreadgroup('GROUP', name, 'one', 'COUNT', nodes * perNode, 'STREAMS', results, '>'),
    acknowledge: (name: string, ...ms: number[]) => redis.xack(results, name, ...ms.flatMap(idsAt)),
    trim: (before: number) => trimResults(redis, results, before),
    /** The milliseconds that still have entries. */
    async left() {
      const ids = (await redis.xrange(results, '-', '+')).map(([id]) => Number(id.split('-')[0]));
      return [...new Set(ids)];
    },
  };
}

describe('trimming the results', () => {
  test('removes old entries if there is no group', async () => {
    const { trim, left } = await setup(100, 200, 300);
    expect(await trim(250)).toBe(2 * perNode);
    expect(await left()).toEqual([300]);
  });

  test('keeps young entries, whatever the positions of the groups', async () => {
    const { trim, left, group, take, acknowledge } = await setup(100, 200, 300);
    await group('shop');
    await take('shop', 3);
    await acknowledge('shop', 100, 200, 300);
    await trim(150);
    expect(await left()).toEqual([200, 300]);
  });

  test('keeps entries that were not delivered to a group', async () => {
    const { trim, left, group, take, acknowledge } = await setup(100, 200, 300);
    await group('shop');
    await group('books');
    await take('shop', 3);
    await acknowledge('shop', 100, 200, 300);
    expect(await trim(1_000)).toBe(0);
    await take('books', 1);
    await acknowledge('books', 100);
    await trim(1_000);
    expect(await left()).toEqual([100, 200, 300]);
    await take('books', 1);
    await acknowledge('books', 200);
    await trim(1_000);
    expect(await left()).toEqual([200, 300]);
  });

  test('keeps delivered entries that are not acknowledged, and all after them', async () => {
    const { trim, left, group, take, acknowledge } = await setup(100, 200, 300);
    await group('shop');
    await take('shop', 3);
    await acknowledge('shop', 100, 300);
    await trim(1_000);
    expect(await left()).toEqual([200, 300]);
  });

  test('keeps a delivered, unacknowledged entry in the middle of a node', async () => {
    const { redis, results, trim, left, group, take } = await setup(100, 200, 300);
    await group('shop');
    await take('shop', 3);
    const ids = (await redis.xrange(results, '-', '+')).map(([id]) => id);
    await redis.xack(results, 'shop', ...ids.filter((id) => id !== '200-50'));
    await trim(1_000);
    expect(await left()).toEqual([200, 300]);
    expect(await redis.xrange(results, '200-50', '200-50')).toHaveLength(1);
  });

  test('keeps everything for a group that has acknowledged nothing, and for one that started late', async () => {
    const { redis, results, trim, left, group, take } = await setup(100, 200);
    await group('shop');
    await take('shop', 2);
    await redis.xgroup('CREATE', results, 'late', '$');
    expect(await trim(1_000)).toBe(0);
    expect(await left()).toEqual([100, 200]);
  });

  test('keeps the last id, so that ids never repeat, even when all entries are removed', async () => {
    const { redis, results, trim, left } = await setup(100, 200);
    expect(await trim(1_000)).toBe(2 * perNode);
    expect(await left()).toEqual([]);
    const next = await redis.xadd(results, '*', 'field', 'value');
    expect(Number(next?.split('-')[0])).toBeGreaterThan(200);
    await expect(redis.xadd(results, '150-0', 'field', 'value')).rejects.toThrow(/equal or smaller/);
  });

  test('removes a backlog of 60,000 in one call, never more than 5,000 with one command', async () => {
    const { redis, results, trim } = await setup();
    const fill = "for i = 1, 60000 do redis.call('XADD', KEYS[1], i .. '-0', 'field', 'value') end";
    await redis.eval(fill, 1, results);
    const steps: number[] = [];
    const watched: typeof redis = Object.create(redis, {
      xtrim: {
        value: async (...args: Parameters<typeof redis.xtrim>) => {
          steps.push(await redis.xtrim(...args));
          return steps.at(-1);
        },
      },
    });
    expect(await trimResults(watched, results, 60_001)).toBe(60_000);
    expect(Math.max(...steps)).toBeLessThanOrEqual(5_000);
    expect(await trim(60_001)).toBe(0);
    expect(await redis.xlen(results)).toBe(0);
  });

  test('does nothing if there is no stream', async () => {
    const { trim } = await setup();
    expect(await trim(1_000)).toBe(0);
  });

  test('compares ids as numbers', async () => {
    const { trim, left, group, take, acknowledge } = await setup(99, 1_000);
    await group('shop');
    await take('shop', 1);
    await acknowledge('shop', 99);
    await trim(2_000);
    expect(await left()).toEqual([99, 1_000]);
  });
});

test('the position of a group counts undelivered and unacknowledged entries', async () => {
  const { redis, results, group, take, acknowledge } = await setup(100, 200, 300);
  expect(await groupPositions(redis, results)).toEqual([]);
  await group('shop');
  expect(await groupPositions(redis, results)).toEqual([
    { group: 'shop', lag: 3 * perNode, pending: 0, acknowledgedBelow: '0-0', oldestAt: 100 },
  ]);
  await take('shop', 2);
  await acknowledge('shop', 100);
  expect(await groupPositions(redis, results)).toEqual([
    { group: 'shop', lag: perNode, pending: perNode, acknowledgedBelow: '200-0', oldestAt: 200 },
  ]);
  await acknowledge('shop', 200);
  expect(await groupPositions(redis, results)).toMatchObject([{ pending: 0, oldestAt: 300 }]);
  await take('shop', 1);
  await acknowledge('shop', 300);
  expect(await groupPositions(redis, results)).toMatchObject([{ lag: 0, pending: 0, oldestAt: null }]);
});
