import { isWrongType, type Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { type IndexRange, orderIdOfMember, rangeOf } from './lookup-index.ts';

/** Most orders of one name that a callback can hint at. Orders beyond it are still polled on schedule. */
const namedLimit = 200;

/** The orders that an account's provider knows by one of these names, at most `namedLimit` per name. */
export async function ordersNamed(
  redis: Redis,
  keys: Keys,
  account: string,
  names: readonly string[],
): Promise<string[]> {
  const known = await Promise.all(
    names.map(async (name) => {
      const range = rangeOf(keys, { kind: 'reference', value: name }, account);
      const [indexed, older] = await Promise.all([
        latestInRange(redis, range),
        someFields(redis, keys.reference(account, name)),
      ]);
      return [...indexed, ...older].slice(0, namedLimit);
    }),
  );
  return [...new Set(known.flat())];
}

/** The orders of an account that are known by one of these receipts, each from the provider or as their reference. */
export async function ordersWithReceipts(
  redis: Redis,
  keys: Keys,
  account: string,
  receipts: readonly string[],
): Promise<string[]> {
  const ranges = receipts.flatMap((value) =>
    (['receipt', 'reference'] as const).map((kind) => rangeOf(keys, { kind, value }, account)),
  );
  const found = await Promise.all(ranges.map((range) => latestInRange(redis, range)));
  return [...new Set(found.flat())];
}

/** The orders in a range of the index, latest first; none if the key has another type. */
async function latestInRange(redis: Redis, { key, prefix }: IndexRange): Promise<string[]> {
  try {
    // Members are ASCII, so all that begin with the prefix sort before it with a letter beyond ASCII.
    const range = [`[${prefix}\u00ff`, `[${prefix}`] as const;
    const members = await redis.zrevrangebylex(key, ...range, 'LIMIT', 0, namedLimit);
    return members.map(orderIdOfMember);
  } catch (error) {
    if (!isWrongType(error)) throw error;
    return [];
  }
}

/** Up to `namedLimit` fields of a hash, in which earlier releases listed orders; none if the key has another type. */
async function someFields(redis: Redis, key: string): Promise<string[]> {
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
