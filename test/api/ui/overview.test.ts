import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { createActivityLog, readActivity } from '../../../src/accounts/activity.ts';
import { readBreaker } from '../../../src/accounts/breaker-state.ts';
import { createCircuitBreaker } from '../../../src/accounts/circuit-breaker.ts';
import { setPause } from '../../../src/accounts/pause.ts';
import { createOverview } from '../../../src/api/ui/overview.ts';
import { renderSections } from '../../../src/api/ui/overview-page.ts';
import { remember } from '../../../src/domain/evidence.ts';
import type { Order, Verdict } from '../../../src/domain/order.ts';
import { buildEvent } from '../../../src/domain/result-event.ts';
import { firstPollAt } from '../../../src/domain/schedule.ts';
import { createPollQueue, pollJob } from '../../../src/jobs/queue.ts';
import { hourOf, readStatistics } from '../../../src/orders/statistics.ts';
import { createOrderStore, type OrderStore } from '../../../src/orders/store.ts';
import { createKeys, type Keys } from '../../../src/redis/keys.ts';
import { sweep } from '../../../src/workers/sweep.ts';
import { anOrder, aProgress, aReading } from '../../support/builders.ts';
import { testPrefix, testRedis } from '../../support/redis.ts';

const redis = testRedis();
const retentionMs = 86_400_000;
const now = Date.now();

let keys: Keys;
let store: OrderStore;
let queue: ReturnType<typeof createPollQueue>;
const queues: (typeof queue)[] = [];

beforeEach(() => {
  keys = createKeys(testPrefix());
  store = createOrderStore({ redis, keys, retentionMs });
  queue = createPollQueue(redis, keys, 'jenga');
  queues.push(queue);
});
afterAll(async () => {
  await Promise.all(queues.map((each) => each.close()));
});

const read = (at = now) =>
  createOverview({
    redis,
    keys,
    accounts: [{ id: 'jenga', provider: 'jenga', ratePerSecond: 10 }],
    queue: () => queue,
  })(at);

const look = async () => renderSections(await read(), await readStatistics(redis, keys, 24, now));

async function opened(orderId: string, fields: Partial<Order> = {}): Promise<Order> {
  const order = anOrder({ orderId, reference: `OR-${orderId}`, createdAt: now, ...fields });
  await store.open(order, firstPollAt(order), []);
  return order;
}

/** Moves an order as the worker does; publishes the verdict where there is one. */
async function settled(orderId: string, verdict: Verdict | null, nextPollAt: number | null, at = now) {
  const record = await store.read(orderId);
  if (record === null) throw new Error(`There is no ${orderId}.`);
  const progress =
    verdict === null
      ? aProgress.asking()
      : aProgress[nextPollAt === null ? 'closed' : 'watching']({ ...verdict, at });
  const reading = aReading.paid({ at, receipt: `RECEIPT-${orderId}` });
  const event = verdict === null ? null : buildEvent(record.order, progress, verdict, reading, [], at);
  const step = { record, progress, history: [], query: null, nextPollAt, event, entry: null };
  return store.settle(step);
}

const unresolved: Verdict = { status: 'unresolved', reason: 'deadline' };
const paid: Verdict = { status: 'paid', reason: null };

describe('orders by state', () => {
  test('an order is asked about until its first verdict, then watched, then neither', async () => {
    await opened('a', { createdAt: now - 5_000 });
    await opened('b', { createdAt: now - 9_000 });
    expect(await read()).toMatchObject({
      asking: 2,
      watching: 0,
      oldestAsking: { orderId: 'b', createdAt: now - 9_000 },
    });
    await settled('b', null, now + 1_000);
    expect(await read()).toMatchObject({ asking: 2, watching: 0 });
    await settled('b', unresolved, now + 1_000);
    expect(await read()).toMatchObject({ asking: 1, watching: 1, oldestAsking: { orderId: 'a' } });
    await settled('b', paid, null);
    await settled('a', paid, null);
    expect(await read()).toMatchObject({ asking: 0, watching: 0, oldestAsking: null, nextDue: null });
  });

  test('handing in the same again, and a closed order without a verdict, change nothing', async () => {
    await opened('a');
    await opened('a');
    expect(await read()).toMatchObject({ asking: 1 });
    await settled('a', null, null);
    expect(await read()).toMatchObject({ asking: 0, watching: 0 });
  });

  test('the sweeper mends a list that somebody bent', async () => {
    const order = await opened('lost');
    const job = pollJob(order.orderId, firstPollAt(order), now);
    await queue.add(job.name, job.data, job.opts);
    await redis.zrem(keys.asking, 'lost');
    await redis.zadd(keys.asking, 1, 'ghost');
    const mended: string[] = [];
    await sweep({
      redis,
      keys,
      accounts: ['jenga'],
      store,
      queue: () => queue,
      intervalMs: 60_000,
      resultsRetentionMs: retentionMs,
      retentionMs,
      mended: (kind, orderId) => void mended.push(`${kind} ${orderId}`),
      damaged: () => {},
    });
    expect(await redis.zrange(keys.asking, '0', '-1', 'WITHSCORES')).toEqual(['lost', String(now)]);
    expect(mended).toEqual(['missing-from-open lost']);
  });
});

describe('money unresolved', () => {
  const hourMs = 3_600_000;

  test('is summed by currency and age, the oldest named', async () => {
    const ages = [0, hourMs - 1, hourMs, 23 * hourMs, 24 * hourMs, 8 * 24 * hourMs];
    for (const [index, age] of ages.entries()) {
      const currency = index === 0 ? 'UGX' : 'KES';
      await opened(`u${index}`, { amountMinor: 10 ** index, currency });
      await settled(`u${index}`, unresolved, null, now - age);
    }
    const { unresolved: money } = await read();
    if (money === null) throw new Error('They are few: they are counted at once.');
    expect(money.orders).toBe(6);
    expect(money.currencies).toEqual([
      {
        currency: 'KES',
        classes: {
          '1h': { orders: 1, amountMinor: 10 },
          '24h': { orders: 2, amountMinor: 1_100 },
          '7d': { orders: 1, amountMinor: 10_000 },
          older: { orders: 1, amountMinor: 100_000 },
        },
      },
      {
        currency: 'UGX',
        classes: {
          '1h': { orders: 1, amountMinor: 1 },
          '24h': { orders: 0, amountMinor: 0 },
          '7d': { orders: 0, amountMinor: 0 },
          older: { orders: 0, amountMinor: 0 },
        },
      },
    ]);
    expect(money.oldest.map(({ orderId }) => orderId)).toEqual(['u5', 'u4', 'u3', 'u2', 'u1', 'u0']);
    const { attention, money: section } = await look();
    expect(attention.html).toContain(
      'KES\u00a01\u202f111.10 in 5 orders is unresolved, KES\u00a01\u202f100.00 of it for more',
    );
    expect(section.html).toContain('href="/orders/u5"');
  });

  test('whose payment belongs to another order is shown with both, until it turns out otherwise', async () => {
    await opened('a');
    const doubt = { status: 'unresolved', reason: 'receipt-used' } as const;
    const record = await store.read('a');
    if (record === null) throw new Error('There is no a.');
    const reading = aReading.doubtful('receipt-used', { at: now, usedBy: 'the-owner' });
    const history = remember([], reading);
    const progress = aProgress.watching({ ...doubt, at: now });
    const event = buildEvent(record.order, progress, doubt, reading, history, now);
    const step = { record, progress, history, query: null, nextPollAt: now + 1, event, entry: null };
    await store.settle(step);
    expect((await read()).used).toEqual([{ orderId: 'a', at: now, usedBy: 'the-owner' }]);
    expect((await look()).attention.html).toMatch(
      /One payment for two orders: .*orders\/a.*orders\/the-owner/,
    );
    expect((await read(now + 8 * 86_400_000)).used).toEqual([]);
    await settled('a', paid, null);
    expect((await read()).used).toEqual([]);
  });

  test('leaves the sums when it turns out paid', async () => {
    await opened('u');
    await settled('u', unresolved, now + 1);
    expect((await read()).unresolved?.orders).toBe(1);
    await settled('u', paid, null);
    expect((await read()).unresolved).toEqual({ orders: 0, currencies: [], oldest: [] });
  });
});

test('keys of another type are reported, and close nothing', async () => {
  await opened('a');
  const broken = [keys.open, keys.unresolved, keys.results, keys.breaker('jenga'), keys.activity('jenga')];
  for (const key of [...broken, queue.toKey('delayed'), keys.statistics(hourOf(now))]) {
    await redis.del(key);
    await redis.set(key, 'broken');
  }
  const overview = await read();
  expect(overview).toMatchObject({ asking: 1, oldestAsking: { orderId: 'a' }, unresolved: null, groups: [] });
  expect(overview.unreadable).toContain('the results');
  expect(overview.accounts).toMatchObject([{ id: 'jenga', orders: 0, breaker: { state: 'closed' } }]);
  const sections = await look();
  expect(sections.attention.html).toContain('another type than the open orders');
  expect(sections.attention.html).toContain('another type than the circuit breaker of jenga');
});

describe('an account', () => {
  const policy = {
    breakerFailures: 2,
    breakerPauseMs: 5_000,
    breakerMaxPauseMs: 60_000,
    throttlePauseMs: 2_000,
  };
  const breakerOf = (credentials = 'c1') =>
    createCircuitBreaker({ redis, keys, account: 'jenga', policy, credentials, pollMs: 1_000 });

  test('tells how its breaker stands', async () => {
    const breaker = breakerOf();
    const state = async (at = now) => (await readBreaker(redis, keys, 'jenga', at)).state;
    expect(await state()).toBe('closed');
    await breaker.report({ troubled: false, probing: false }, aReading.throttled(1_000), now);
    expect(await state()).toBe('resting');
    expect(await state(now + 1_001)).toBe('closed');
    await breaker.report({ troubled: true, probing: false }, aReading.unavailable(), now + 2_000);
    expect(await readBreaker(redis, keys, 'jenga', now + 2_000)).toEqual({
      state: 'open',
      failures: 2,
      why: 'HTTP 503: no usable answer',
      pause: null,
      pausedUntil: now + 7_000,
    });
    expect((await look()).attention.html).toContain('<b>jenga</b></a> fails');
    expect(await state(now + 7_001)).toBe('half-open');
    await breaker.report(
      { troubled: true, probing: false },
      aReading.refused({ locksAccount: true }),
      now + 8_000,
    );
    expect(await state(now + 900_000)).toBe('locked');
    await breakerOf('c2').report({ troubled: true, probing: false }, aReading.pending(), now + 900_000);
    expect(await state(now + 900_000)).toBe('closed');
  });

  test('tells when it was last polled and answered, and how often it is asked, in few writes', async () => {
    const errors: Error[] = [];
    const log = createActivityLog(redis, keys, 'jenga', (error) => errors.push(error));
    log.note(aReading.pending({ at: now - 3_000 }));
    log.note(aReading.unavailable({ at: now - 2_000 }));
    log.note(aReading.pending({ at: now - 2_500, source: 'callback' }));
    expect(await redis.exists(keys.activity('jenga'))).toBe(0);
    await log.close();
    const activity = await readActivity(redis, keys, 'jenga', Date.now());
    expect(activity).toMatchObject({ polledAt: now - 2_000, answeredAt: now - 2_500 });
    expect(activity.pollsPerMinute).toBeGreaterThan(0);
    expect(errors).toEqual([]);
  });

  test('is late by its most overdue job, whether that waits or is delayed still', async () => {
    expect((await read()).accounts[0]).toMatchObject({ orders: 0, lateMs: 0 });
    const order = await opened('late', { createdAt: now - 100_000 });
    const dueAt = firstPollAt(order);
    const job = await queue.add('poll', { orderId: 'late' }, { jobId: 'o~late', delay: 60_000 });
    await job.promote();
    const [account] = (await read()).accounts;
    expect(account).toMatchObject({ orders: 1, lateMs: now - dueAt });
    expect((await look()).attention.html).toContain('Are the workers running');
    await queue.obliterate({ force: true });
    const past = Date.now() - 70_000;
    await queue.add('poll', { orderId: 'other' }, { jobId: 'o~other', delay: 30, timestamp: past });
    expect((await read(past + 60_030)).accounts[0]).toMatchObject({ orders: 1, lateMs: 60_000 });
  });

  test('that nobody serves any more is reported', async () => {
    await opened('stray', { account: 'shop9', createdAt: now - 200_000 });
    expect((await look()).attention.html).toContain('which ACCOUNTS does not name');
  });

  test('whose order has no job is reported, unless it was submitted late, or its breaker is open', async () => {
    const { orderId } = await opened('jobless', { createdAt: now - 200_000 });
    expect((await look()).attention.html).toContain('has no job');
    const job = pollJob(orderId, now - 190_000, Date.now());
    const added = await queue.add(job.name, job.data, job.opts);
    expect((await look()).attention.html).toContain('Nothing needs attention.');
    await added.remove();
    await redis.hset(keys.breaker('jenga'), { level: 1, failures: 5 });
    const { html } = (await look()).attention;
    expect(html).toContain('circuit breaker is open');
    expect(html).not.toContain('has no job');
  });
});

describe('what needs attention', () => {
  test('includes money that is unresolved for less than a day', async () => {
    await opened('young');
    await settled('young', { status: 'unresolved', reason: 'deadline' }, now + 60_000);
    const { attention } = await look();
    expect(attention.html).toMatch(/in 1 order is unresolved; see/);
    expect(attention.html).not.toContain('Nothing needs attention');
  });

  test('includes a paused account, with who paused it and why, and a queue paused on the board', async () => {
    await setPause(redis, keys, 'jenga', { by: 'amina', reason: 'they <asked> for it, call 254712345678' });
    const paused = await look();
    for (const { html } of [paused.attention, paused.accounts]) {
      expect(html).toContain('by amina: they &#60;asked&#62; for it, call [phone]');
    }
    await queue.pause();
    const stopped = await look();
    expect(stopped.attention.html).toContain('not even deadline verdicts are published');
    expect(stopped.accounts.html).toContain('queue paused on the board');
  });

  test('says why an account is not polled', async () => {
    const why = 'HTTP 401: credentials refused';
    await redis.hset(keys.breaker('jenga'), { level: 1, failures: 5, why });
    const { attention, accounts } = await look();
    expect(attention.html).toContain(why);
    expect(accounts.html).toContain(why);
  });
});

describe('the charts', () => {
  test('are empty without verdicts', async () => {
    const { verdicts, truth, attention, money, readers } = await look();
    expect(verdicts.html).toContain('No verdict in the last 24 hours.');
    expect(truth.html).toContain('No first verdict');
    expect(attention.html).toContain('Nothing needs attention.');
    expect(money.html).toContain('None.');
    expect(readers.html).toContain('No consumer group');
  });

  test('count what was published, in columns and in a table', async () => {
    await redis.hset(keys.statistics(hourOf(now)), {
      'status:paid': 30,
      'status:failed': 10,
      'truth:10': 20,
      'truth:60': 19,
      'truth:more': 1,
      corrections: 1,
    });
    await redis.hset(keys.statistics(hourOf(now - 3_600_000)), { 'status:paid': 20 });
    const { verdicts, truth } = await look();
    expect(verdicts.html).toContain('<b>50</b> paid');
    expect(verdicts.html).toMatch(/<rect class="failed" x="231" y="0\.00" width="8" height="25\.00"/);
    expect(verdicts.html).toMatch(/<td>30<\/td><td>10<\/td><td>0<\/td><td>0<\/td>/);
    expect(verdicts.html).toContain('at most 40 in one hour');
    expect(truth.html).toContain('Half of the verdicts came within 10 s, 95 % within 60 s.');
    expect(truth.html).toMatch(/<td>19<\/td><td>97 %<\/td>/);
    expect(truth.html).toMatch(/<td>1<\/td><td>100 %<\/td>/);
  });

  test('tell which readers are behind', async () => {
    await redis.xgroup('CREATE', keys.results, 'checkout', '0', 'MKSTREAM');
    const batch = redis.pipeline();
    for (let nth = 0; nth < 1_001; nth += 1) batch.xadd(keys.results, '*', 'id', String(nth));
    await batch.exec();
    const { readers, attention } = await look();
    expect(readers.html).toContain('1\u202f001');
    expect(attention.html).toContain('<b>checkout</b> is 1\u202f001 results behind');
    expect(attention.html).not.toContain('parked');
  });

  test('tell which readers have put results aside', async () => {
    await redis.xgroup('CREATE', keys.results, 'checkout', '0', 'MKSTREAM');
    await redis.xadd(keys.parked('checkout'), '*', 'reason', 'the shop threw');
    const { readers, attention } = await look();
    expect(readers.html).toMatch(/checkout<\/th><td>0<\/td><td>0<\/td><td>1<\/td>/);
    expect(attention.html).toContain('<b>checkout</b> has parked 1 result that');
  });
});
