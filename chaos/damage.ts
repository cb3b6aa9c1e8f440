import { readFileSync } from 'node:fs';
import type { Redis } from '../src/redis/connection.ts';

const mendScript = readFileSync(new URL('./mend-damage.lua', import.meta.url), 'utf8');
const rubbish = 'not what belongs here';

/**
 * Puts a text where Redis held something else, as a careless command does. Returns what mends it: what was there is put
 * back, beside what the service may have written since.
 */
export async function damage(redis: Redis, key: string): Promise<() => Promise<void>> {
  const kept = `${key}:kept-by-chaos`;
  if ((await redis.exists(key)) === 1) await redis.multi().rename(key, kept).set(key, rubbish).exec();
  else await redis.setnx(key, rubbish);
  return async () => {
    await redis.eval(mendScript, 2, key, kept, rubbish);
  };
}

/** Takes a command away from a user of Redis. Returns what gives it back. */
export async function forbid(redis: Redis, user: string, command: string): Promise<() => Promise<void>> {
  await redis.call('ACL', 'SETUSER', user, `-${command}`);
  return async () => {
    await redis.call('ACL', 'SETUSER', user, `+${command}`);
  };
}
