import { describe, expect, onTestFinished, test } from 'vitest';
import { decide } from '../../src/domain/decide.ts';
import { remember } from '../../src/domain/evidence.ts';
import type { Order, Reading } from '../../src/domain/order.ts';
import { buildEvent } from '../../src/domain/result-event.ts';
import { firstPollAt } from '../../src/domain/schedule.ts';
import { rangeOf } from '../../src/orders/lookup-index.ts';
import type { OrderRecord } from '../../src/orders/record.ts';
import { createOrderStore, type OrderStore, type Transition } from '../../src/orders/store.ts';
import { connectRedis, type Redis } from '../../src/redis/connection.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { anOrder, aPolicy, aReading, aSchedule, createdAt } from '../support/builders.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { redisServer, startRestartableRedis } from '../support/restartable-redis.ts';
import { eventsOf } from '../support/service-parts-of-account.ts';

const redis = testRedis();
const retentionMs = 3_600_000;

function setup(on: Redis = redis) {
  const keys = createKeys(testPrefix());
  const store = createOrderStore({ redis: on, keys, retentionMs });
  return {
    keys,
    store,
    open: (order: Order = anOrder(), names: string[] = []) => store.open(order, firstPollAt(order), names),
    async read(orderId = 'ord-1'): Promise<OrderRecord> {
      const record = await store.read(orderId);
      if (record === null) throw new Error(`There is no order ${orderId}.`);
      return record;
    },
    hash: (orderId = 'ord-1') => on.hgetall(keys.order(orderId)),
    openList: () => on.zrange(keys.open, '0', '-1', 'WITHSCORES'),
  };
}

/** The transition that the worker would make on this reading. */
function aStep(record: OrderRecord, reading: Reading, changes: Partial<Transition> = {}): Transition {
  const { order } = record;
  const now = reading.at;
  const decision = decide(order, record.progress, reading, aPolicy(), now, 0.5);
  const history = remember(record.history, reading);
  const { progress, publish, nextPollAt } = decision;
  const event = publish === null ? null : buildEvent(order, progress, publish, reading, history, now);
  return { record, progress, history, nextPollAt, query: record.query, event, entry: null, ...changes };
}

async function firstEntry(store: OrderStore): Promise<string> {
  return (await store.inbox('ord-1'))[0]?.entry ?? '';
}

describe('open', () => {
  test('records a new order and lists it by the time of its first poll', async () => {
    const { open, read, openList } = setup();
    const order = anOrder({ metadata: { cart: [1, { deep: null }], 'ключ"\n': '\u0000' } });
    expect(await open(order)).toEqual({ outcome: 'new', nextPollAt: createdAt + 8_000 });
    expect((await read()).order).toEqual(order);
    expect(await openList()).toEqual(['ord-1', String(createdAt + 8_000)]);
  });

  test.each<[string, Partial<Order>]>([
    ['nothing', {}],
    ['createdAt', { createdAt: createdAt + 90_000 }],
    ['metadata', { metadata: { other: true } }],
    ['schedule', { schedule: aSchedule({ firstPollAfterMs: 1, deadlineMs: 5 }) }],
  ])('again with another %s is the same order, and changes nothing', async (_fact, fields) => {
    const { open, hash, openList } = setup();
    await open();
    const before = [await hash(), await openList()];
    expect(await open(anOrder(fields))).toEqual({ outcome: 'same', nextPollAt: createdAt + 8_000 });
    expect([await hash(), await openList()]).toEqual(before);
  });

  test.each<[string, Partial<Order>]>([
    ['account', { account: 'shop2' }],
    ['reference', { reference: 'OR28922980078' }],
    ['shape of reference', { reference: { tradeNo: 'OR28922980077' } }],
    ['amount', { amountMinor: 201 }],
    ['currency', { currency: 'TZS' }],
  ])('again with another %s is a conflict, and changes nothing', async (_fact, fields) => {
    const { keys, store, open, hash, openList } = setup();
    await open(anOrder(), ['a-name']);
    const before = [await hash(), await openList()];
    expect(await open(anOrder(fields), ['another-name'])).toEqual({ outcome: 'conflict' });
    expect([await hash(), await openList()]).toEqual(before);
    expect(await store.ordersNamed('jenga', ['another-name'])).toEqual([]);
    expect(await redis.zcard(keys.settled)).toBe(0);
  });

  test('ignores the order of keys in a reference', async () => {
    const { open } = setup();
    await open(anOrder({ reference: { trackingId: 't', shortCode: 's' } }));
    expect(await open(anOrder({ reference: { shortCode: 's', trackingId: 't' } }))).toMatchObject({
      outcome: 'same',
    });
  });

  test('50 times concurrently is `new` once', async () => {
    const { open } = setup();
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => open()));
    expect(outcomes.filter(({ outcome }) => outcome === 'new')).toHaveLength(1);
    expect(outcomes.filter(({ outcome }) => outcome === 'same')).toHaveLength(49);
  });

  test('again restores the list entry of an open order, but not of a closed one', async () => {
    const { keys, store, open, read, openList } = setup();
    await open();
    await redis.del(keys.open);
    expect(await open()).toMatchObject({ outcome: 'same' });
    expect(await openList()).toEqual(['ord-1', String(createdAt + 8_000)]);
    await store.settle(aStep(await read(), aReading.paid()));
    expect(await open()).toEqual({ outcome: 'same', nextPollAt: null });
    expect(await openList()).toEqual([]);
  });

  // On a Redis of its own: other tests lose replies, and with them the request to send a script again.
  test.skipIf(redisServer === undefined)('works after SCRIPT FLUSH', async () => {
    const own = connectRedis((await startRestartableRedis()).url, 'patient');
    onTestFinished(() => own.disconnect());
    const { open, store, read } = setup(own);
    await own.script('FLUSH');
    const opened = await Promise.all([open(), open(anOrder({ orderId: 'ord-2' })), open()]);
    expect(opened.map(({ outcome }) => outcome).sort()).toEqual(['new', 'new', 'same']);
    await own.script('FLUSH');
    expect(await store.settle(aStep(await read(), aReading.paid()))).toMatchObject({ outcome: 'settled' });
  });
});

describe('settle', () => {
  test('50 times concurrently from the same revision: one succeeds with one event, the others are stale', async () => {
    const { keys, store, open, read } = setup();
    await open();
    const record = await read();
    const settled = await Promise.all(
      Array.from({ length: 50 }, (_, nth) =>
        store.settle(
          aStep(record, nth % 2 === 0 ? aReading.paid() : aReading.failed({ providerMessage: `${nth}` })),
        ),
      ),
    );
    expect(settled.filter(({ outcome }) => outcome === 'settled')).toHaveLength(1);
    expect(settled.filter(({ outcome }) => outcome === 'stale')).toHaveLength(49);
    expect(await eventsOf(redis, keys)).toHaveLength(1);
    expect((await read()).revision).not.toBe(record.revision);
  });

  test('what was decided on a state that Redis has lost is stale on the one that took its place', async () => {
    const { keys, store, open, read, hash } = setup();
    await open();
    const before = await hash();
    await store.settle(aStep(await read(), aReading.pending()));
    const lost = aStep(await read(), aReading.paid({ providerMessage: 'decided before the power failed' }));
    // The writes of the last second are gone, and the order goes another way from there.
    await redis.del(keys.order(lost.record.order.orderId));
    await redis.hset(keys.order(lost.record.order.orderId), before);
    expect(await store.settle(aStep(await read(), aReading.paid()))).toMatchObject({ outcome: 'settled' });
    expect(await store.settle(lost)).toMatchObject({ outcome: 'stale' });
    expect(await eventsOf(redis, keys)).toHaveLength(1);
  });

  test('does not change the record when stale', async () => {
    const { store, open, read, hash, keys } = setup();
    await open();
    const old = await read();
    await store.settle(aStep(old, aReading.pending()));
    const before = await hash();
    expect(await store.settle(aStep(old, aReading.paid()))).toEqual({ outcome: 'stale' });
    expect(await hash()).toEqual(before);
    expect(await eventsOf(redis, keys)).toEqual([]);
  });

  test('of an order that is gone writes nothing', async () => {
    const { store, open, read, hash, keys, openList } = setup();
    await open();
    const record = await read();
    await redis.del(keys.order('ord-1'), keys.open);
    expect(await store.settle(aStep(record, aReading.paid()))).toEqual({ outcome: 'gone' });
    expect([await hash(), await openList(), await redis.exists(keys.results)]).toEqual([{}, [], 0]);
  });

  test('of an order that was lost and enqueued again does not publish its version a second time', async () => {
    const { keys, store, open, read } = setup();
    await open();
    // Decided on the record that is lost, its first poll settled; the new record has been polled as often.
    await store.settle(aStep(await read(), aReading.pending()));
    const late = aStep(await read(), aReading.doubtful('reference-mismatch'));
    await redis.del(keys.order('ord-1'), keys.open);
    await open();
    await store.settle(aStep(await read(), aReading.doubtful('underpaid')));
    expect(await store.settle(late)).toEqual({ outcome: 'stale' });
    expect((await eventsOf(redis, keys)).map(({ stateversion }) => stateversion)).toEqual([1]);
  });

  test('publishes the documented fields in the documented order', async () => {
    const { keys, store, open, read } = setup();
    await open();
    for (const at of [1, 2])
      await store.settle(aStep(await read(), aReading.pending({ at: createdAt + at })));
    const at = createdAt + 3;
    await store.settle(aStep(await read(), aReading.paid({ at, providerMessage: 'Order found' })));
    const [[, fields = []] = []] = await redis.xrange(keys.results, '-', '+');
    const time = '2026-01-15T09:00:00.003Z';
    const data = JSON.parse(fields.at(-1) ?? '');
    expect(fields.slice(0, -1)).toEqual([
      ...['specversion', '1.0', 'id', 'ord-1:1', 'source', 'payment-poller/jenga', 'type', 'payment.paid'],
      ...['subject', 'ord-1', 'time', time, 'datacontenttype', 'application/json', 'stateversion', '1'],
      'data',
    ]);
    const { lastAnsweredAt, ...documented } = data;
    expect(lastAnsweredAt).toBe(time);
    expect(documented).toEqual({
      ...{ orderId: 'ord-1', account: 'jenga', provider: 'jenga', reference: 'OR28922980077' },
      ...{ status: 'paid', reason: null, amountExpected: '2.00', amountReceived: '2.00', currency: 'KES' },
      ...{ amountVerified: true, receipt: 'SH90HU7FO2', providerStatus: 'Paid' },
      ...{ providerMessage: 'Order found', polls: 3, answeredPolls: 3 },
      ...{ createdAt: '2026-01-15T09:00:00.000Z', settledAt: time, metadata: {} },
      evidence: [
        expect.objectContaining({
          ...{ source: 'poll', at: time, httpStatus: 200, reading: 'paid', providerStatus: 'Paid' },
          bodySha256: 'a'.repeat(64),
        }),
      ],
    });
  });

  test('a correction names the result that it supersedes', async () => {
    const { keys, store, open, read } = setup();
    await open();
    await store.settle(aStep(await read(), aReading.doubtful('underpaid')));
    await store.settle(aStep(await read(), aReading.paid({ at: createdAt + 200_000 })));
    const events = await eventsOf(redis, keys);
    expect(events.map(({ id, supersedes, type }) => [id, supersedes, type])).toEqual([
      ['ord-1:1', undefined, 'payment.unresolved'],
      ['ord-1:2', 'ord-1:1', 'payment.paid'],
    ]);
  });

  test('a closed order is kept for the retention period, counted from its last change', async () => {
    const { keys, store, open, read, openList } = setup();
    await open();
    expect(await redis.pttl(keys.order('ord-1'))).toBe(-1);
    expect(await store.settle(aStep(await read(), aReading.paid()))).toEqual({
      outcome: 'settled',
      nextPollAt: null,
    });
    expect(await openList()).toEqual([]);
    expect(await redis.pttl(keys.order('ord-1'))).toBeGreaterThan(retentionMs - 20_000);
    await redis.pexpire(keys.order('ord-1'), 5_000);
    await store.settle(aStep(await read(), aReading.paid()));
    expect(await redis.pttl(keys.order('ord-1'))).toBeGreaterThan(retentionMs - 20_000);
  });

  test('a closed order that is reopened no longer expires', async () => {
    const { keys, store, open, read, openList } = setup();
    await open();
    await store.settle(aStep(await read(), aReading.paid()));
    await store.settle(aStep(await read(), aReading.paid(), { nextPollAt: createdAt + 99 }));
    expect(await redis.pttl(keys.order('ord-1'))).toBe(-1);
    expect(await openList()).toEqual(['ord-1', String(createdAt + 99)]);
  });
});

describe('relist', () => {
  test('repairs missing and superfluous list entries from the record', async () => {
    const { keys, store, open, openList } = setup();
    await open();
    await redis.zadd(keys.open, 5, 'ord-1', 6, 'ord-unknown');
    await store.relist('ord-1');
    await store.relist('ord-unknown');
    expect(await openList()).toEqual(['ord-1', String(createdAt + 8_000)]);
  });
});

describe('hint', () => {
  const minMs = 2_000;
  const now = createdAt + 1_000;

  test('of an unknown order is gone, and makes no record', async () => {
    const { store, hash } = setup();
    expect(await store.hint('ord-1', now, minMs)).toEqual({ outcome: 'gone' });
    expect(await hash()).toEqual({});
  });

  test('of a closed order changes nothing', async () => {
    const { store, open, read, hash } = setup();
    await open();
    await store.settle(aStep(await read(), aReading.paid()));
    const before = await hash();
    expect(await store.hint('ord-1', now, minMs)).toEqual({ outcome: 'closed' });
    expect(await hash()).toEqual(before);
  });

  test('promotes at once, then after the least interval, then waits', async () => {
    const { store, open } = setup();
    await open();
    expect(await store.hint('ord-1', now, minMs)).toEqual({ outcome: 'promote', at: now });
    expect(await store.hint('ord-1', now + 1, minMs)).toEqual({ outcome: 'promote', at: now + minMs });
    expect(await store.hint('ord-1', now + 2, minMs)).toEqual({ outcome: 'waiting' });
    expect(await store.hint('ord-1', now + minMs + 3, minMs)).toEqual({
      outcome: 'promote',
      at: now + 2 * minMs,
    });
  });

  test('does not delay a scheduled poll', async () => {
    const { store, open } = setup();
    const order = anOrder({ schedule: aSchedule({ firstPollAfterMs: 1_500 }) });
    await open(order);
    await store.hint('ord-1', now, minMs);
    expect(await store.hint('ord-1', now + 1, minMs)).toEqual({ outcome: 'promote', at: createdAt + 1_500 });
  });

  test('is served even if an early poll already served the request before it', async () => {
    const { store, open, read } = setup();
    await open(anOrder({ schedule: aSchedule({ firstPollAfterMs: 1_500 }) }));
    await store.hint('ord-1', now, minMs);
    await store.settle(aStep(await read(), aReading.pending({ at: now + 10 })));
    // The second request is scheduled for now + 2 000, but the regular poll at now + 500 serves it.
    await store.hint('ord-1', now + 20, minMs);
    await store.settle(aStep(await read(), aReading.pending({ at: now + 500 })));
    const third = await store.hint('ord-1', now + 600, minMs);
    expect(third).toEqual({ outcome: 'promote', at: now + minMs });
  });

  test('during a poll makes the next one immediate', async () => {
    const { store, open, read } = setup();
    await open();
    const record = await read();
    await store.hint('ord-1', now, minMs);
    const settled = await store.settle(aStep(record, aReading.pending()));
    expect(settled).toEqual({ outcome: 'settled', nextPollAt: now });
    const again = await store.settle(aStep(await read(), aReading.pending()));
    expect(again).toMatchObject({ outcome: 'settled' });
    expect('nextPollAt' in again && again.nextPollAt).toBeGreaterThan(now);
  });

  test('during the poll that closes the order does not reopen it', async () => {
    const { store, open, read } = setup();
    await open();
    const record = await read();
    await store.hint('ord-1', now, minMs);
    expect(await store.settle(aStep(record, aReading.paid()))).toEqual({
      outcome: 'settled',
      nextPollAt: null,
    });
  });
});

describe('pushed answers', () => {
  const query = { id: 'q1', sentAt: createdAt + 10 };
  const pushed = (n: number, queryId = 'q1') => ({
    queryId,
    reading: aReading.pending({ at: createdAt + n }),
  });

  test('a query is stored in the record and under its token', async () => {
    const { store, open, read } = setup();
    await open();
    await store.beginQuery('ord-1', query);
    expect(await store.orderOfQuery('q1')).toBe('ord-1');
    expect(await store.orderOfQuery('q2')).toBeNull();
    expect((await read()).query).toEqual(query);
  });

  test('a query about an order that is gone writes nothing', async () => {
    const { keys, store, open } = setup();
    await open();
    await redis.del(keys.order('ord-1'));
    await store.beginQuery('ord-1', query);
    expect(await open()).toMatchObject({ outcome: 'new' });
  });

  test('are stored once per token, even if copies arrive concurrently', async () => {
    const { store, open, read } = setup();
    await open();
    await store.beginQuery('ord-1', query);
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => store.deliver('ord-1', pushed(1), true, createdAt + 1)),
    );
    expect(outcomes.filter((outcome) => outcome === 'delivered')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'unknown')).toHaveLength(19);
    expect(await store.inbox('ord-1')).toHaveLength(1);
    expect(await read()).toMatchObject({ hints: 1, hintsSeen: 0, nextPollAt: createdAt + 1 });
  });

  test('a token is valid for its own order only', async () => {
    const { store, open } = setup();
    await open();
    await open(anOrder({ orderId: 'ord-2' }));
    await store.beginQuery('ord-1', query);
    expect(await store.deliver('ord-2', pushed(1), true, createdAt)).toBe('unknown');
    expect(await store.inbox('ord-2')).toEqual([]);
    expect(await store.deliver('ord-1', pushed(1), true, createdAt)).toBe('delivered');
  });

  test('for an order that is gone are not stored', async () => {
    const { keys, store, open, openList } = setup();
    await open();
    await store.beginQuery('ord-1', query);
    await redis.del(keys.order('ord-1'), keys.open);
    expect(await store.deliver('ord-1', pushed(1), true, createdAt)).toBe('gone');
    expect([await store.inbox('ord-1'), await openList()]).toEqual([[], []]);
  });

  test('are kept in order of arrival, only the newest 20', async () => {
    const { store, open } = setup();
    await open();
    await store.beginQuery('ord-1', query);
    for (let n = 0; n < 25; n++) {
      expect(await store.deliver('ord-1', pushed(n), false, createdAt)).toBe('delivered');
    }
    const inbox = await store.inbox('ord-1');
    expect(inbox.map(({ pushed: each }) => (each?.reading.at ?? 0) - createdAt)).toEqual(
      Array.from({ length: 20 }, (_, n) => n + 5),
    );
  });

  test('leave the inbox with the transition that settles them, and only with it', async () => {
    const { store, open, read } = setup();
    await open();
    await store.beginQuery('ord-1', query);
    for (const n of [1, 2]) await store.deliver('ord-1', pushed(n), false, createdAt + n);
    const stale = await read();
    const entry = await firstEntry(store);
    await store.settle(aStep(await read(), aReading.pending(), { entry }));
    expect(await store.settle(aStep(stale, aReading.pending(), { entry }))).toEqual({ outcome: 'stale' });
    // Settling it again on the newer record must not remove the next entry.
    const { nextPollAt } = await read();
    expect(await store.settle(aStep(await read(), aReading.pending(), { entry }))).toEqual({
      outcome: 'taken',
      nextPollAt,
    });
    expect(
      (await store.inbox('ord-1')).map(({ pushed: each }) => (each?.reading.at ?? 0) - createdAt),
    ).toEqual([2]);
  });

  test('list a closed order as open until they are read; hints still see it closed', async () => {
    const { keys, store, open, read, openList } = setup();
    await open();
    await store.beginQuery('ord-1', query);
    await store.settle(aStep(await read(), aReading.paid()));
    expect(await store.deliver('ord-1', pushed(7), true, createdAt + 7)).toBe('delivered');
    expect(await redis.pttl(keys.order('ord-1'))).toBe(-1);
    expect(await openList()).toEqual(['ord-1', String(createdAt + 7)]);
    await store.settle(
      aStep(await read(), aReading.pending(), { entry: await firstEntry(store), nextPollAt: null }),
    );
    expect(await openList()).toEqual([]);
    expect(await redis.pttl(keys.order('ord-1'))).toBeGreaterThan(0);
  });

  test('that arrive while the order is being closed are still read', async () => {
    const { store, open, read } = setup();
    await open();
    await store.beginQuery('ord-1', query);
    const record = await read();
    await store.deliver('ord-1', pushed(3), true, createdAt + 3);
    const settled = await store.settle(aStep(record, aReading.paid()));
    expect(settled).toEqual({ outcome: 'settled', nextPollAt: createdAt + 3 });
  });

  test('are not lost if the worker dies between two of them', async () => {
    const { store, open, read } = setup();
    await open();
    await store.beginQuery('ord-1', query);
    for (const n of [1, 2]) await store.deliver('ord-1', pushed(n), false, createdAt + n);
    const settled = await store.settle(
      aStep(await read(), aReading.pending(), { entry: await firstEntry(store) }),
    );
    // The next worker reads the inbox only if a poll request is pending.
    expect(settled).toMatchObject({ outcome: 'settled', nextPollAt: createdAt + 2 });
    const { hints, hintsSeen } = await read();
    expect(hints).toBeGreaterThan(hintsSeen);
  });
});

test('an inbox entry that cannot be parsed is marked, and can be dropped', async () => {
  const { keys, store, open } = setup();
  await open();
  for (const broken of ['{', '[]', 'null', '{"queryId":1}']) await redis.rpush(keys.inbox('ord-1'), broken);
  const inbox = await store.inbox('ord-1');
  expect(inbox.map((each) => each.pushed)).toEqual([null, null, null, null]);
  for (const { entry } of inbox) await store.drop('ord-1', entry);
  expect(await store.inbox('ord-1')).toEqual([]);
});

describe('ordersNamed', () => {
  test('finds orders by any of their names, within the account only', async () => {
    const { store, open } = setup();
    await open(anOrder(), ['r1', 'r2']);
    await open(anOrder({ orderId: 'ord-2' }), ['r2']);
    expect(await store.ordersNamed('jenga', ['r1'])).toEqual(['ord-1']);
    expect((await store.ordersNamed('jenga', ['r1', 'r2', 'r3'])).sort()).toEqual(['ord-1', 'ord-2']);
    expect(await store.ordersNamed('lipia', ['r1'])).toEqual([]);
    expect(await store.ordersNamed('jenga', [])).toEqual([]);
  });

  test('finds orders that an earlier release has indexed', async () => {
    const { keys, store, open } = setup();
    await open(anOrder(), ['r1']);
    await redis.hset(keys.reference('jenga', 'r1'), 'ord-old', '', 'ord-1', '');
    expect((await store.ordersNamed('jenga', ['r1'])).sort()).toEqual(['ord-1', 'ord-old']);
  });
});

test('a callback with a name of thousands of orders, or with a broken index, reads a bounded number', async () => {
  const keys = createKeys(testPrefix());
  const store = createOrderStore({ redis, keys, retentionMs: 1_000 });
  const fill = `for i = 1, 5000 do redis.call('HSET', KEYS[1], 'o' .. i, '') end
    for i = 1, 5000 do redis.call('ZADD', KEYS[2], 0, ARGV[1] .. '012345678o' .. i) end`;
  const same = rangeOf(keys, { kind: 'reference', value: 'same' }, 'jenga');
  await redis.eval(fill, 2, keys.reference('jenga', 'same'), same.key, same.prefix);
  await redis.set(keys.reference('jenga', 'broken'), 'x');
  await redis.set(rangeOf(keys, { kind: 'reference', value: 'broken' }).key, 'x');
  await store.open(anOrder({ reference: 'good' }), createdAt, []);
  expect(await store.ordersNamed('jenga', ['broken', 'good'])).toEqual(['ord-1']);
  expect((await store.ordersNamed('jenga', ['same'])).length).toBe(200);
});

test('an inbox of another type is removed, and only part of an overlong one is read', async () => {
  const keys = createKeys(testPrefix());
  const store = createOrderStore({ redis, keys, retentionMs: 1_000 });
  await redis.set(keys.inbox('ord-1'), 'broken');
  expect(await store.inbox('ord-1')).toEqual([]);
  expect(await redis.exists(keys.inbox('ord-1'))).toBe(0);
  await redis.rpush(keys.inbox('ord-1'), ...Array.from({ length: 50 }, () => 'x'));
  expect(await store.inbox('ord-1')).toHaveLength(20);
});
