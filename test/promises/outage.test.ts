import { expect, test } from 'vitest';
import { startGivenTime } from '../support/given-time.ts';
import { backend } from '../support/service-parts-of-account.ts';
import { type Story, setupWorld, toldOf } from '../support/service-run.ts';
import { until } from '../support/waiting.ts';

const paid: Story['timeline'] = [{ afterMs: 0, state: 'paid' }];

test('11. A sick provider hurts only itself', async () => {
  const { start, follow, rescript, verdicts, redis, keys, store, events } = await setupWorld({
    accounts: 'jenga,lipia,vexora',
    settings: {
      ...{ BREAKER_FAILURES: '5', BREAKER_PAUSE_MS: '500', BREAKER_MAX_PAUSE_MS: '500' },
      ...{ TIMEOUT_MS: '10000', RATE_PER_SECOND: '100' },
    },
    environment: { JENGA_TIMEOUT_MS: '1500' },
  });
  await start();
  const stories = (provider: Story['provider'], count: number, script: Story['script'] = {}): Story[] =>
    Array.from({ length: count }, (_, n) => ({
      ...{ provider, orderId: `${provider}-${n}`, timeline: paid, script },
    }));
  const sick = stories('jenga', 60, { faults: [{ kind: 'hang' }] });
  await follow(...sick);
  await until('the account to be degraded', async () => (await redis.xlen(keys.accounts)) > 0);
  await follow(...stories('lipia', 30), ...stories('vexora', 30));
  const healthy = await verdicts(60);
  expect(healthy.some(({ subject }) => subject.startsWith('jenga'))).toBe(false);
  // Waiting used up no attempt and ended no order.
  const waiting = await Promise.all(Array.from({ length: 60 }, (_, n) => store.read(`jenga-${n}`)));
  expect(new Set(waiting.map((record) => record?.progress.phase))).toEqual(new Set(['asking']));
  rescript(...stories('jenga', 60));
  await verdicts(120);
  expect(new Set(Object.values(toldOf(await events())).flat())).toEqual(new Set(['paid']));
  const changes = (await redis.xrange(keys.accounts, '-', '+')).map(([, fields]) => {
    const [type, subject] = ['type', 'subject'].map((name) => fields[fields.indexOf(name) + 1]);
    return `${type} ${subject}`;
  });
  // A request that was still in flight may open the breaker once more.
  expect(changes.slice(0, 1)).toEqual(['account.degraded jenga']);
  expect(changes.at(-1)).toBe('account.recovered jenga');
  expect(new Set(changes).size).toBe(2);
});

/** Half an hour of outage, ten minutes of deadline, and the rests and the watch, on a clock that runs 100 times as fast. */
const compressed = {
  outageMs: 18_000,
  deadlineMs: 6_000,
  breaker: { BREAKER_FAILURES: '10', BREAKER_PAUSE_MS: '100', BREAKER_MAX_PAUSE_MS: '3000' },
  watchMs: '1200,6000,36000,216000',
};

// Fetching one job after the other, BullMQ does not reach this rate on a small machine (src/jobs/backend/README.md).
test.skipIf(backend === 'bullmq')(
  'an outage of half an hour with 5,000 open orders: nobody ends wrong, the limit holds afterwards, all verdicts are out in time',
  async () => {
    const orders = 5_000;
    const [ratePerSecond, concurrency] = [250, 50];
    const { start, follow, simulator, events, redis, keys } = await setupWorld({
      accounts: 'jenga',
      settings: {
        ...{ RATE_PER_SECOND: String(ratePerSecond), CONCURRENCY: String(concurrency) },
        ...{ DEADLINE_MS: String(compressed.deadlineMs), WATCH_MS: compressed.watchMs },
        ...compressed.breaker,
      },
      environment: { SWEEP_INTERVAL_MS: '10000' },
    });
    await start();
    const backAt = Date.now() + compressed.outageMs;
    simulator.outage({ provider: 'jenga', fromMs: 0, untilMs: compressed.outageMs, kind: 'http-503' });
    const truth = (n: number) => (n % 3 === 0 ? 'failed/cancelled' : 'paid');
    await follow(
      ...Array.from({ length: orders }, (_, n): Story => {
        const timeline: Story['timeline'] = n % 3 === 0 ? [{ afterMs: 0, state: 'failed:cancelled' }] : paid;
        return { provider: 'jenga', orderId: `order-${n}`, timeline };
      }),
    );
    await until('the provider to be back', () => Date.now() >= backAt);
    const given = startGivenTime();
    await until('every order to have a verdict', async () => (await redis.zcard(keys.asking)) === 0, 180_000);
    expect(given()).toBeLessThanOrEqual((2_000 * orders) / ratePerSecond);
    // Orders that became unresolved during the outage are corrected by the watch.
    await until('every doubt to be gone', async () => (await redis.hlen(keys.unresolved)) === 0);

    const told = toldOf(await events());
    for (let n = 0; n < orders; n++) {
      const words = told[`order-${n}`] ?? [];
      expect([n, words.at(-1)]).toEqual([n, truth(n)]);
      expect([n, words.slice(0, -1).filter((word) => word !== 'unresolved/deadline')]).toEqual([n, []]);
    }
    // Those that are under way may arrive late, on a busy machine all at once, and so within the second of the next ones.
    expect(simulator.requests().jenga.maxPerSecond).toBeLessThanOrEqual(1.05 * ratePerSecond + concurrency);
  },
);
