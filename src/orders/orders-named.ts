import { isWrongType, type Redis } from '../redis/connection.ts';

/** Most orders of one name that a callback can hint at. Orders beyond it are still polled on schedule. */
const namedLimit = 200;

/** Up to `namedLimit` fields of a hash; none if the key has another type. */
export async function someFields(redis: Redis, key: string): Promise<string[]> {
  const fields: string[] = [];
  let cursor = '0';
  try {
    do {
      const [next, found] = await redis.hscan(key, cursor, 'COUNT', namedLimit);
      fields.push(...found.filter((_, nth) => nth % 2 === 0));
      cursor = next;
    } while (cursor !== '0' && fields.length < namedLimit);
  } catch (error) {
    if (!isWrongType(error)) throw error;
  }
  return fields.slice(0, namedLimit);
}
