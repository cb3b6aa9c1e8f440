import { Cluster } from 'ioredis';
import type { Evidence } from '../domain/evidence.ts';
import { toMinor } from '../domain/money.ts';
import type { Doubt, Reading } from '../domain/order.ts';
import { buildEvent, type ResultEvent } from '../domain/result-event.ts';
import type { OrderRecord } from '../orders/record.ts';
import type { OrderStore } from '../orders/store.ts';
import { isWrongType, type Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';

export interface MissingResultsParts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly store: OrderStore;
  /** Older results are removed from the stream on purpose. */
  readonly resultsRetentionMs: number;
  mended(kind: 'missing-result', orderId: string): void;
}

/** Keys of Redis looked at per sweep; with more, the next sweep goes on. */
const walkLimit = 20_000;
const scanCount = 1_000;
/** Orders looked at by one script, which other clients of Redis wait for. */
const batchSize = 250;

/**
 * Publishes last verdicts again that are missing from the stream: somebody deleted the stream or an entry of it. Closed
 * orders are on no list, so it walks over the keys of Redis, a bounded number per sweep.
 */
export async function publishMissing(parts: MissingResultsParts): Promise<void> {
  const { redis, keys } = parts;
  const node = await nodeOf(redis, keys.results);
  // Slots are moving: the next sweep knows better.
  if (node === null) return;
  // A place that cannot be read is the beginning: it is written anew at the end.
  const place = await redis.get(keys.resultsCursor).catch((error: unknown) => {
    if (isWrongType(error)) return null;
    throw error;
  });
  let cursor = /^\d{1,19}$/.test(place ?? '') ? String(place) : '0';
  for (let seen = 0; seen < walkLimit; seen += scanCount) {
    const [next, found] = await node.scan(cursor, 'MATCH', keys.order('*'), 'COUNT', scanCount);
    for (let from = 0; from < found.length; from += batchSize) {
      await mendBatch(
        parts,
        found.slice(from, from + batchSize).map((key) => key.slice(keys.order('').length)),
      );
    }
    cursor = next;
    if (cursor === '0') break;
  }
  await redis.set(keys.resultsCursor, cursor);
}

async function mendBatch(parts: MissingResultsParts, orderIds: readonly string[]): Promise<void> {
  const { store, resultsRetentionMs } = parts;
  const missing = await store.missingResults(orderIds, Date.now() - resultsRetentionMs);
  for (const { orderId, result } of missing) {
    // A record that cannot be read is told of by whoever needs it.
    const record = await store.read(orderId).catch(() => null);
    const event = record === null ? null : lastEventOf(record);
    // A worker of an earlier release has published since, and noted nothing.
    const isLast = event !== null && result.endsWith(` ${event.stateversion}`);
    if (record === null || event === null || !isLast) continue;
    if (await store.republish(record, result, event)) parts.mended('missing-result', orderId);
  }
}

/** The last event of an order once more, as far as its record still tells: how often it was asked may have grown since. */
export function lastEventOf(record: OrderRecord): ResultEvent | null {
  const { order, progress, history } = record;
  const { verdict } = progress;
  if (verdict === null) return null;
  const until = history.filter((entry) => Date.parse(entry.firstAt ?? entry.at) <= verdict.at);
  const last = until.at(-1);
  if (last === undefined) return null;
  return buildEvent(order, progress, verdict, readingOf(last), until, verdict.at);
}

/** What an event needs of the reading behind a piece of evidence. */
function readingOf(entry: Evidence): Reading {
  const { source, at, httpStatus, providerStatus, providerMessage, bodySha256 } = entry;
  const facts = { source, at: Date.parse(at), httpStatus, providerStatus, providerMessage, bodySha256 };
  if (entry.reading !== 'paid') return { ...facts, kind: 'unrecognised' };
  return {
    ...facts,
    kind: 'paid',
    certainty: entry.certainty ?? 'firm',
    doubt: (entry.reason as Doubt | undefined) ?? null,
    receipt: entry.receipt ?? null,
    amountReceivedMinor: entry.amountReceived === undefined ? null : toMinor(entry.amountReceived),
    paidAt: null,
  };
}

/** The server that has a key: only there can the keys beside it be walked over. */
async function nodeOf(redis: Redis, key: string): Promise<Redis | null> {
  if (!(redis instanceof Cluster)) return redis;
  const cluster: Cluster = redis;
  const owner = cluster.slots[Number(await cluster.cluster('KEYSLOT', key))]?.[0];
  const node = cluster.nodes('master').find(({ options: { host, port } }) => `${host}:${port}` === owner);
  return node ?? null;
}
