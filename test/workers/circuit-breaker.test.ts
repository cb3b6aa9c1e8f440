import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CircuitBreakerParts, createCircuitBreaker } from '../../src/accounts/circuit-breaker.ts';
import { isRefusal, type PollQueue } from '../../src/jobs/queue.ts';
import { aReading } from '../support/builders.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { type HeldGateway, startHeldGateway } from '../support/service-gateway.ts';
import { setupParts } from '../support/service-parts.ts';
import {
  account,
  aHurriedOrder,
  breakerPolicy,
  hurried,
  limits,
} from '../support/service-parts-of-account.ts';
import { until } from '../support/waiting.ts';

const redis = testRedis();
const pauseMs = 600;
let gateway: HeldGateway;

beforeEach(async () => {
  gateway = await startHeldGateway();
});
afterEach(() => gateway.close());

function setup(changes: Partial<CircuitBreakerParts> = {}) {
  const { parts, keys, store, queue, enqueue, startWorker, events, breakerEvents } = setupParts(
    redis,
    testPrefix(),
    gateway.url,
  );
  const policy = {
    ...breakerPolicy,
    breakerFailures: 5,
    breakerPauseMs: pauseMs,
    breakerMaxPauseMs: pauseMs,
  };
  const breaker = (more: Partial<CircuitBreakerParts> = {}) =>
    createCircuitBreaker({
      redis,
      keys,
      account,
      policy,
      credentials: 'one',
      pollMs: 2_000,
      ...changes,
      ...more,
    });
  const orderIds = Array.from({ length: 20 }, (_, n) => `rest-${n}`);
  return {
    ...{ parts, keys, store, queue, enqueue, startWorker, events, breakerEvents, breaker, orderIds },
    enqueueAll: (deadlineMs = 60_000) =>
      enqueue(...orderIds.map((orderId) => aHurriedOrder({ orderId, schedule: { ...hurried, deadlineMs } }))),
    rests: () => until('a resting account', async () => 'waitUntil' in (await breaker().admit(Date.now()))),
    polls: async () =>
      (await Promise.all(orderIds.map((id) => store.read(id)))).map((record) => record?.progress.polls),
    types: async () =>
      (await redis.xrange(keys.accounts, '-', '+')).map(([, fields]) => fields[fields.indexOf('type') + 1]),
  };
}

/** Brings all waiting jobs forward. One that has come due by itself meanwhile needs no help. */
async function promoteAll(queue: PollQueue): Promise<void> {
  for (const job of await queue.getDelayed()) {
    await job.promote().catch((error: unknown) => {
      if (!isRefusal(error)) throw error;
    });
  }
}

describe('an unhealthy provider', () => {
  test('is left alone while its account rests: nothing is used up, nobody expires', async () => {
    const { enqueueAll, startWorker, breaker, polls, events, queue } = setup();
    const resting = breaker({
      policy: { ...breakerPolicy, breakerFailures: 1, breakerPauseMs: 60_000, breakerMaxPauseMs: 60_000 },
    });
    await resting.report({ troubled: false, probing: false }, aReading.unavailable(), Date.now());
    await enqueueAll();
    await startWorker({ breaker: resting });
    const allWait = () => until('all to wait', async () => (await queue.getDelayedCount()) === 20);
    await allWait();
    for (let round = 0; round < 2; round++) {
      await promoteAll(queue);
      await allWait();
    }
    expect([gateway.total(), await events()]).toEqual([0, []]);
    expect(await polls()).toEqual(Array.from({ length: 20 }, () => 0));
    for (const job of await queue.getDelayed()) expect(job.attemptsMade).toBe(0);
  });

  test('is asked about orders past their deadline all the same, a few at a time, and their verdict says why it is late', async () => {
    const { enqueueAll, startWorker, breaker, polls, events } = setup();
    const everyMs = 50;
    const resting = breaker({
      policy: {
        ...breakerPolicy,
        breakerFailures: 1,
        breakerPauseMs: 3_600_000,
        breakerMaxPauseMs: 3_600_000,
      },
      deadlinePollEveryMs: everyMs,
    });
    const openedAt = Date.now();
    await resting.report({ troubled: false, probing: false }, aReading.unavailable(), openedAt);
    gateway.say({ status: 503 });
    await enqueueAll(300);
    await startWorker({ breaker: resting });
    await until('20 verdicts', async () => (await events()).length === 20);
    expect(await polls()).toEqual(Array.from({ length: 20 }, () => 1));
    const said = await events();
    expect(new Set(said.map(({ data }) => `${data.status} ${data.reason}`))).toEqual(
      new Set(['unresolved deadline']),
    );
    for (const { data } of said) {
      const sinceOpen = Date.parse(data.settledAt) - openedAt;
      expect(data.circuitBreakerOpenMs).toBe(sinceOpen);
      expect(data.evidence.at(-1)?.reading).toBe('unavailable');
    }
    // The provider stays nearly alone.
    const tookMs = Date.now() - openedAt - 300;
    expect(gateway.total()).toBeLessThanOrEqual(tookMs / everyMs + 2);
    expect(await resting.admit(Date.now())).toMatchObject({ openSince: openedAt });
  });

  test('that is well again is asked about orders past their deadline first', async () => {
    const { enqueue, startWorker, breaker, events } = setup();
    const policy = { ...breakerPolicy, breakerFailures: 1, breakerPauseMs: 4_000, breakerMaxPauseMs: 4_000 };
    // No poll but the probe while it rests.
    const resting = breaker({ policy, deadlinePollEveryMs: 3_600_000 });
    await resting.report({ troubled: false, probing: false }, aReading.unavailable(), Date.now());
    await resting.enterAtDeadline(Date.now());
    const early = Array.from({ length: 20 }, (_, n) => `early-${n}`);
    const late = Array.from({ length: 10 }, (_, n) => `late-${n}`);
    await enqueue(...early.map((orderId) => aHurriedOrder({ orderId })));
    await enqueue(
      ...late.map((orderId) => aHurriedOrder({ orderId, schedule: { ...hurried, deadlineMs: 400 } })),
    );
    gateway.say('paid');
    // One after the other, so that the order of the verdicts is that of the polls.
    await startWorker({ breaker: resting, limits: { ...limits, concurrency: 1 } });
    await until('30 verdicts', async () => (await events()).length === 30);
    const order = (await events()).map(({ subject }) => subject.split('-')[0]);
    expect(order.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 'late'));
  });

  test('is not what bad references make of it: paid orders beside them are asked about on time', async () => {
    const { enqueue, startWorker, breaker, events, types } = setup();
    const bad = Array.from({ length: 30 }, (_, n) => `bad-${n}`);
    const good = Array.from({ length: 8 }, (_, n) => `good-${n}`);
    for (const [n, reference] of bad.entries()) {
      if (n % 3 === 2) gateway.hold(reference);
      else gateway.say({ status: n % 3 === 0 ? 400 : 404 }, reference);
    }
    await enqueue(...bad.map((orderId) => aHurriedOrder({ orderId })));
    // Were it to open, nobody would be asked for an hour.
    const pause = { breakerFailures: 5, breakerPauseMs: 3_600_000, breakerMaxPauseMs: 3_600_000 };
    await startWorker({ breaker: breaker({ policy: { ...breakerPolicy, ...pause } }) });
    await until('several rounds of the bad ones', () => gateway.arrivals('bad-0').length > 10);
    for (const reference of good) gateway.say('paid', reference);
    await enqueue(...good.map((orderId) => aHurriedOrder({ orderId })));
    await until('8 verdicts', async () => (await events()).length === 8);
    expect(await types()).toEqual([]);
    gateway.release();
  });

  test('is probed by one order at a time, and reported once; well again, all go on', async () => {
    const { enqueueAll, startWorker, breaker, rests, types, events, breakerEvents } = setup();
    gateway.say({ status: 503 });
    await enqueueAll();
    await Promise.all([startWorker({ breaker: breaker() }), startWorker({ breaker: breaker() })]);
    await rests();
    await until('polls under way to end', async () => {
      const seen = gateway.total();
      await delay(100);
      return gateway.total() === seen;
    });
    const atRest = gateway.total();
    const startedAt = Date.now();
    await until('three probes', () => gateway.total() >= atRest + 3);
    expect(gateway.total()).toBe(atRest + 3);
    expect(Date.now() - startedAt).toBeGreaterThan(pauseMs);
    gateway.say('paid');
    await until('20 verdicts', async () => (await events()).length === 20);
    expect(new Set((await events()).map(({ type }) => type))).toEqual(new Set(['payment.paid']));
    expect(await types()).toEqual(['account.degraded', 'account.recovered']);
    expect(breakerEvents).toEqual(['degraded', 'recovered']);
  });

  test('that answers 429 with Retry-After is not asked by anybody for that time', async () => {
    const { enqueue, enqueueAll, startWorker, breaker, events } = setup();
    gateway.say({ status: 429, headers: { 'retry-after': '1' } });
    await startWorker({ breaker: breaker() });
    await enqueue(aHurriedOrder({ orderId: 'first' }));
    await gateway.arrived('first', 1);
    await until('the rest', async () => 'waitUntil' in (await breaker().admit(Date.now())));
    gateway.say('paid');
    await enqueueAll();
    await until('20 verdicts', async () => (await events()).length >= 20);
    const [throttledAt = 0] = gateway.arrivals('first');
    for (let n = 0; n < 20; n++) {
      expect((gateway.arrivals(`rest-${n}`)[0] ?? 0) - throttledAt).toBeGreaterThanOrEqual(950);
    }
  });

  test('that throttles one order for an hour is asked about the others at their deadline', async () => {
    const { enqueue, enqueueAll, startWorker, breaker, events } = setup({ deadlinePollEveryMs: 50 });
    gateway.say({ status: 429, headers: { 'retry-after': '3600' } });
    await startWorker({ breaker: breaker() });
    await enqueue(aHurriedOrder({ orderId: 'first' }));
    await until('the pause', async () => 'waitUntil' in (await breaker().admit(Date.now())));
    await enqueueAll(500);
    await until('20 verdicts', async () => (await events()).length === 20);
    const verdicts = (await events()).map(({ data }) => `${data.status} ${data.reason}`);
    expect(new Set(verdicts)).toEqual(new Set(['unresolved deadline']));
    // The order whose answer asked for a wait does.
    expect(gateway.arrivals('first')).toHaveLength(1);
  });

  test('does not hold up another account', async () => {
    const sick = setup();
    gateway.say({ status: 503 });
    await sick.enqueueAll();
    await sick.startWorker({ breaker: sick.breaker() });
    await sick.rests();
    const breaker = createCircuitBreaker({
      ...{ redis, keys: sick.keys, account: 'shop2', policy: breakerPolicy, credentials: 'one', pollMs: 100 },
    });
    expect(await breaker.admit(Date.now())).toEqual({ troubled: false, probing: false });
  });
});

describe('credentials that locked their account', () => {
  test('are not used again; with others, all go on', async () => {
    const { enqueueAll, startWorker, breaker, parts, events, breakerEvents, keys, queue } = setup();
    let asked = 0;
    const locked = {
      resultTimeoutMs: null,
      ask: async () => {
        asked += 1;
        return aReading.refused({ locksAccount: true, at: Date.now() });
      },
    };
    const worker = await startWorker({ breaker: breaker(), asker: locked });
    await enqueueAll();
    await until('a resting account', async () => 'waitUntil' in (await breaker().admit(Date.now())));
    await until('all under way to end', async () => (await queue.getDelayedCount()) === 20);
    const before = asked;
    expect(before).toBeLessThanOrEqual(20);
    await promoteAll(queue);
    await until('all orders to have looked', async () => (await queue.getDelayedCount()) === 20);
    expect([asked, await events()]).toEqual([before, []]);
    await worker.close();

    gateway.say('paid');
    await startWorker({ breaker: breaker({ credentials: 'two' }), asker: parts.asker });
    await promoteAll(queue);
    await until('20 verdicts', async () => (await events()).length === 20);
    expect(breakerEvents).toEqual(['degraded', 'recovered']);
    // All that is left is which credentials must not be used again.
    expect(await redis.hgetall(keys.breaker(account))).toEqual({ locked: 'one' });
  });
});
