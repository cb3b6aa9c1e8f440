import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Order } from '../../src/domain/order.ts';
import type { ResultEvent } from '../../src/domain/result-event.ts';
import { restoreClaims } from '../../src/workers/missing-claims.ts';
import { pollOrder } from '../../src/workers/poll-worker.ts';
import { aReading } from '../support/builders.ts';
import { startCrashChild } from '../support/crash-child.ts';
import type { CrashPoint } from '../support/crash-worker.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';
import { type HeldGateway, receiptOf, startHeldGateway } from '../support/service-gateway.ts';
import { setupParts } from '../support/service-parts.ts';
import { aHurriedOrder } from '../support/service-parts-of-account.ts';
import { eventually, until } from '../support/waiting.ts';

const redis = testRedis();
let gateway: HeldGateway;
let pairs = 0;

beforeAll(async () => {
  gateway = await startHeldGateway();
});
afterAll(() => gateway.close());

/** Two orders, `a` and `b`, whose references lead to the same receipt. */
async function setup(fields: Partial<Order> = {}) {
  pairs += 1;
  const [a, b] = [`one:${pairs}:a`, `one:${pairs}:b`];
  const receipt = receiptOf(`${pairs}`);
  const prefix = testPrefix();
  const { parts, keys, store, published, startWorker, enqueue, events } = setupParts(
    redis,
    prefix,
    gateway.url,
  );
  await enqueue(aHurriedOrder({ orderId: a, ...fields }), aHurriedOrder({ orderId: b, ...fields }));
  return {
    ...{ a, b, receipt, prefix, parts, keys, store, published, startWorker, events },
    bothPaid() {
      for (const reference of [a, b]) gateway.say({ receipt }, reference);
    },
    /** `<order> <status>/<reason>` of every result. */
    told: async () => (await events()).map(toldOf),
    verdicts: async (orderId: string) => (await events(orderId)).map(toldOf),
    record: async (orderId: string) => {
      const record = await store.read(orderId);
      if (record === null) throw new Error('The order is there.');
      return record;
    },
  };
}

function toldOf({ subject, data }: ResultEvent): string {
  return `${subject} ${data.status}/${data.reason}`;
}

describe('one payment for two orders', () => {
  test('of two workers at the same time: the first owns it, the other is unresolved, published once', async () => {
    const { a, b, bothPaid, startWorker, events, told, record, published } = await setup();
    bothPaid();
    gateway.hold(a);
    gateway.hold(b);
    await Promise.all([startWorker(), startWorker()]);
    await Promise.all([gateway.arrived(a, 1), gateway.arrived(b, 1)]);
    gateway.release(a);
    gateway.release(b);
    await until('both verdicts', async () => (await events()).length === 2);
    const [owner, other] = ((await told())[0] ?? '').startsWith(a) ? [a, b] : [b, a];
    // The watch goes on and finds the same again: nothing more is said.
    await gateway.arrived(other, 2);
    await until('the second reading', async () => (await record(other)).history[0]?.count === 2);
    expect(await told()).toEqual([`${owner} paid/null`, `${other} unresolved/receipt-used`]);
    const [event] = await events(other);
    expect(event?.data).toMatchObject({
      ...{ amountVerified: false, polls: 1 },
      evidence: [{ reading: 'paid', reason: 'receipt-used', usedBy: owner }],
    });
    await eventually(() => expect(published.map(({ subject }) => subject)).toEqual([owner, other]));
    expect((await record(other)).progress).toMatchObject({ phase: 'watching', moneySeen: true });
  });

  test('may be paid after all by another payment, and then owns that one', async () => {
    const { a, b, bothPaid, parts, verdicts, receipt, keys } = await setup();
    bothPaid();
    await pollOrder(parts, a);
    await pollOrder(parts, b);
    gateway.say({ receipt: `${receipt}2` }, b);
    await pollOrder(parts, b);
    expect(await verdicts(b)).toEqual([`${b} unresolved/receipt-used`, `${b} paid/null`]);
    expect(await redis.get(keys.receipt('lipia', `${receipt}2`))).toBe(`${b} 10000`);
  });

  test('stays with an owner whose record is deleted, and with one whose claim is, once the sweeper came', async () => {
    const { a, b, receipt, bothPaid, parts, verdicts, keys, store } = await setup();
    bothPaid();
    await pollOrder(parts, a);
    await redis.del(keys.receipt('lipia', receipt), keys.paid('lipia', a));
    const mended: string[] = [];
    await restoreClaims({ store, mended: (kind, orderId) => void mended.push(`${kind} ${orderId}`) }, [b, a]);
    expect(mended).toEqual([`missing-claim ${a}`]);
    await redis.del(keys.order(a));
    await pollOrder(parts, b);
    await pollOrder(parts, b);
    expect(await verdicts(b)).toEqual([`${b} unresolved/receipt-used`]);
  });

  test('corrects what was said at the deadline', async () => {
    const { a, b, parts, receipt, bothPaid, verdicts } = await setup({ createdAt: Date.now() - 100_000 });
    gateway.say('pending', b);
    await pollOrder(parts, b);
    bothPaid();
    await pollOrder(parts, a);
    await pollOrder(parts, b);
    expect(await verdicts(b)).toEqual([`${b} unresolved/deadline`, `${b} unresolved/receipt-used`]);
    gateway.say({ receipt }, a);
    await pollOrder(parts, a);
    expect(await verdicts(a)).toEqual([`${a} paid/null`]);
  });

  test('is shared where the account allows it', async () => {
    const { a, b, bothPaid, parts, told } = await setup({ amountMinor: 5_000 });
    bothPaid();
    const sharing = { ...parts, payments: { ...parts.payments, isShared: true } };
    await pollOrder(sharing, a);
    await pollOrder(sharing, b);
    expect(await told()).toEqual([`${a} paid/null`, `${b} paid/null`]);
  });

  test('reported by a pushed answer counts the same, and the answer leaves the inbox', async () => {
    const { a, b, bothPaid, parts, store, verdicts, receipt } = await setup();
    bothPaid();
    await pollOrder(parts, a);
    await store.beginQuery(b, { id: `q-${b}`, sentAt: Date.now() });
    const reading = aReading.paid({
      at: Date.now(),
      source: 'callback',
      receipt,
      amountReceivedMinor: 10_000,
    });
    await store.deliver(b, { queryId: `q-${b}`, reading }, true, Date.now());
    await pollOrder(parts, b);
    expect(await verdicts(b)).toEqual([`${b} unresolved/receipt-used`]);
    expect(await store.inbox(b)).toEqual([]);
  });

  test.each<[CrashPoint, number]>([
    ['before settling', 0],
    ['after settling', 1],
  ])('%s, the worker of the first order dies: one of the two is paid in the end', async (at, published) => {
    const { a, b, bothPaid, prefix, events, told, startWorker } = await setup();
    bothPaid();
    await startCrashChild({ redisUrl: testRedisUrl(), prefix, gatewayUrl: gateway.url, at, nth: 1 }).died;
    expect(await events()).toHaveLength(published);
    await startWorker();
    await until('both verdicts', async () => (await events()).length === 2);
    expect((await told()).map((one) => one.replace(/^\S+ /, '')).sort()).toEqual([
      'paid/null',
      'unresolved/receipt-used',
    ]);
    expect(new Set((await events()).map(({ subject }) => subject))).toEqual(new Set([a, b]));
  });
});
