import type { Redis } from './connection.ts';

/** Share of Redis' memory limit in use; without `maxmemory`, of the memory of its machine. `null` where Redis does not tell. */
export async function readMemoryShare(redis: Redis): Promise<number | null> {
  return memoryShareOf(await redis.info('memory'));
}

/** The same, from the reply to `INFO memory`. */
export function memoryShareOf(info: string): number | null {
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  const limit = field('maxmemory') || field('total_system_memory');
  return limit === 0 ? null : field('used_memory') / limit;
}
