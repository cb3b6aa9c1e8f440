import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';
import {
  entriesOf,
  type IndexEntry,
  type IndexRange,
  idPlace,
  indexKeys,
  memberAt,
  receiptEntriesOf,
} from './lookup-index.ts';
import type { OrderRecord } from './record.ts';

const latestScript = loadScript('latest', import.meta.url);
const fieldsScript = loadScript('read-fields', import.meta.url);
const reindexScript = loadScript('reindex', import.meta.url);
const forgetScript = loadScript('forget-indexed', import.meta.url);

/** A place among the orders, latest first: right after this order, which may be gone by now. */
export interface Place {
  readonly createdAt: number;
  readonly orderId: string;
}

/** Reads the order lists and the index, and keeps them in agreement with the records. Never writes a record. */
export interface OrderIndex {
  /**
   * The orders after a place, latest first.
   *
   * @param after `null`: from the latest
   * @param least earliest `createdAt`
   * @param only `asking`: only orders without a verdict; `settled`: only those with one
   */
  latest(after: Place | null, count: number, least: number, only: Listed | null): Promise<Place[]>;
  /**
   * The members of a range, latest first within each account.
   *
   * @param afterTail continue after the member with this tail; `null` from the start
   */
  inRange(range: IndexRange, afterTail: string | null, count: number): Promise<string[]>;
  /** Some fields of many records; an empty list for one that is missing or cannot be read. */
  fields(orderIds: readonly string[], names: readonly string[]): Promise<(string | null)[][]>;
  /** Which of these entries are missing, `orderId` from the list of its phase included. */
  areIndexed(orders: readonly Indexed[]): Promise<boolean[]>;
  /** Adds all entries of an order again. */
  reindex(record: OrderRecord, names: readonly string[], metadataKeys: readonly string[]): Promise<void>;
  /** Removes entries of orders that no longer exist, among a bounded number of entries per call. Returns how many. */
  forget(): Promise<number>;
}

/** The two lists which together hold every order. */
export type Listed = 'asking' | 'settled';

/** What `areIndexed` checks of an order. */
export interface Indexed {
  readonly orderId: string;
  readonly list: Listed;
  readonly entries: readonly IndexEntry[];
}

/** Entries that one script examines in one sorted set, which other clients of Redis wait for. */
const windowSize = 500;
/** Windows of the list of settled orders per `forget`, and keys of the index: all of them are examined in eight calls. */
const windowsPerCall = 40;
const keysPerCall = 2_048;
const keysPerScript = 32;

export function createOrderIndex({
  redis,
  keys,
}: {
  readonly redis: Redis;
  readonly keys: Keys;
}): OrderIndex {
  /** Examines a window of each of these sorted sets. */
  async function forgetIn(sets: readonly string[], idBegins: number): Promise<number> {
    const args = [keys.order(''), idBegins, windowSize, Math.random()];
    return Number(await forgetScript.run(redis, sets, args));
  }

  return {
    async latest(after, count, least, only) {
      const sets = only === null ? [keys.asking, keys.settled] : [keys[only]];
      const args = [count, after?.createdAt ?? '', after?.orderId ?? '', least];
      const lists = (await latestScript.run(redis, sets, args)) as string[][];
      // An order that has just got its verdict is on one list; on both only if somebody changed them by hand.
      const places = new Map(lists.flatMap(placesOf).map((place) => [place.orderId, place]));
      return [...places.values()].sort(latestFirst).slice(0, count);
    },

    inRange(range, afterTail, count) {
      const { key, prefix } = range;
      // Members are ASCII: all that begin with the prefix sort before it with a letter beyond ASCII.
      const from = afterTail === null ? `[${prefix}\u00ff` : `(${memberAt(range, afterTail)}`;
      return redis.zrevrangebylex(key, from, `[${prefix}`, 'LIMIT', 0, count);
    },

    async fields(orderIds, names) {
      if (orderIds.length === 0) return [];
      const reply = await fieldsScript.run(redis, orderIds.map(keys.order), names);
      const found = JSON.parse(reply as string) as ((string | false)[] | Record<string, never>)[];
      return found.map((values) =>
        Array.isArray(values) ? values.map((value) => (value === false ? null : value)) : [],
      );
    },

    areIndexed: (orders) =>
      Promise.all(
        orders.map(async ({ orderId, list, entries }) => {
          const places = [{ key: keys[list], member: orderId }, ...entries];
          // A key of another type holds no entries.
          const scores = await Promise.all(
            places.map(({ key, member }) => redis.zscore(key, member).catch(() => null)),
          );
          return scores.every((score) => score !== null);
        }),
      ),

    async reindex({ order, history }, names, metadataKeys) {
      const entries = [
        ...entriesOf(keys, order, names, metadataKeys),
        ...receiptEntriesOf(keys, order, history),
      ];
      await reindexScript.run(
        redis,
        [keys.order(order.orderId), keys.asking, keys.settled, ...entries.map(({ key }) => key)],
        [order.orderId, ...entries.map(({ member }) => member)],
      );
    },

    async forget() {
      let removed = 0;
      for (let nth = 0; nth < windowsPerCall; nth += 1) removed += await forgetIn([keys.settled], 1);
      const all = [...indexKeys(keys)];
      const start = Math.floor(Math.random() * all.length);
      const some = [...all, ...all].slice(start, start + keysPerCall);
      for (let from = 0; from < some.length; from += keysPerScript) {
        removed += await forgetIn(some.slice(from, from + keysPerScript), idPlace);
      }
      return removed;
    },
  };
}

/** Compares as Redis does: by time, then by the bytes of the id. */
function latestFirst(a: Place, b: Place): number {
  return b.createdAt - a.createdAt || (a.orderId < b.orderId ? 1 : -1);
}

function placesOf(list: readonly string[]): Place[] {
  return list.flatMap((orderId, nth) =>
    nth % 2 === 0 ? [{ orderId, createdAt: Number(list[nth + 1]) }] : [],
  );
}
