import { createHash } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { readConfig } from '../../src/config/config.ts';
import { demoEnvironment } from '../../src/demo/environment.ts';
import type { Reference } from '../../src/domain/order.ts';
import type { ResultEvent } from '../../src/domain/result-event.ts';
import { createProducer } from '../../src/jobs/producer.ts';
import { jobIdOf } from '../../src/jobs/queue.ts';
import type { OrderInput } from '../../src/jobs/validate-order.ts';
import { createLog } from '../../src/observability/log.ts';
import { createOrderStore } from '../../src/orders/store.ts';
import type { Redis } from '../../src/redis/connection.ts';
import { createKeys, type Keys } from '../../src/redis/keys.ts';
import { type Role, type Service, startService } from '../../src/service.ts';
import { type SimulatedOrder, startSimulator } from '../../src/simulator/simulator.ts';
import { freePort } from './ports.ts';
import { testPrefix, testRedis, testRedisUrl } from './redis.ts';
import { forAccounts, testApiKey, testCallbackToken } from './running-service.ts';
import { backend, eventsOf } from './service-parts-of-account.ts';
import { until, waitMs } from './waiting.ts';

/** Short times: polls every 100 ms, soft readings confirmed after 150 ms, watch polls every 250 ms. */
const hurried = {
  FIRST_POLL_AFTER_MS: '20',
  INITIAL_INTERVAL_MS: '100',
  FACTOR: '1',
  MAX_INTERVAL_MS: '100',
  JITTER: '0',
  DEADLINE_MS: '600000',
  CONFIRM_AFTER_MS: '150',
  WATCH_MS: Array.from({ length: 200 }, (_, n) => 250 * (n + 1)).join(','),
  RATE_PER_SECOND: '1000',
  TIMEOUT_MS: '4000',
  THROTTLE_PAUSE_MS: '50',
  BREAKER_FAILURES: '1000',
};

export interface WorldOptions {
  readonly accounts: string;
  /** Settings of every account, in addition to the short times. */
  readonly settings?: { readonly [name: string]: string };
  readonly environment?: { readonly [name: string]: string };
  readonly redis?: Redis;
  readonly redisUrl?: string;
}

/** One scenario: the provider's script and the order that is enqueued. */
export interface Story {
  readonly provider: SimulatedOrder['provider'];
  readonly orderId: string;
  readonly timeline: SimulatedOrder['timeline'];
  readonly script?: Partial<SimulatedOrder>;
  readonly order?: Partial<OrderInput>;
}

/** A simulator and a Redis prefix, on which services can be started, in this process or another. */
export async function setupWorld(options: WorldOptions) {
  const { accounts, redis = testRedis(), redisUrl = testRedisUrl() } = options;
  const prefix = testPrefix();
  const keys = createKeys(prefix);
  const simulator = await startSimulator();
  onTestFinished(() => simulator.close());
  const port = await freePort();
  const places = { simulator, redisUrl, prefix, port, apiKey: testApiKey, callbackToken: testCallbackToken };
  const environment = {
    ...demoEnvironment(places),
    ...forAccounts(accounts, { ...hurried, ...options.settings }),
    ...{ ACCOUNTS: accounts, LOG_LEVEL: 'silent', SHUTDOWN_MS: '3000', API_RATE_PER_SECOND: '100000' },
    ...{
      POLL_BACKEND: backend,
      LOCK_DURATION_MS: '2500',
      STALLED_INTERVAL_MS: '300',
      SWEEP_INTERVAL_MS: '300',
    },
    ...options.environment,
  };
  const producer = createProducer({ redis: redisUrl, prefix, timeoutMs: waitMs });
  onTestFinished(() => producer.close());

  return {
    ...{ simulator, prefix, keys, redis, environment, producer, url: `http://127.0.0.1:${port}` },
    store: createOrderStore({ redis, keys, retentionMs: 60_000 }),
    async start(
      roles: readonly Role[] = ['worker', 'api'],
      more: { [name: string]: string } = {},
    ): Promise<Service> {
      const service = await startService(readConfig({ ...environment, ...more }), createLog('silent'), roles);
      onTestFinished(() => service.close());
      return service;
    },
    /** Scripts the scenarios and enqueues their orders; fails unless all are new. */
    async follow(...stories: Story[]): Promise<void> {
      for (const story of stories) simulator.script(scriptOf(story));
      const results = await producer.enqueueMany(stories.map(orderOf));
      const refused = results.find(({ outcome }) => outcome !== 'new');
      if (refused !== undefined) throw new Error(`Not taken: ${JSON.stringify(refused)}`);
    },
    /** Replaces the providers' scripts for these orders, starting now. */
    rescript(...stories: Story[]): void {
      for (const story of stories) simulator.script(scriptOf(story));
    },
    /** Waits until each of these orders was polled since its script was last set. */
    async asked(...stories: Story[]): Promise<void> {
      const nameOf = (provider: string, key: string) => `${provider} ${key}`;
      const unasked = () => {
        const polled = simulator.ledger().filter(({ polls }) => polls > 0);
        const names = new Set(polled.map(({ provider, reference }) => nameOf(provider, reference)));
        return stories.filter(
          ({ provider, orderId }) => !names.has(nameOf(provider, referenceOf(provider, orderId).key)),
        );
      };
      await until('all to be asked about', () => unasked().length === 0).catch((error: Error) => {
        throw new Error(`${error.message} Not yet: ${unasked().map(({ orderId }) => orderId)}`);
      });
    },
    events: (orderId?: string) => eventsOf(redis, keys, orderId),
    /** Waits for this many results, and returns all results. */
    async verdicts(count: number): Promise<ResultEvent[]> {
      const areOut = async () => (await redis.xlen(keys.results)) >= count;
      await until(`${count} results`, areOut).catch(async (error: Error) => {
        throw new Error(`${error.message} Open: ${await openOrders(redis, keys)}`);
      });
      return eventsOf(redis, keys);
    },
  };
}

/** The state of some open orders, to diagnose a missing result. */
async function openOrders(redis: Redis, keys: Keys): Promise<string> {
  const orderIds = await redis.zrange(keys.open, '0', '-1');
  const fields = ['phase', 'polls', 'nextPollAt', 'account', 'hints', 'hintsSeen'] as const;
  const some = await Promise.all(
    orderIds.slice(0, 5).map(async (orderId) => {
      const known = await redis.hmget(keys.order(orderId), ...fields);
      const queue = `${keys.queuePrefix(known[3] ?? '')}:${known[3]}`;
      const delayed = await redis.zscore(`${queue}:delayed`, jobIdOf(orderId));
      return [orderId, ...known, `delayed ${delayed === null ? '-' : Number(delayed) / 4_096 - Date.now()}`];
    }),
  );
  return `${orderIds.length}, ${JSON.stringify(some)} at ${Date.now()}`;
}

/** `<status>/<reason>` of every result by order, in the order in which they were published. */
export function toldOf(events: readonly ResultEvent[]): { [orderId: string]: string[] } {
  const told: { [orderId: string]: string[] } = {};
  for (const { subject, data } of events) {
    told[subject] = [
      ...(told[subject] ?? []),
      data.reason === null ? data.status : `${data.status}/${data.reason}`,
    ];
  }
  return told;
}

function scriptOf({ provider, orderId, timeline, script }: Story): SimulatedOrder {
  return { provider, reference: referenceOf(provider, orderId).key, amount: '100.00', timeline, ...script };
}

export function orderOf({ provider, orderId, order }: Story): OrderInput {
  const { reference } = referenceOf(provider, orderId);
  return { orderId, account: provider, reference, amount: '100.00', ...order };
}

/** A reference in the provider's format, derived from the order id. */
export function referenceOf(provider: string, orderId: string): { key: string; reference: Reference } {
  const hex = createHash('sha256').update(orderId).digest('hex');
  const digits = String(BigInt(`0x${hex.slice(0, 12)}`));
  const key = {
    jenga: `OR${digits}`,
    'daraja-stk': `ws_CO_${digits}`,
    daraja: `S${hex.slice(0, 9).toUpperCase()}`,
    vexora: `T${hex.slice(0, 12)}`,
    lipia: hex.slice(0, 24),
    tanda: hex.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
  }[provider];
  if (key === undefined) throw new Error(`There is no provider ${provider}.`);
  return { key, reference: provider === 'vexora' ? { tradeNo: key } : key };
}
