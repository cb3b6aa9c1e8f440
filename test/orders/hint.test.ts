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

describe('a wish for a poll', () => {
  test('is served by a regular poll that comes sooner', async () => {
    const store = setup();
    await store.open(anOrder(), createdAt + 1_500, []);
    expect(await store.hint('ord-1', createdAt, leastMs)).toEqual({ outcome: 'wake', at: createdAt });
    expect(await store.hint('ord-1', createdAt + 10, leastMs)).toEqual({
      outcome: 'wake',
      at: createdAt + 1_500,
    });
  });

  test('that follows another keeps its distance, also while the poll that was due is under way', async () => {
    const store = setup();
    await store.open(anOrder(), createdAt - 50, []);
    expect(await store.hint('ord-1', createdAt, leastMs)).toEqual({ outcome: 'wake', at: createdAt });
    expect(await store.hint('ord-1', createdAt + 10, leastMs)).toEqual({
      outcome: 'wake',
      at: createdAt + leastMs,
    });
    expect(await store.hint('ord-1', createdAt + 20, leastMs)).toEqual({ outcome: 'waiting' });
  });
});
