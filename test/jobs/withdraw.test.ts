import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { jobIdOf } from '../../src/jobs/queue.ts';
import { withdrawOrder } from '../../src/jobs/withdraw.ts';
import { readUnresolved } from '../../src/orders/unresolved.ts';
import { pollOrder } from '../../src/workers/poll-worker.ts';
import { sweep } from '../../src/workers/sweep.ts';
import { aReading } from '../support/builders.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { type HeldGateway, startHeldGateway } from '../support/service-gateway.ts';
import { setupParts } from '../support/service-parts.ts';
import { account, aHurriedOrder, seldom } from '../support/service-parts-of-account.ts';
import { until } from '../support/waiting.ts';

const redis = testRedis();
let gateway: HeldGateway;
let orders = 0;

beforeAll(async () => {
  gateway = await startHeldGateway();
});
afterAll(() => gateway.close());

async function setup(schedule = {}) {
  orders += 1;
  const orderId = `withdraw:${orders}`;
  const { store, queue, keys, parts, enqueue, startWorker, events } = setupParts(
    redis,
    testPrefix(),
    gateway.url,
  );
  const order = aHurriedOrder({ orderId, ...schedule });
  await enqueue(order);
  return {
    ...{ store, queue, keys, parts, enqueue, startWorker, order, orderId },
    withdraw: () => withdrawOrder(store, () => queue, orderId),
    verdicts: async () =>
      (await events(orderId)).map(({ id, data }) => `${id} ${data.status}/${data.reason}`),
    hasJob: async () => (await redis.exists(queue.toKey(jobIdOf(orderId)))) === 1,
    sweepOnce: () =>
      sweep({
        ...{ redis, keys, store, accounts: [account], queue: () => queue, intervalMs: 1 },
        ...{ resultsRetentionMs: 3_600_000, retentionMs: 3_600_000 },
        mended: () => {},
        damaged: () => {},
      }),
  };
}

test('it is not polled any more, its result is published once, and the sweeper makes no job of it', async () => {
  const { withdraw, verdicts, hasJob, sweepOnce, startWorker, orderId, store, keys, enqueue, order } =
    await setup({ schedule: seldom });
  await startWorker();
  await gateway.arrived(orderId, 1);
  await until('the answer', async () => (await store.read(orderId))?.progress.polls === 1);
  expect(await withdraw()).toMatchObject({ outcome: 'withdrawn' });
  expect(await withdraw()).toEqual({ outcome: 'same' });
  await until('no job', async () => !(await hasJob()));
  await sweepOnce();
  // The checkout sends it once more, as after a time-out.
  expect(await enqueue(order)).toMatchObject([{ outcome: 'same' }]);
  expect(await hasJob()).toBe(false);
  expect([await redis.zcard(keys.open), await redis.zcard(keys.asking)]).toEqual([0, 0]);
  expect(gateway.arrivals(orderId)).toHaveLength(1);
  expect(await verdicts()).toEqual([`${orderId}:1 unresolved/withdrawn`]);
  expect(await redis.pttl(keys.order(orderId))).toBeGreaterThan(0);
  // The checkout expects no money.
  expect((await readUnresolved(redis, keys, Date.now()))?.orders).toBe(0);
});

test('many at once withdraw it once', async () => {
  const { withdraw, verdicts, orderId } = await setup({ schedule: seldom });
  const outcomes = await Promise.all(Array.from({ length: 10 }, withdraw));
  expect(outcomes.filter(({ outcome }) => outcome === 'withdrawn')).toHaveLength(1);
  expect(outcomes.filter(({ outcome }) => outcome === 'same')).toHaveLength(9);
  expect(await verdicts()).toEqual([`${orderId}:1 unresolved/withdrawn`]);
});

test.each([
  ['paid', ['unresolved/withdrawn', 'paid/null']],
  ['pending', ['unresolved/withdrawn']],
  ['cancelled', ['unresolved/withdrawn']],
] as const)(
  'a poll that is in flight then, and answers %s, is taken in, and is the last',
  async (said, told) => {
    const { withdraw, verdicts, startWorker, orderId, hasJob } = await setup();
    gateway.hold(orderId);
    await startWorker();
    await gateway.arrived(orderId, 1);
    expect(await withdraw()).toMatchObject({ outcome: 'withdrawn' });
    gateway.say(said, orderId);
    gateway.release(orderId);
    await until('no job', async () => !(await hasJob()));
    expect(await verdicts()).toEqual(told.map((verdict, nth) => `${orderId}:${nth + 1} ${verdict}`));
    expect(gateway.arrivals(orderId)).toHaveLength(1);
  },
);

test('of a worker that has settled first, the verdict stands', async () => {
  const { verdicts, store, queue, orderId, parts } = await setup({ schedule: seldom });
  gateway.say('paid', orderId);
  const racing: typeof store = {
    ...store,
    async settle(step) {
      // Between the look at the record and the write.
      if (step.event?.data.reason === 'withdrawn') await pollOrder(parts, orderId);
      return store.settle(step);
    },
  };
  expect(await withdrawOrder(racing, () => queue, orderId)).toEqual({ outcome: 'paid' });
  expect(await verdicts()).toEqual([`${orderId}:1 paid/null`]);
});

test('a process that dies before it removes the job leaves one that ends without a poll', async () => {
  const { verdicts, store, hasJob, orderId, startWorker } = await setup({ schedule: seldom });
  const dying = () => {
    throw new Error('killed');
  };
  await expect(withdrawOrder(store, dying, orderId)).rejects.toThrow('killed');
  expect([await hasJob(), await verdicts()]).toEqual([true, [`${orderId}:1 unresolved/withdrawn`]]);
  await startWorker();
  await until('no job', async () => !(await hasJob()));
  expect(gateway.arrivals(orderId)).toEqual([]);
});

describe('an answer that is pushed to us', () => {
  async function pushed(kit: Awaited<ReturnType<typeof setup>>, kind: 'paid' | 'underpaid' | 'softFailed') {
    const { store, orderId } = kit;
    const id = `q-${orderId}`;
    await store.beginQuery(orderId, { id, sentAt: Date.now() });
    const facts = { at: Date.now(), source: 'callback' as const };
    const reading =
      kind === 'paid'
        ? aReading.paid({ ...facts, receipt: `R${orderId}`, amountReceivedMinor: 10_000 })
        : kind === 'underpaid'
          ? aReading.doubtful('underpaid', facts)
          : aReading.softFailed(facts);
    return () => store.deliver(orderId, { queryId: id, reading }, true, Date.now());
  }

  test('before the withdrawal, and not read yet, is read, and published as a correction', async () => {
    const kit = await setup({ schedule: seldom });
    await (await pushed(kit, 'paid'))();
    await kit.withdraw();
    expect(await kit.hasJob()).toBe(true);
    await pollOrder(kit.parts, kit.orderId);
    expect(await kit.verdicts()).toEqual([
      `${kit.orderId}:1 unresolved/withdrawn`,
      `${kit.orderId}:2 paid/null`,
    ]);
    expect(gateway.arrivals(kit.orderId)).toEqual([]);
  });

  test.each([
    ['paid', '2 paid/null', 0],
    ['underpaid', '2 unresolved/underpaid', 1],
    ['softFailed', '1 unresolved/withdrawn', 0],
  ] as const)('after it: %s', async (kind, last, unresolved) => {
    const kit = await setup({ schedule: seldom });
    const push = await pushed(kit, kind);
    await kit.withdraw();
    expect(await push()).toBe('delivered');
    expect(await pollOrder(kit.parts, kit.orderId)).toBeNull();
    expect((await kit.verdicts()).at(-1)).toBe(`${kit.orderId}:${last}`);
    expect((await kit.store.read(kit.orderId))?.history.at(-1)).toMatchObject({ source: 'callback' });
    expect((await readUnresolved(redis, kit.keys, Date.now()))?.orders).toBe(unresolved);
    expect(gateway.arrivals(kit.orderId)).toEqual([]);
  });
});

test('a callback is kept as evidence and brings the order to attention, once per body, without a poll', async () => {
  const { withdraw, store, keys, orderId } = await setup({ schedule: seldom });
  const [body, other] = ['ab'.repeat(32), 'cd'.repeat(32)];
  await store.hint(orderId, 1_000, 0, body);
  await withdraw();
  const unresolved = async () => (await readUnresolved(redis, keys, Date.now()))?.orders;
  // The same body as before the withdrawal is no news.
  expect(await store.hint(orderId, 2_000, 0, body)).toEqual({ outcome: 'closed' });
  expect(await unresolved()).toBe(0);
  expect(await store.hint(orderId, 3_000, 0, other)).toEqual({ outcome: 'closed' });
  expect(await unresolved()).toBe(1);
  expect((await store.read(orderId))?.callbacks).toEqual([
    { firstAt: 1_000, at: 2_000, count: 2, bodySha256: body },
    { firstAt: 3_000, at: 3_000, count: 1, bodySha256: other },
  ]);
  for (let n = 0; n < 30; n += 1) await store.hint(orderId, 4_000 + n, 0, String(n).padStart(64, '0'));
  expect((await store.read(orderId))?.callbacks).toHaveLength(10);
});
