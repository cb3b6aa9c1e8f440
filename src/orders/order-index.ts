import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';
import {
  entriesOf,
  type IndexEntry,
  type IndexRange,
  idPlace,
  indexSize,
  memberAt,
  receiptEntriesOf,
} from './lookup-index.ts';
import type { OrderRecord } from './record.ts';

const latestScript = loadScript('latest', import.meta.url);
const fieldsScript = loadScript('read-fields', import.meta.url);
const reindexScript = loadScript('reindex', import.meta.url);
const missingScript = loadScript('missing-entries', import.meta.url);
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
  /** Whether all entries of these orders exist, those on the lists included. */
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

/** Entries examined in one place of a sorted set, and in one script, which other clients of Redis wait for. */
const windowSize = 500;
const scriptSize = 2_000;
/** Most windows of the list of settled orders per `forget`. */
const windowsPerCall = 40;
/** Keys of the index per `forget`, which examines all of them in eight calls, and per script. */
const keysPerCall = 2_048;
const keysPerScript = 512;

export function createOrderIndex({
  redis,
  keys,
}: {
  readonly redis: Redis;
  readonly keys: Keys;
}): OrderIndex {
  /** Examines a window of each of these sorted sets, until it has examined enough. */
  async function forgetIn(sets: readonly string[], idBegins: number): Promise<readonly [number, number]> {
    const args = [keys.order(''), idBegins, windowSize, Math.random(), scriptSize];
    return (await forgetScript.run(redis, sets, args)) as [removed: number, sets: number];
  }

  async function forgetSettled(): Promise<number> {
    const count = await redis.zcard(keys.settled);
    let removed = 0;
    for (let nth = 0; nth < Math.min(windowsPerCall, count / windowSize); nth += 1) {
      removed += (await forgetIn([keys.settled], 1))[0];
    }
    return removed;
  }

  async function forgetLookups(): Promise<number> {
    const start = Math.floor(Math.random() * indexSize);
    let removed = 0;
    for (let done = 0; done < keysPerCall; ) {
      const count = Math.min(keysPerScript, keysPerCall - done);
      const from = start + done;
      const sets = Array.from({ length: count }, (_, nth) => keys.lookup((from + nth) % indexSize));
      const [forgotten, examined] = await forgetIn(sets, idPlace);
      removed += forgotten;
      done += examined;
    }
    return removed;
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

    async areIndexed(orders) {
      const entries = orders.flatMap(({ orderId, list, entries }) =>
        [{ key: keys[list], member: orderId }, ...entries].map((entry) => ({ ...entry, orderId })),
      );
      if (entries.length === 0) return [];
      const [sets, members] = [entries.map(({ key }) => key), entries.map(({ member }) => member)];
      const found = (await missingScript.run(redis, sets, members)) as number[];
      const missing = new Set(found.map((nth) => entries[nth - 1]?.orderId));
      return orders.map(({ orderId }) => !missing.has(orderId));
    },

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

    forget: async () => (await forgetSettled()) + (await forgetLookups()),
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
