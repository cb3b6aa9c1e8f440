import { describe, expect, test } from 'vitest';
import { decide } from '../../src/domain/decide.ts';
import { remember } from '../../src/domain/evidence.ts';
import type { Order, Reading } from '../../src/domain/order.ts';
import { buildEvent } from '../../src/domain/result-event.ts';
import { firstPollAt } from '../../src/domain/schedule.ts';
import { asUsed, type PaymentRules, paymentsWithin } from '../../src/orders/ownership.ts';
import { createOrderStore, type SettleResult } from '../../src/orders/store.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { anOrder, aPolicy, aReading, createdAt } from '../support/builders.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { eventsOf } from '../support/service-parts-of-account.ts';

const redis = testRedis();
const retentionMs = 3_600_000;

/** Orders `a`, `b`, … at one account, each with a reference of its own unless told otherwise. */
function setup({
  sharesPayments = false,
  isReceiptMasked = false,
  merchantOf = (account: string) => account,
} = {}) {
  const keys = createKeys(testPrefix());
  const store = createOrderStore({ redis, keys, retentionMs });
  const rulesOf = (account: string): PaymentRules => ({
    ...paymentsWithin(merchantOf(account)),
    isShared: sharesPayments || account === 'sharing',
    ...(isReceiptMasked && { receiptsLike: () => null }),
  });
  const order = (orderId: string, fields: Partial<Order> = {}) =>
    anOrder({ orderId, reference: `ref-${orderId}`, ...fields });

  async function settle(orderId: string, reading: Reading): Promise<SettleResult> {
    const record = await store.read(orderId);
    if (record === null) throw new Error(`There is no order ${orderId}.`);
    const now = reading.at;
    const { progress, publish, nextPollAt } = decide(
      record.order,
      record.progress,
      reading,
      aPolicy(),
      now,
      0.5,
    );
    const history = remember(record.history, reading);
    const event =
      publish === null ? null : buildEvent(record.order, progress, publish, reading, history, now);
    const step = { record, progress, history, nextPollAt, query: record.query, event, entry: null };
    const used = reading.kind === 'paid' && reading.doubt === 'receipt-used' ? reading : null;
    return store.settle({ ...step, used, payments: rulesOf(record.order.account) });
  }

  return {
    keys,
    store,
    settle,
    pay: (orderId: string, receipt: string | null, fields: { amountReceivedMinor?: number | null } = {}) =>
      settle(orderId, aReading.paid({ receipt, ...fields })),
    async open(orderId: string, fields: Partial<Order> = {}) {
      const one = order(orderId, fields);
      return store.open(one, firstPollAt(one), [], rulesOf(one.account));
    },
    hash: (orderId: string) => redis.hgetall(keys.order(orderId)),
    paid: async () => (await eventsOf(redis, keys)).map(({ subject }) => subject),
  };
}

describe('one payment', () => {
  test('pays one order: the second one learns which, and nothing of it is written', async () => {
    const { open, pay, hash, paid } = setup();
    await open('a');
    await open('b');
    expect(await pay('a', 'R1')).toMatchObject({ outcome: 'settled' });
    const before = await hash('b');
    expect(await pay('b', 'R1')).toEqual({ outcome: 'used', usedBy: 'a' });
    expect([await hash('b'), await paid()]).toEqual([before, ['a']]);
    expect(await pay('b', 'R2')).toMatchObject({ outcome: 'settled' });
  });

  test('is not identified by a masked receipt: two orders may have the same, and each owns its reference', async () => {
    const { open, pay, hash, keys, paid } = setup({ isReceiptMasked: true });
    const masked = 'C36*******67';
    await open('c', { reference: 'ref-a' });
    for (const orderId of ['a', 'b']) {
      await open(orderId);
      expect(await pay(orderId, masked)).toMatchObject({ outcome: 'settled' });
      expect(JSON.parse((await hash(orderId)).owns ?? '')).toEqual([keys.paid('jenga', `ref-${orderId}`)]);
    }
    expect(await paid()).toEqual(['a', 'b']);
    expect(await pay('c', masked)).toEqual({ outcome: 'used', usedBy: 'a' });
  });

  test('under one reference, without a receipt or with another one, pays one order as well', async () => {
    const { open, pay, paid } = setup();
    for (const orderId of ['a', 'b', 'c']) await open(orderId, { reference: 'same' });
    await pay('a', null);
    expect(await pay('b', null)).toEqual({ outcome: 'used', usedBy: 'a' });
    expect(await pay('c', 'R2')).toEqual({ outcome: 'used', usedBy: 'a' });
    expect(await paid()).toEqual(['a']);
  });

  test('pays one order of those that are settled in the same moment', async () => {
    const { open, pay, paid } = setup();
    const orderIds = Array.from({ length: 30 }, (_, n) => `o${n}`);
    await Promise.all(orderIds.map((orderId) => open(orderId)));
    const settled = await Promise.all(orderIds.map((orderId) => pay(orderId, 'R1')));
    const [owner, ...others] = await paid();
    expect(others).toEqual([]);
    expect(settled.filter(({ outcome }) => outcome === 'settled')).toHaveLength(1);
    expect(settled.filter((one) => one.outcome === 'used' && one.usedBy === owner)).toHaveLength(29);
  });

  test('pays one order however its receipt is spelt', async () => {
    const { open, pay, paid } = setup();
    await open('a');
    await open('b');
    await pay('a', 'SH90HU7FO2');
    expect(await pay('b', 'sh90hu7fo2')).toEqual({ outcome: 'used', usedBy: 'a' });
    expect(await paid()).toEqual(['a']);
  });

  test('at another merchant is another payment', async () => {
    const { open, pay, paid } = setup();
    await open('a', { reference: 'same' });
    await open('b', { reference: 'same', account: 'shop2' });
    await pay('a', 'R1');
    await pay('b', 'R1');
    expect(await paid()).toEqual(['a', 'b']);
  });

  test('is owned again by a correction, and by no order that only said so doubtfully', async () => {
    const { open, pay, settle, paid } = setup();
    await open('a');
    await open('b');
    await settle('a', aReading.doubtful('underpaid', { receipt: 'R1' }));
    expect(await pay('b', 'R1')).toMatchObject({ outcome: 'settled' });
    const later = { at: createdAt + 200_000 };
    expect(await settle('a', aReading.paid({ ...later, receipt: 'R1' }))).toEqual({
      ...{ outcome: 'used', usedBy: 'b' },
    });
    expect(await settle('a', aReading.paid({ ...later, receipt: 'R2' }))).toMatchObject({
      outcome: 'settled',
    });
    expect(await paid()).toEqual(['a', 'b', 'a']);
    await open('c');
    expect(await pay('c', 'R2')).toEqual({ outcome: 'used', usedBy: 'a' });
  });

  test('belongs to its order as long as the record is kept, and is renewed with it', async () => {
    const { open, pay, keys } = setup();
    await open('a');
    await pay('a', 'R1');
    const owned = [keys.receipt('jenga', 'R1'), keys.paid('jenga', 'ref-a')];
    const lives = async (all: string[]) => Promise.all(all.map((key) => redis.pttl(key)));
    for (const ms of await lives([keys.order('a'), ...owned]))
      expect(ms).toBeGreaterThan(retentionMs - 20_000);
    await Promise.all([keys.order('a'), ...owned].map((key) => redis.pexpire(key, 5_000)));
    await pay('a', 'R1');
    for (const ms of await lives([keys.order('a'), ...owned]))
      expect(ms).toBeGreaterThan(retentionMs - 20_000);
  });

  test('that was denied to an order stays denied for as long as that order is polled', async () => {
    const { open, pay, settle, keys } = setup();
    await open('a');
    await open('b');
    await pay('a', 'R1');
    const receipt = keys.receipt('jenga', 'R1');
    await redis.pexpire(receipt, 5_000);
    const used = asUsed(aReading.paid({ receipt: 'R1', at: Date.now() }), 'a');
    const settled = await settle('b', used);
    if (settled.outcome !== 'settled') throw new Error(settled.outcome);
    const recordUntil = Number(settled.nextPollAt) + retentionMs;
    const left = await redis.pttl(receipt);
    expect(Date.now() + left).toBeGreaterThan(recordUntil - 1_000);
    // A longer life is not shortened, and that of what denied nothing stays.
    await redis.pexpire(receipt, 100 * retentionMs);
    await redis.pexpire(keys.paid('jenga', 'ref-a'), 5_000);
    expect(await settle('b', used)).toMatchObject({ outcome: 'settled' });
    expect(await redis.pttl(receipt)).toBeGreaterThan(99 * retentionMs);
    expect(await redis.pttl(keys.paid('jenga', 'ref-a'))).toBeLessThanOrEqual(5_000);
  });

  test('stays with its order when the record is deleted, and with the one that is submitted again', async () => {
    const { open, pay, keys, paid } = setup();
    for (const orderId of ['a', 'b', 'c']) await open(orderId, { reference: 'same' });
    await pay('a', 'R1');
    await redis.del(keys.order('a'));
    expect(await pay('b', 'R1')).toEqual({ outcome: 'used', usedBy: 'a' });
    expect(await open('d', { reference: 'same' })).toEqual({ outcome: 'in-use', usedBy: 'a' });
    expect(await open('a', { reference: 'same' })).toMatchObject({ outcome: 'new' });
    expect(await pay('c', 'R1')).toEqual({ outcome: 'used', usedBy: 'a' });
    expect(await pay('a', 'R1')).toMatchObject({ outcome: 'settled' });
    expect(await paid()).toEqual(['a', 'a']);
  });

  test('in several parts is owned in all of them', async () => {
    const { open, settle, pay, paid, store } = setup();
    for (const orderId of ['a', 'b', 'c', 'd']) await open(orderId);
    await settle('a', aReading.paid({ receipt: 'R1', furtherReceipts: ['R2', 'R3'] }));
    expect((await store.read('a'))?.history.at(-1)).toMatchObject({ furtherReceipts: ['R2', 'R3'] });
    expect(await pay('b', 'R2')).toEqual({ outcome: 'used', usedBy: 'a' });
    const parts = aReading.paid({ receipt: 'R4', furtherReceipts: ['R3'] });
    expect(await settle('c', parts)).toEqual({ outcome: 'used', usedBy: 'a' });
    expect(await pay('d', 'R4')).toMatchObject({ outcome: 'settled' });
    expect(await paid()).toEqual(['a', 'd']);
  });

  test('reported at two accounts of one merchant pays one order, and a reference is in use at both', async () => {
    const { open, pay, paid } = setup({ merchantOf: () => 'jenga:shop' });
    await open('a', { reference: 'same' });
    await open('b', { account: 'shop2' });
    await open('c', { reference: 'same', account: 'shop2' });
    await pay('a', 'R1');
    expect(await pay('b', 'R1')).toEqual({ outcome: 'used', usedBy: 'a' });
    expect(await pay('c', null)).toEqual({ outcome: 'used', usedBy: 'a' });
    expect(await open('d', { reference: 'same', account: 'shop3' })).toEqual({
      ...{ outcome: 'in-use', usedBy: 'a' },
    });
    expect(await paid()).toEqual(['a']);
  });

  test('is denied only while another order owns it: Redis may have lost the claim meanwhile', async () => {
    const { open, pay, settle, hash, paid, keys } = setup();
    await open('a');
    await open('b');
    await pay('a', 'R1');
    expect(await pay('b', 'R1')).toEqual({ outcome: 'used', usedBy: 'a' });
    const used = asUsed(aReading.paid({ receipt: 'R1' }), 'a');
    const claim = (await redis.get(keys.receipt('jenga', 'R1'))) as string;
    const before = await hash('b');
    await redis.del(keys.receipt('jenga', 'R1'));
    expect(await settle('b', used)).toEqual({ outcome: 'stale' });
    expect([await hash('b'), await paid()]).toEqual([before, ['a']]);
    await redis.set(keys.receipt('jenga', 'R1'), claim);
    expect(await settle('b', used)).toMatchObject({ outcome: 'settled' });
    expect(await paid()).toEqual(['a', 'b']);
    expect(await redis.get(keys.receipt('jenga', 'R1'))).toBe(claim);
  });

  test('whose owner cannot be read pays nobody else', async () => {
    const { open, pay, keys } = setup();
    await open('a');
    await open('b');
    await pay('a', 'R1');
    await redis.set(keys.order('a'), 'broken');
    expect(await pay('b', 'R1')).toEqual({ outcome: 'used', usedBy: 'a' });
    await redis.del(keys.receipt('jenga', 'R1'));
    await redis.sadd(keys.receipt('jenga', 'R1'), 'broken');
    await expect(pay('b', 'R1')).rejects.toThrow(/WRONGTYPE/);
    await redis.del(keys.receipt('jenga', 'R1'));
    expect(await pay('b', 'R1')).toMatchObject({ outcome: 'settled' });
  });
});

describe('handing in an order under a reference', () => {
  test('that a paid order owns is refused, and nothing is written; the paid one is still the same order', async () => {
    const { open, pay, hash, keys } = setup();
    await open('a', { reference: 'same' });
    await pay('a', 'R1');
    expect(await open('b', { reference: 'same' })).toEqual({ outcome: 'in-use', usedBy: 'a' });
    expect([await hash('b'), await redis.zcard(keys.open)]).toEqual([{}, 0]);
    expect(await open('a', { reference: 'same' })).toEqual({ outcome: 'same', nextPollAt: null });
    expect(await open('b', { reference: 'same', account: 'shop2' })).toMatchObject({ outcome: 'new' });
    await redis.del(keys.paid('jenga', 'same'));
    expect(await open('c', { reference: 'same' })).toMatchObject({ outcome: 'new' });
  });

  test('however the parts of the reference are ordered', async () => {
    const { open, pay } = setup();
    await open('a', { reference: { trackingId: 't', shortCode: 's' } });
    await pay('a', null);
    expect(await open('b', { reference: { shortCode: 's', trackingId: 't' } })).toEqual({
      ...{ outcome: 'in-use', usedBy: 'a' },
    });
  });

  test('that an open order has is taken, and names that one; a failed one is not named', async () => {
    const { open, settle } = setup();
    expect(await open('a', { reference: 'same' })).not.toHaveProperty('sharing');
    expect(await open('a', { reference: 'same' })).not.toHaveProperty('sharing');
    expect(await open('b', { reference: 'same' })).toMatchObject({ outcome: 'new', sharing: ['a'] });
    expect(await open('b', { reference: 'same' })).toMatchObject({ outcome: 'same', sharing: ['a'] });
    await settle('a', aReading.failed());
    expect(await open('c', { reference: 'same' })).toMatchObject({ outcome: 'new', sharing: ['b'] });
  });
});

describe('an account that lets orders share payments', () => {
  test('has several orders paid by one receipt, as far as it reaches', async () => {
    const { open, pay, paid } = setup({ sharesPayments: true });
    await open('a', { reference: 'same', amountMinor: 60 });
    await open('b', { reference: 'same', amountMinor: 40 });
    await open('c', { amountMinor: 1 });
    const received = { amountReceivedMinor: 100 };
    await pay('a', 'R1', received);
    expect(await open('d', { reference: 'same', amountMinor: 50 })).toMatchObject({ outcome: 'new' });
    await pay('b', 'R1', received);
    expect(await pay('c', 'R1', received)).toMatchObject({ outcome: 'used' });
    // A second payment under the same reference.
    expect(await pay('d', 'R2', { amountReceivedMinor: 50 })).toMatchObject({ outcome: 'settled' });
    expect(await paid()).toEqual(['a', 'b', 'd']);
  });

  test('cannot be overdrawn by orders that are settled in the same moment, or whose records are gone', async () => {
    const { open, pay, paid, keys } = setup({ sharesPayments: true });
    const orderIds = Array.from({ length: 10 }, (_, n) => `o${n}`);
    await Promise.all(orderIds.map((orderId) => open(orderId, { amountMinor: 30 })));
    await Promise.all(orderIds.map((orderId) => pay(orderId, 'R1', { amountReceivedMinor: 100 })));
    const owners = await paid();
    expect(owners).toHaveLength(3);
    await redis.del(keys.order(owners[0] ?? ''));
    await open('late', { amountMinor: 30 });
    expect(await pay('late', 'R1', { amountReceivedMinor: 100 })).toMatchObject({ outcome: 'used' });
  });

  test('sums what orders expect of a payment in several parts, each order once', async () => {
    const { open, settle, paid } = setup({ sharesPayments: true });
    for (const orderId of ['a', 'b', 'c']) await open(orderId, { amountMinor: 60 });
    const parts = { receipt: 'R1', furtherReceipts: ['R2'], amountReceivedMinor: 130 };
    for (const orderId of ['a', 'b', 'c']) await settle(orderId, aReading.paid(parts));
    expect(await paid()).toEqual(['a', 'b']);
  });

  test('sums under the reference where there is no receipt, and takes all where no amount is known', async () => {
    const { open, pay, paid } = setup({ sharesPayments: true });
    for (const orderId of ['a', 'b', 'c']) await open(orderId, { reference: 'same', amountMinor: 60 });
    await pay('a', null, { amountReceivedMinor: 100 });
    expect(await pay('b', null, { amountReceivedMinor: 100 })).toEqual({ outcome: 'used', usedBy: 'a' });
    expect(await pay('c', null, { amountReceivedMinor: null })).toMatchObject({ outcome: 'settled' });
    expect(await paid()).toEqual(['a', 'c']);
  });
});

describe('an account that shares payments, beside one of the same merchant that does not', () => {
  const received = { amountReceivedMinor: 1_000 };

  test.each([
    ['sharing', 'jenga'],
    ['jenga', 'sharing'],
  ])('an order of %s cannot be paid by what one of %s owns', async (later, first) => {
    const { open, pay, paid } = setup({ merchantOf: () => 'merchant' });
    await open('a', { account: first });
    await open('b', { account: later });
    await pay('a', 'R1', received);
    expect(await pay('b', 'R1', received)).toEqual({ outcome: 'used', usedBy: 'a' });
    expect(await open('c', { account: later, reference: 'ref-a' })).toEqual({
      ...{ outcome: 'in-use', usedBy: 'a' },
    });
    expect(await paid()).toEqual(['a']);
  });

  test('does not share a reference that another order owns alone, under whichever receipt', async () => {
    const { open, pay } = setup({ merchantOf: () => 'merchant' });
    await open('a', { reference: 'same' });
    await open('b', { reference: 'same', account: 'sharing' });
    await pay('a', 'R1', received);
    expect(await pay('b', 'R2', received)).toEqual({ outcome: 'used', usedBy: 'a' });
  });

  test('keeps what is owned alone or shared as it was when it is renewed or restored', async () => {
    const { open, pay, keys, store } = setup({ merchantOf: () => 'merchant' });
    await open('alone');
    await open('shared', { account: 'sharing' });
    await pay('alone', 'R1', received);
    await pay('shared', 'R2', received);
    const claims = () => redis.mget(keys.receipt('merchant', 'R1'), keys.receipt('merchant', 'R2'));
    const before = await claims();
    expect(before).toEqual(['alone 200', 'shared 200+']);
    await redis.del(keys.receipt('merchant', 'R1'), keys.receipt('merchant', 'R2'));
    expect((await store.restoreClaims(['alone', 'shared'])).map(({ restored }) => restored)).toEqual([1, 1]);
    expect(await claims()).toEqual(before);
    await pay('alone', 'R1', received);
    await pay('shared', 'R2', received);
    expect(await claims()).toEqual(before);
  });
});

describe('what an order owns, deleted by somebody', () => {
  async function restore(store: ReturnType<typeof createOrderStore>, ...orderIds: string[]) {
    const restored = await store.restoreClaims(orderIds);
    return restored.map((each) => each.restored);
  }

  test('is written down again from its record, and lives as long', async () => {
    const { open, settle, pay, keys, store } = setup();
    for (const orderId of ['a', 'b', 'open']) await open(orderId);
    await settle('a', aReading.paid({ receipt: 'R1', furtherReceipts: ['R2'] }));
    const owned = [keys.paid('jenga', 'ref-a'), keys.receipt('jenga', 'R1'), keys.receipt('jenga', 'R2')];
    expect(await restore(store, 'a', 'open', 'unknown')).toEqual([0, 0, 0]);
    await redis.del(owned);
    await redis.set(owned[2] ?? '', 'junk');
    expect(await restore(store, 'open', 'a')).toEqual([0, 3]);
    expect(await restore(store, 'a')).toEqual([0]);
    for (const key of owned) expect(await redis.pttl(key)).toBeGreaterThan(retentionMs - 20_000);
    for (const receipt of ['R1', 'R2']) {
      expect(await pay('b', receipt)).toEqual({ outcome: 'used', usedBy: 'a' });
    }
  });

  test('or replaced by a key of another type, as well', async () => {
    const { open, pay, keys, store } = setup();
    for (const orderId of ['a', 'b']) await open(orderId);
    await pay('a', 'R1');
    await redis.del(keys.receipt('jenga', 'R1'));
    await redis.sadd(keys.receipt('jenga', 'R1'), 'broken');
    await expect(pay('b', 'R1')).rejects.toThrow(/WRONGTYPE/);
    expect(await restore(store, 'a')).toEqual([1]);
    expect(await pay('b', 'R1')).toEqual({ outcome: 'used', usedBy: 'a' });
  });

  test('and taken by another order meanwhile has two owners, and gets no third', async () => {
    const { open, pay, keys, store } = setup();
    for (const orderId of ['a', 'b', 'c']) await open(orderId);
    await pay('a', 'R1');
    await redis.del(keys.receipt('jenga', 'R1'));
    await pay('b', 'R1');
    expect(await restore(store, 'b', 'a')).toEqual([0, 1]);
    expect(await redis.get(keys.receipt('jenga', 'R1'))).toBe('a 200 b 200');
    expect(await restore(store, 'b', 'a')).toEqual([0, 0]);
    expect(await pay('c', 'R1')).toMatchObject({ outcome: 'used' });
  });

  test('and whose record is broken stops nobody else', async () => {
    const { open, pay, keys, store } = setup();
    for (const orderId of ['a', 'b', 'c']) await open(orderId);
    for (const orderId of ['a', 'b', 'c']) await pay(orderId, `R-${orderId}`);
    await redis.set(keys.order('a'), 'broken');
    await redis.hset(keys.order('b'), 'owns', '{');
    await redis.del(keys.receipt('jenga', 'R-c'));
    expect(await restore(store, 'a', 'b', 'c')).toEqual([0, 0, 1]);
  });
});
