import { describe, expect, test } from 'vitest';
import { createOrderStore } from '../../src/orders/store.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { anOrder, createdAt } from '../support/builders.ts';
import { testPrefix, testRedis } from '../support/redis.ts';

const redis = testRedis();
const leastMs = 2_000;

function setup() {
  return createOrderStore({ redis, keys: createKeys(testPrefix()), retentionMs: 60_000 });
}

describe('a poll request', () => {
  test('is served by a scheduled poll that comes earlier', async () => {
    const store = setup();
    await store.open(anOrder(), createdAt + 1_500, []);
    expect(await store.hint('ord-1', createdAt, leastMs)).toEqual({ outcome: 'promote', at: createdAt });
    expect(await store.hint('ord-1', createdAt + 10, leastMs)).toEqual({
      outcome: 'promote',
      at: createdAt + 1_500,
    });
  });

  test('keeps the least interval to the one before, even while a due poll is in flight', async () => {
    const store = setup();
    await store.open(anOrder(), createdAt - 50, []);
    expect(await store.hint('ord-1', createdAt, leastMs)).toEqual({ outcome: 'promote', at: createdAt });
    expect(await store.hint('ord-1', createdAt + 10, leastMs)).toEqual({
      outcome: 'promote',
      at: createdAt + leastMs,
    });
    expect(await store.hint('ord-1', createdAt + 20, leastMs)).toEqual({ outcome: 'waiting' });
  });
});
