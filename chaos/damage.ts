import type { Redis } from '../src/redis/connection.ts';

const rubbish = 'not what belongs here';

/**
 * Puts a text where Redis held something else, as a careless command does. Returns what mends it: what was there is put
 * back, beside what the service may have written since.
 */
export async function damage(redis: Redis, key: string): Promise<() => Promise<void>> {
  const kept = `${key}:kept-by-chaos`;
  const wasThere = (await redis.exists(key)) === 1;
  if (wasThere) await redis.multi().rename(key, kept).set(key, rubbish).exec();
  else await redis.setnx(key, rubbish);
  return async () => {
    if ((await redis.get(key).catch(() => null)) === rubbish) await redis.del(key);
    if (!wasThere) return;
    const type = await redis.type(key);
    if (type === 'zset') await redis.zunionstore(kept, 2, kept, key);
    if (type === 'hash') await redis.hset(kept, await redis.hgetall(key));
    await redis.rename(kept, key);
  };
}

/** Takes a command away from a user of Redis. Returns what gives it back. */
export async function forbid(redis: Redis, user: string, command: string): Promise<() => Promise<void>> {
  await redis.call('ACL', 'SETUSER', user, `-${command}`);
  return async () => {
    await redis.call('ACL', 'SETUSER', user, `+${command}`);
  };
}
