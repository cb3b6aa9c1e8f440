import { describe, expect, test } from 'vitest';
import { testPrefix, testRedis } from '../../test/support/redis.ts';
import { damage } from '../damage.ts';

const redis = testRedis();

describe('a key that is damaged and mended', () => {
  test('is what it was', async () => {
    const key = testPrefix();
    await redis.zadd(key, 1, 'a');
    const mend = await damage(redis, key);
    await expect(redis.zadd(key, 2, 'b')).rejects.toThrow('WRONGTYPE');
    await mend();
    expect(await redis.zrange(key, '0', '-1', 'WITHSCORES')).toEqual(['a', '1']);
  });

  test('keeps what somebody wrote who had removed the damage', async () => {
    const key = testPrefix();
    await redis.hset(key, 'a', 1, 'b', 1);
    const mend = await damage(redis, key);
    await redis.del(key);
    await redis.hset(key, 'b', 2);
    await mend();
    expect(await redis.hgetall(key)).toEqual({ a: '1', b: '2' });
  });

  test('is gone again when it was not there before', async () => {
    const key = testPrefix();
    const mend = await damage(redis, key);
    expect(await redis.type(key)).toBe('string');
    await mend();
    expect(await redis.exists(key)).toBe(0);
  });
});
