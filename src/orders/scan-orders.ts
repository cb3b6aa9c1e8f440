import { Cluster } from 'ioredis';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';
import { parseRecord } from './codec.ts';
import type { Fields, OrderRecord } from './record.ts';

const createdBetween = loadScript('created-between', import.meta.url);

const scanCount = 1_000;
/** Orders read by one script, which other clients of Redis wait for. */
const batchSize = 200;

/** The server that has a key: only there can the keys beside it be scanned. `null` while slots are moving. */
export async function nodeOf(redis: Redis, key: string): Promise<Redis | null> {
  if (!(redis instanceof Cluster)) return redis;
  const cluster: Cluster = redis;
  const owner = cluster.slots[Number(await cluster.cluster('KEYSLOT', key))]?.[0];
  const node = cluster.nodes('master').find(({ options: { host, port } }) => `${host}:${port}` === owner);
  return node ?? null;
}

/** Which orders to read. */
export interface CreatedBetween {
  /** Default: all accounts. */
  readonly account?: string;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  readonly signal?: AbortSignal;
}

/** Some orders, and the ids of those whose records cannot be read. */
export interface SomeOrders {
  readonly records: readonly OrderRecord[];
  readonly damaged: readonly string[];
}

/**
 * Reads all orders that were created in a period, closed ones included, some at a time. They are on no list, so all keys of
 * Redis are scanned. As with every scan of Redis, an order may come twice.
 *
 * @throws when a Cluster is moving its slots; try again
 */
export async function* scanOrders(
  redis: Redis,
  keys: Keys,
  wanted: CreatedBetween,
): AsyncGenerator<SomeOrders> {
  const node = await nodeOf(redis, keys.results);
  if (node === null) throw new Error('The Cluster is moving its slots; try again.');
  const scan = (cursor: string) => node.scan(cursor, 'MATCH', keys.order('*'), 'COUNT', scanCount);
  let next: Promise<[string, string[]]> | null = scan('0');
  while (next !== null) {
    wanted.signal?.throwIfAborted();
    const [cursor, found]: [string, string[]] = await next;
    // Redis looks for the next keys while these are read.
    next = cursor === '0' ? null : scan(cursor);
    next?.catch(() => {});
    const ids = found.map((key) => key.slice(keys.order('').length));
    const batches: string[][] = [];
    for (let from = 0; from < ids.length; from += batchSize) batches.push(ids.slice(from, from + batchSize));
    for (const some of await Promise.all(batches.map((batch) => readBatch(redis, keys, batch, wanted))))
      yield some;
  }
}

async function readBatch(
  redis: Redis,
  keys: Keys,
  ids: readonly string[],
  { account = '', from, to }: CreatedBetween,
): Promise<SomeOrders> {
  const reply = await createdBetween.run(redis, ids.map(keys.order), [account, from, to]);
  const records: OrderRecord[] = [];
  const damaged: string[] = [];
  for (const [nth, stored] of (JSON.parse(reply as string) as (string[] | string | false)[]).entries()) {
    if (stored === false) continue;
    const id = ids[nth] as string;
    try {
      if (!Array.isArray(stored)) throw new Error(stored);
      const record = parseRecord(id, fieldsOf(stored));
      if (record !== null) records.push(record);
    } catch {
      damaged.push(id);
    }
  }
  return { records, damaged };
}

function fieldsOf(stored: readonly string[]): Fields {
  const fields: { [name: string]: string } = {};
  for (let nth = 0; nth < stored.length; nth += 2) fields[stored[nth] as string] = stored[nth + 1] as string;
  return fields;
}
