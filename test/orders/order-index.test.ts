import { describe, expect, test } from 'vitest';
import { toEvidence } from '../../src/domain/evidence.ts';
import type { Order, Reading } from '../../src/domain/order.ts';
import { buildEvent } from '../../src/domain/result-event.ts';
import type { OrderFilter } from '../../src/orders/order-filter.ts';
import { createOrderIndex } from '../../src/orders/order-index.ts';
import { InvalidPlaceError, searchOrders } from '../../src/orders/search.ts';
import { createOrderStore } from '../../src/orders/store.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { restoreIndex } from '../../src/workers/missing-from-index.ts';
import { anOrder, aProgress, aReading, createdAt } from '../support/builders.ts';
import { testPrefix, testRedis } from '../support/redis.ts';

const redis = testRedis();

function setup(indexedMetadata: readonly string[] = []) {
  const keys = createKeys(testPrefix());
  const store = createOrderStore({ redis, keys, retentionMs: 60_000 });
  const index = createOrderIndex({ redis, keys });
  const parts = { keys, store, index, indexedMetadata };

  async function open(fields: Partial<Order>, names: readonly string[] = []) {
    const order = anOrder({ reference: `ref-${fields.orderId}`, ...fields });
    const { outcome } = await store.open(order, order.createdAt, names, undefined, indexedMetadata);
    expect(outcome).toBe('new');
    return order;
  }

  /** Publishes a verdict of an order, with the reading as its only evidence. */
  async function settle(orderId: string, phase: 'watching' | 'closed', reading: Reading = aReading.paid()) {
    const record = await store.read(orderId);
    if (record === null) throw new Error(`no order ${orderId}`);
    const isPaid = reading.kind === 'paid' && reading.doubt === null;
    const status = isPaid ? ('paid' as const) : ('unresolved' as const);
    const reason = reading.kind === 'paid' ? reading.doubt : null;
    const verdict = { status, reason, at: createdAt };
    const progress = aProgress[phase](verdict);
    const { outcome } = await store.settle({
      ...{ record, progress, history: [toEvidence(reading)], query: null, entry: null },
      nextPollAt: phase === 'closed' ? null : createdAt,
      event: buildEvent(record.order, progress, verdict, reading, [toEvidence(reading)], createdAt),
    });
    expect(outcome).toBe('settled');
  }

  /** The ids of all pages, and the size of each. */
  async function all(filter: Partial<OrderFilter>, limit = 50) {
    const pages: string[][] = [];
    let after: string | null = null;
    do {
      const { records, next } = await searchOrders(parts, { accounts: null, ...filter }, limit, after);
      pages.push(records.map(({ order }) => order.orderId));
      after = next;
    } while (after !== null && pages.length < 1_000);
    return pages.flat();
  }

  return { keys, store, index, parts, open, settle, all };
}

const minute = 60_000;

describe('searchOrders', () => {
  test('lists all orders, latest first, page by page, whether they have a verdict or not', async () => {
    const { open, settle, all } = setup();
    for (const nth of [0, 1, 2, 3, 4]) await open({ orderId: `ord-${nth}`, createdAt: createdAt + nth });
    await settle('ord-1', 'closed');
    await settle('ord-3', 'watching', aReading.doubtful('underpaid', { receipt: 'R3' }));
    for (const limit of [1, 2, 3, 5, 50]) {
      expect(await all({}, limit)).toEqual(['ord-4', 'ord-3', 'ord-2', 'ord-1', 'ord-0']);
    }
    expect(await all({ from: createdAt + 1, to: createdAt + 3 }, 1)).toEqual(['ord-2', 'ord-1']);
  });

  test('filters by state and account, and never shows other accounts than allowed', async () => {
    const { open, settle, all } = setup();
    await open({ orderId: 'a' });
    await open({ orderId: 'b' });
    await open({ orderId: 'c' });
    await open({ orderId: 'd', account: 'shop2' });
    await settle('b', 'closed');
    await settle('c', 'watching', aReading.doubtful('underpaid', { receipt: 'R3' }));
    expect(await all({ status: 'paid' })).toEqual(['b']);
    expect(await all({ status: 'unresolved' })).toEqual(['c']);
    expect(await all({ status: 'none' })).toEqual(['d', 'a']);
    expect(await all({ phase: 'asking', account: 'jenga' })).toEqual(['a']);
    expect(await all({ phase: 'watching' })).toEqual(['c']);
    expect(await all({ phase: 'closed', status: 'unresolved' })).toEqual([]);
    expect(await all({ accounts: ['shop2'] })).toEqual(['d']);
    expect(await all({ accounts: ['shop2'], account: 'jenga' })).toEqual([]);
    expect(await all({ accounts: [] })).toEqual([]);
  });

  test('finds all orders with a receipt or a reference, in any spelling and beyond the first eight days', async () => {
    const { keys, open, settle, all } = setup();
    await open({ orderId: 'first', reference: 'OR-Same', createdAt });
    await open({ orderId: 'second', reference: 'OR-Same', createdAt: createdAt + minute });
    await open({ orderId: 'third', reference: { trackingId: 'Track-9', shortCode: '1' } }, ['Track-9']);
    await settle('first', 'closed', aReading.paid({ receipt: 'SH90HU7FO2', furtherReceipts: ['EXTRA1'] }));
    await settle('second', 'closed', aReading.doubtful('receipt-used', { receipt: 'SH90HU7FO2' }));
    expect(await all({ receipt: 'sh90hu7fo2' })).toEqual(['second', 'first']);
    expect(await all({ receipt: 'SH90HU7FO2' }, 1)).toEqual(['second', 'first']);
    expect(await all({ receipt: 'extra1', status: 'paid' })).toEqual(['first']);
    expect(await all({ reference: 'or-same' })).toEqual(['second', 'first']);
    expect(await all({ reference: 'TRACK-9' })).toEqual(['third']);
    expect(await all({ reference: 'OR-Same', accounts: ['shop2'] })).toEqual([]);
    expect(await all({ receipt: 'unknown' })).toEqual([]);
    const [part] = await redis.keys(keys.lookup(0).replace(/0$/, '*'));
    expect(await redis.pttl(part as string)).toBe(-1);
  });

  test.each([[['basket']], [[]]])('finds orders by metadata, indexed: %j', async (indexed) => {
    const { open, all } = setup(indexed);
    await open({ orderId: 'a', metadata: { basket: 7, who: 'x', 'odd "key" ✓': true } });
    await open({ orderId: 'b', metadata: { basket: '7', nested: { basket: '8' } } });
    await open({ orderId: 'c', metadata: { basket: '70' } });
    const by = (key: string, value: string) => all({ metadata: [{ key, value }] });
    expect(await by('basket', '7')).toEqual(['b', 'a']);
    expect(await by('odd "key" ✓', 'true')).toEqual(['a']);
    expect(await by('nested', '[object Object]')).toEqual([]);
    for (const key of ['toString', '__proto__', 'constructor', '.*']) expect(await by(key, '7')).toEqual([]);
    const both = [
      { key: 'who', value: 'x' },
      { key: 'basket', value: '7' },
    ];
    expect(await all({ metadata: both })).toEqual(['a']);
  });

  test('a list goes on where it was while orders come in, get their verdict and go', async () => {
    const { keys, parts, open, settle } = setup();
    for (const nth of [1, 2, 3, 4, 5, 6]) await open({ orderId: `ord-${nth}`, createdAt: createdAt + nth });
    const page = async (after: string | null) => {
      const { records, next } = await searchOrders(parts, { accounts: null }, 2, after);
      return { ids: records.map(({ order }) => order.orderId), next };
    };
    const first = await page(null);
    await open({ orderId: 'later', createdAt: createdAt + minute });
    await settle('ord-5', 'closed');
    await settle('ord-4', 'closed', aReading.paid({ receipt: 'R4' }));
    const second = await page(first.next);
    // The order after which the list goes on is gone.
    await redis.del(keys.order('ord-3'));
    await redis.zrem(keys.asking, 'ord-3');
    const third = await page(second.next);
    expect([first.ids, second.ids, third.ids]).toEqual([
      ['ord-6', 'ord-5'],
      ['ord-4', 'ord-3'],
      ['ord-2', 'ord-1'],
    ]);
  });

  test('orders of the same moment are all listed, each once', async () => {
    const { open, all } = setup();
    const ids = Array.from({ length: 300 }, (_, nth) => `o${'-._:aZ'[nth % 6]}${nth}`);
    await Promise.all(ids.map((orderId) => open({ orderId })));
    const found = await all({}, 7);
    expect(found.length).toBe(300);
    expect(new Set(found)).toEqual(new Set(ids));
  });

  test('a damaged record hides no other, and a place of another search is refused', async () => {
    const { keys, parts, open, all } = setup();
    for (const orderId of ['a', 'b', 'c']) await open({ orderId });
    await redis.hset(keys.order('b'), 'order', '{');
    await redis.set(keys.order('a'), 'x');
    expect(await all({})).toEqual(['c']);
    expect(await all({ account: 'jenga' })).toEqual(['c']);
    const search = (filter: object, after: string) =>
      searchOrders(parts, { accounts: null, ...filter }, 1, after);
    for (const after of ['', 'x', '1.', '1..', '1.a b', `${'9'.repeat(20)}.a`, '-1.a', '1.[a']) {
      await expect(search({}, after)).rejects.toThrow(InvalidPlaceError);
    }
    for (const after of ['1.a', 'AA0000000a', `AA0000000001${'a'.repeat(200)}`, '[a', '+']) {
      await expect(search({ receipt: 'R' }, after)).rejects.toThrow(InvalidPlaceError);
    }
  });

  test('examines a bounded number of orders per search, and still finds the last of them', async () => {
    const { keys, parts, open, settle, all } = setup();
    await open({ orderId: 'rare' });
    await settle('rare', 'closed');
    // Listed, but without records.
    const fill = "for i = 1, 25000 do redis.call('ZADD', KEYS[1], ARGV[1] + i, 'o' .. i) end";
    await redis.eval(fill, 1, keys.settled, createdAt);
    const { records, next } = await searchOrders(parts, { accounts: null, status: 'paid' }, 1, null);
    expect(records).toEqual([]);
    expect(next).not.toBeNull();
    expect(await all({ status: 'paid' }, 1)).toEqual(['rare']);
  });
});

describe('upkeep of the index', () => {
  test('entries go with their record, and not before', async () => {
    const { keys, index, open, settle, all } = setup(['basket']);
    for (const orderId of ['gone', 'kept']) {
      await open({ orderId, reference: 'same', metadata: { basket: 1 } });
      await settle(orderId, 'closed', aReading.doubtful('underpaid', { receipt: 'SAME' }));
    }
    await redis.del(keys.order('gone'));
    // Each call examines an eighth of the index, from a random place.
    for (let calls = 0; calls < 200 && (await entriesIn(keys)) > 4; calls += 1) await index.forget();
    expect(await entriesIn(keys)).toBe(4);
    expect(await all({ receipt: 'same' })).toEqual(['kept']);
    expect(await all({ reference: 'same' })).toEqual(['kept']);
    expect(await all({ metadata: [{ key: 'basket', value: '1' }] })).toEqual(['kept']);
    expect(await all({ status: 'unresolved' })).toEqual(['kept']);
  });

  test('the sweeper adds what is missing: orders of an earlier release, newly indexed metadata', async () => {
    const { keys, parts, index, open, settle, all } = setup();
    for (const orderId of ['asking', 'closed']) await open({ orderId, metadata: { basket: orderId } });
    await settle('closed', 'closed', aReading.doubtful('underpaid', { receipt: 'R1' }));
    await redis.unlink(keys.settled, keys.asking, ...(await redis.keys(`${keys.lookup(0).slice(0, -1)}*`)));
    expect(await all({})).toEqual([]);
    await restoreIndex({ ...parts, indexedMetadata: ['basket'] }, index, ['asking', 'closed', 'unknown']);
    expect(await all({})).toEqual(['closed', 'asking']);
    expect(await all({ status: 'none' })).toEqual(['asking']);
    expect(await all({ receipt: 'r1' })).toEqual(['closed']);
    expect(await all({ reference: 'ref-asking' })).toEqual(['asking']);
    const indexed = { ...parts, indexedMetadata: ['basket'] };
    const filter = { accounts: null, metadata: [{ key: 'basket', value: 'closed' }] };
    expect((await searchOrders(indexed, filter, 5, null)).records).toHaveLength(1);
  });
});

/** Entries of the index and of the list of settled orders. */
async function entriesIn(keys: ReturnType<typeof createKeys>): Promise<number> {
  const parts = await redis.keys(`${keys.lookup(0).slice(0, -1)}*`);
  const counts = await Promise.all([...parts, keys.settled].map((key) => redis.zcard(key)));
  return counts.reduce((sum, count) => sum + count, 0);
}
