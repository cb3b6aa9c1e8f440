import { expect, test } from 'vitest';
import { decide } from '../../src/domain/decide.ts';
import { remember } from '../../src/domain/evidence.ts';
import type { Reading } from '../../src/domain/order.ts';
import { buildEvent } from '../../src/domain/result-event.ts';
import { acknowledge, unacknowledge } from '../../src/orders/acknowledge.ts';
import { createOrderStore } from '../../src/orders/store.ts';
import { readUnresolved } from '../../src/orders/unresolved.ts';
import { viewOf } from '../../src/orders/view.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { anOrder, aPolicy, aReading, createdAt } from '../support/builders.ts';
import { testPrefix, testRedis } from '../support/redis.ts';

const redis = testRedis();
const words = { by: 'amina', at: createdAt + 1_000_000, note: 'refunded, M-Pesa SH90HU7FO2' };

async function setup() {
  const keys = createKeys(testPrefix());
  const store = createOrderStore({ redis, keys, retentionMs: 3_600_000 });
  const order = anOrder();
  await store.open(order, createdAt, []);
  /** Settles a reading, as a worker would. */
  async function read(
    reading: Reading,
    record = undefined as Awaited<ReturnType<typeof store.read>> | undefined,
  ) {
    const current = record ?? (await store.read('ord-1'));
    if (current === null) throw new Error('The order is gone.');
    const { progress, publish, nextPollAt } = decide(
      order,
      current.progress,
      reading,
      aPolicy(),
      reading.at,
      0.5,
    );
    const history = remember(current.history, reading);
    const event =
      publish === null ? null : buildEvent(order, progress, publish, reading, history, reading.at);
    return store.settle({ record: current, progress, history, nextPollAt, query: null, event, entry: null });
  }
  const view = async () => {
    const record = await store.read('ord-1');
    return record === null ? null : viewOf(record);
  };
  const moneyOrders = async () => (await readUnresolved(redis, keys, Date.now()))?.orders;
  return { keys, store, read, view, moneyOrders, events: () => redis.xlen(keys.results) };
}

test('an acknowledged order no longer counts as unresolved money; its verdict, its polls and the stream stay', async () => {
  const { store, read, view, moneyOrders, events } = await setup();
  await read(aReading.doubtful('underpaid'));
  const before = await view();
  expect([await moneyOrders(), await events()]).toEqual([1, 1]);
  expect(await acknowledge(store, 'ord-1', words)).toMatchObject({ outcome: 'acknowledged' });
  expect(await acknowledge(store, 'ord-1', { ...words, by: 'kamau' })).toMatchObject({
    ...{ outcome: 'same', acknowledgement: { by: 'amina' } },
  });
  expect([await moneyOrders(), await events()]).toEqual([0, 1]);
  const acknowledged = { ...words, at: new Date(words.at).toISOString(), stateversion: 1 };
  expect(await view()).toEqual({ ...before, acknowledged });
  // An answer that changes nothing leaves it acknowledged.
  await read(aReading.doubtful('underpaid', { at: createdAt + 200_000 }));
  expect(await moneyOrders()).toBe(0);
  expect(await unacknowledge(store, 'ord-1')).toBe('removed');
  expect(await unacknowledge(store, 'ord-1')).toBe('none');
  expect([await moneyOrders(), (await view())?.acknowledged]).toEqual([1, null]);
});

test('a later verdict needs attention again, also one that a worker decided on before the acknowledgement', async () => {
  const { store, read, view, moneyOrders } = await setup();
  await read(aReading.doubtful('underpaid'));
  const asRead = await store.read('ord-1');
  await acknowledge(store, 'ord-1', words);
  const mismatch = aReading.doubtful('amount-unknown', { at: createdAt + 200_000 });
  expect(await read(mismatch, asRead)).toMatchObject({ outcome: 'settled' });
  expect(await view()).toMatchObject({ reason: 'amount-unknown', stateversion: 2, acknowledged: null });
  expect(await moneyOrders()).toBe(1);
  // What was looked at is not the last verdict any more.
  expect(await acknowledge(store, 'ord-1', words, 1)).toEqual({ outcome: 'changed' });
  expect(await moneyOrders()).toBe(1);
});

test('a verdict that comes between reading and writing is not acknowledged unseen', async () => {
  const { store, read, moneyOrders } = await setup();
  await read(aReading.doubtful('underpaid'));
  let isFirst = true;
  const racing: typeof store = {
    ...store,
    async acknowledge(...args) {
      if (isFirst) await read(aReading.doubtful('amount-unknown', { at: createdAt + 200_000 }));
      isFirst = false;
      return store.acknowledge(...args);
    },
  };
  expect(await acknowledge(racing, 'ord-1', words)).toEqual({ outcome: 'changed' });
  expect(await moneyOrders()).toBe(1);
});

test('only a verdict that needs attention can be acknowledged', async () => {
  const { store, read, moneyOrders } = await setup();
  expect(await acknowledge(store, 'ord-1', words)).toEqual({ outcome: 'no-verdict' });
  expect(await acknowledge(store, 'none', words)).toEqual({ outcome: 'gone' });
  expect(await unacknowledge(store, 'none')).toBe('gone');
  await read(aReading.softFailed());
  await read(aReading.softFailed({ at: createdAt + 60_000 }));
  expect(await acknowledge(store, 'ord-1', words)).toMatchObject({ outcome: 'acknowledged' });
  // A failure is no unresolved money, and does not become any.
  expect(await unacknowledge(store, 'ord-1')).toBe('removed');
  expect(await moneyOrders()).toBe(0);
  await read(aReading.paid({ at: createdAt + 120_000 }));
  expect(await acknowledge(store, 'ord-1', words)).toEqual({ outcome: 'final' });
});

test('where the list of unresolved money cannot be written, nothing is acknowledged', async () => {
  const { keys, store, read, view } = await setup();
  await read(aReading.doubtful('underpaid'));
  await redis.set(keys.unresolved, 'broken');
  await expect(acknowledge(store, 'ord-1', words)).rejects.toThrow(/WRONGTYPE/);
  expect((await view())?.acknowledged).toBeNull();
});

test('a damaged acknowledgement hides no order', async () => {
  const { keys, read, view } = await setup();
  await read(aReading.doubtful('underpaid'));
  await redis.hset(keys.order('ord-1'), 'acknowledged', '{"by":', 'callbacks', '1:2:x:y');
  expect(await view()).toMatchObject({ status: 'unresolved', acknowledged: null, callbacks: [] });
});
