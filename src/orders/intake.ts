import { isWrongType, type Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';

/** Whether orders still come in. */
export interface Intake {
  /** When the newest order was created, epoch ms; `null` where there is none. */
  readonly newestAt: number | null;
  /** On how many of the seven days before the last 24 hours orders were created. */
  readonly daysWithOrders: number;
}

const dayMs = 86_400_000;
const days = 7;

/** Reads the figures from the sorted sets of orders by age, in a bounded number of commands. */
export async function readIntake(redis: Redis, keys: Keys, now: number): Promise<Intake> {
  const all = [keys.asking, keys.settled];
  const newest = await Promise.all(all.map((key) => newestIn(redis, key)));
  const times = newest.filter((at) => at !== null);
  const counts = await Promise.all(
    Array.from({ length: days }, (_, day) => {
      const end = now - (day + 1) * dayMs;
      return Promise.all(all.map((key) => redis.zcount(key, end - dayMs, `(${end}`).catch(noneIfWrongType)));
    }),
  );
  return {
    newestAt: times.length === 0 ? null : Math.max(...times),
    daysWithOrders: counts.filter((ofDay) => ofDay.some((count) => count > 0)).length,
  };
}

async function newestIn(redis: Redis, key: string): Promise<number | null> {
  const [, createdAt] = await redis.zrange(key, '-1', '-1', 'WITHSCORES').catch((error: unknown) => {
    noneIfWrongType(error);
    return [];
  });
  return createdAt === undefined ? null : Number(createdAt);
}

function noneIfWrongType(error: unknown): number {
  if (isWrongType(error)) return 0;
  throw error;
}
