import { expect, test } from 'vitest';
import { readIntake } from '../../src/orders/intake.ts';
import { verdictFigures } from '../../src/orders/verdict-figures.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { memoryShareOf } from '../../src/redis/memory.ts';
import { testPrefix, testRedis } from '../support/redis.ts';

const hour = (counters: { readonly [name: string]: number } = {}) => ({ hour: '', counters });
const quietDay = Array.from({ length: 20 }, () => hour());

test('the rise of failures compares two hours with the day before', () => {
  const hours = [
    ...quietDay,
    ...[hour({ 'first:paid:a': 80, 'first:other:a': 10 }), hour({ 'first:paid:a': 10 })],
    ...[hour({ 'first:paid:a': 5, 'first:other:a': 9 }), hour({ 'first:other:a': 6 })],
  ];
  const [{ failureRise } = { failureRise: null }] = verdictFigures(hours);
  expect(failureRise).toBeCloseTo(0.75 - 0.1);
});

test('with few verdicts on either side there is no rise', () => {
  const few = hour({ 'first:other:a': 19 });
  const many = hour({ 'first:paid:a': 50 });
  const rise = (before: ReturnType<typeof hour>, now: ReturnType<typeof hour>) =>
    verdictFigures([...quietDay, before, hour(), hour(), now])[0]?.failureRise;
  expect(rise(many, few)).toBeNull();
  expect(rise(few, many)).toBeNull();
  expect(rise(many, hour({ 'first:other:a': 20 }))).toBe(1);
});

test('underpaid verdicts are counted by account over all hours', () => {
  const hours = [
    hour({ 'underpaid:a': 1 }),
    ...quietDay,
    hour({ 'underpaid:a': 2, 'underpaid:shop-2': 1, 'status:paid': 5 }),
  ];
  expect(verdictFigures(hours)).toEqual([
    { account: 'a', underpaid: 3, failureRise: null },
    { account: 'shop-2', underpaid: 1, failureRise: null },
  ]);
});

test('the intake knows the newest order and the days with orders, open or settled', async () => {
  const [redis, keys] = [testRedis(), createKeys(testPrefix())];
  const day = 86_400_000;
  const now = 1_800_000_000_000;
  expect(await readIntake(redis, keys, now)).toEqual({ newestAt: null, daysWithOrders: 0 });
  await redis.zadd(keys.settled, now - 1.5 * day, 'a', now - 1.6 * day, 'b', now - 7.5 * day, 'c');
  await redis.zadd(keys.asking, now - 3.5 * day, 'd', now - 9 * day, 'e');
  expect(await readIntake(redis, keys, now)).toEqual({ newestAt: now - 1.5 * day, daysWithOrders: 3 });
  await redis.zadd(keys.asking, now - 1_000, 'f');
  expect(await readIntake(redis, keys, now)).toEqual({ newestAt: now - 1_000, daysWithOrders: 3 });
});

test('the share of memory is that of maxmemory, or of the machine', () => {
  const info = (maxmemory: number) =>
    `# Memory\r\nused_memory:250\r\nused_memory_rss:900\r\ntotal_system_memory:1000\r\nmaxmemory:${maxmemory}\r\n`;
  expect(memoryShareOf(info(500))).toBe(0.5);
  expect(memoryShareOf(info(0))).toBe(0.25);
  expect(memoryShareOf('# Memory\r\nused_memory:250\r\n')).toBeNull();
});
