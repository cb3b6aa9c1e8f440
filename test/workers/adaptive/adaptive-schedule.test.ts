import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { readAccounts } from '../../../src/accounts/accounts.ts';
import { createLagLog } from '../../../src/accounts/lag-log.ts';
import type { OrderRecord } from '../../../src/orders/record.ts';
import { createOrderStore } from '../../../src/orders/store.ts';
import { providers } from '../../../src/providers/index.ts';
import { createKeys } from '../../../src/redis/keys.ts';
import { createAdaptiveSchedule } from '../../../src/workers/adaptive/adaptive-schedule.ts';
import { createCompletionLog } from '../../../src/workers/adaptive/completion-log.ts';
import { binOf, weightOf } from '../../../src/workers/adaptive/completion-times.ts';
import { enoughOrders } from '../../../src/workers/adaptive/plan.ts';
import { anOrder, aProgress, aReading, createdAt } from '../../support/builders.ts';
import { testPrefix, testRedis } from '../../support/redis.ts';
import { startRunningService } from '../../support/running-service.ts';
import { type HeldGateway, startHeldGateway } from '../../support/service-gateway.ts';
import { setupParts } from '../../support/service-parts.ts';
import { account, aHurriedOrder, hurried } from '../../support/service-parts-of-account.ts';
import { until } from '../../support/waiting.ts';

const redis = testRedis();
let gateway: HeldGateway;
beforeAll(async () => {
  gateway = await startHeldGateway();
});
afterAll(() => gateway.close());

/** What the orders of an account did before: all were final at this time, or within a tenth of it. */
async function seed(prefix: string, id: string, ms: number, orders = 2 * enoughOrders) {
  const log = createCompletionLog(redis, createKeys(prefix), id);
  for (let order = 0; order < orders; order += 1) log.note({ fromMs: 0.95 * ms, toMs: 1.05 * ms });
  await log.exchange();
}

/** Two workers of one account, each with a schedule of its own over the same histogram. */
function twoWorkers(prefix: string) {
  const { parts, keys, enqueue, startWorker, errors, events } = setupParts(redis, prefix, gateway.url);
  const announced: number[] = [];
  const open = () => {
    const adaptive = createAdaptiveSchedule({
      log: createCompletionLog(redis, keys, account),
      lags: createLagLog(redis, keys, account),
      policy: parts.policy,
      schedule: hurried,
      planning: {
        ...{ minIntervalMs: 10, ratePerSecond: 100, pollShare: 0.5, usualTimes: undefined },
        // Fewer polls than the exponential schedule makes: then there is a plan, whatever a busy machine made of the times.
        arrivalsPerSecond: async () => 10,
        announce: async (ms) => void announced.push(ms),
      },
      everyMs: 20,
      failed: (error) => errors.push(error),
    });
    onTestFinished(() => adaptive.close());
    return adaptive;
  };
  return { open, parts, keys, enqueue, startWorker, errors, events, announced };
}

test('what one worker sees, both plan with', async () => {
  const { open, parts, keys, errors, announced } = twoWorkers(testPrefix());
  await seed(keys.prefix, account, 400, enoughOrders - 5);
  const [busy, idle] = [open(), open()];
  await until('both have looked', () => announced.length >= 4);
  expect([busy.policy.plan, idle.policy.plan]).toEqual([null, null]);
  expect(new Set(announced)).toEqual(new Set([hurried.firstPollAfterMs]));

  // All at once, so that both learn of all of them.
  for (let nth = 0; nth < 60; nth += 1)
    busy.observer.reading(aRecord(`learn:${nth}`, 390), paidAfter(410), 0);
  await until('both have a plan', () => busy.policy.plan && idle.policy.plan);
  expect(idle.policy.plan).toEqual(busy.policy.plan);
  await until('it is announced', () => announced.includes(idle.policy.plan?.times[0] ?? 0));
  expect(parts.policy.plan).toBeUndefined();
  expect(errors).toEqual([]);
});

/** An order whose last answer, so long after it was created, was that it is pending. */
function aRecord(orderId: string, pendingMs: number): OrderRecord {
  const order = anOrder({ orderId, account, provider: account, schedule: hurried });
  return {
    ...{
      order,
      progress: aProgress.asking({ lastAnsweredAt: createdAt + pendingMs }),
      history: [],
      revision: 1,
    },
    ...{
      nextPollAt: createdAt + pendingMs,
      query: null,
      hints: 0,
      hintsSeen: 0,
      hintAt: null,
      callbacks: [],
      acknowledgement: null,
    },
  };
}

const paidAfter = (ms: number) => aReading.paid({ at: createdAt + ms });

test('orders that one worker saw become final stand where they did', async () => {
  const { open, keys, enqueue, startWorker, events } = twoWorkers(testPrefix());
  const adaptive = open();
  await startWorker({ policy: adaptive.policy, observer: adaptive.observer });
  const order = aHurriedOrder({ orderId: 'learn:when' });
  await enqueue(order);
  await gateway.arrived(order.orderId, 5);
  gateway.say('paid', order.orderId);
  await until('the verdict', async () => (await events()).length === 1);
  const arrivals = gateway.arrivals(order.orderId).map((at) => at - order.createdAt);
  const log = createCompletionLog(redis, keys, account);
  const { times } = await until('it is learnt', async () => {
    const learnt = await log.exchange();
    return learnt.seen === 1 && learnt;
  });
  expect(weightOf(times)).toBeCloseTo(1, 3);
  const bins = [...times.bins.entries()].flatMap(([bin, orders]) => (orders > 0 ? [bin] : []));
  expect(Math.max(...bins)).toBeLessThanOrEqual(binOf(arrivals.at(-1) ?? 0));
  // The poll before the last one saw it pending; it was sent a little before it arrived.
  expect(Math.min(...bins)).toBeGreaterThanOrEqual(binOf((arrivals.at(-3) ?? 0) - 1));
});

test('SCHEDULE=adaptive: polls gather where orders become final, also those of new processes', async () => {
  const prefix = testPrefix();
  const finalMs = 2_500;
  await seed(prefix, 'lipia', finalMs);
  const running = await startRunningService({
    accounts: 'lipia',
    prefix,
    environment: {
      LIPIA_SCHEDULE: 'adaptive',
      LIPIA_MIN_INTERVAL_MS: '20',
      LIPIA_FIRST_POLL_AFTER_MS: '200',
      LIPIA_DEADLINE_MS: '60000',
      LIPIA_JITTER: '0',
    },
  });
  onTestFinished(() => running.close());
  const keys = createKeys(prefix);
  const first = await until('the first poll is announced', async () => {
    const { firstPollAfterMs } = (await readAccounts(redis, keys, providers)).get('lipia')?.schedule ?? {};
    return firstPollAfterMs !== 200 && firstPollAfterMs;
  });
  expect(first).toBeGreaterThan(0.8 * finalMs);
  expect(first).toBeLessThan(1.2 * finalMs);

  const reference = '65f2c1a4e7b3d80000000001';
  running.simulator.script({
    provider: 'lipia',
    reference,
    amount: '100.00',
    timeline: [{ afterMs: finalMs, state: 'paid' }],
  });
  await running.enqueue({ orderId: 'gathered', account: 'lipia', reference, amount: '100.00' });
  const store = createOrderStore({ redis, keys, retentionMs: 1 });
  const record = await until('the verdict', async () => {
    const read = await store.read('gathered');
    return read?.progress.verdict && read;
  });
  expect(record.progress.verdict).toMatchObject({ status: 'paid' });
  const polledAt = record.history.map(
    ({ at, firstAt }) => Date.parse(firstAt ?? at) - record.order.createdAt,
  );
  // The exponential schedule begins at 200 ms.
  expect(Math.min(...polledAt)).toBeGreaterThan(0.8 * finalMs);
});

test('a Redis that fails delays learning, and nothing else', async () => {
  const failures: string[] = [];
  const adaptive = createAdaptiveSchedule({
    log: {
      note: () => {},
      hasNotes: () => true,
      exchange: () => Promise.reject(new Error('away')),
    },
    lags: { note: () => {}, write: () => Promise.reject(new Error('away')) },
    policy: { confirmAfterMs: 1, watchMs: [] },
    schedule: hurried,
    planning: null,
    everyMs: 5,
    failed: ({ message }) => failures.push(message),
  });
  await until('it goes on trying', () => failures.length > 2);
  expect(adaptive.policy.plan).toBeNull();
  await adaptive.close();
  const told = failures.length;
  await delay(30);
  expect(failures.length).toBe(told);
});
