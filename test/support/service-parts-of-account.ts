import { type BreakerPolicy, createCircuitBreaker } from '../../src/accounts/circuit-breaker.ts';
import type { Order } from '../../src/domain/order.ts';
import { parseEvent, type ResultEvent } from '../../src/domain/result-event.ts';
import { createPollQueue } from '../../src/jobs/queue.ts';
import { paymentsWithin } from '../../src/orders/ownership.ts';
import { createOrderStore } from '../../src/orders/store.ts';
import { createAsker } from '../../src/providers/ask.ts';
import { providers } from '../../src/providers/index.ts';
import { createTransport } from '../../src/providers/transport.ts';
import type { Redis } from '../../src/redis/connection.ts';
import { createKeys, type Keys } from '../../src/redis/keys.ts';
import { createNewWords } from '../../src/workers/new-words.ts';
import type { PollObserver } from '../../src/workers/poll-observer.ts';
import type { PollLimits, PollWorkerParts } from '../../src/workers/poll-worker.ts';
import { anOrder } from './builders.ts';

/** Times in ms so short that an order is closed within a second or two. */
export const hurried = {
  firstPollAfterMs: 1,
  initialIntervalMs: 30,
  factor: 1,
  maxIntervalMs: 30,
  jitter: 0,
  deadlineMs: 60_000,
} as const;

/** A schedule on which only the first poll, hints and the deadline cause polls. */
export const seldom = { ...hurried, initialIntervalMs: 50_000, maxIntervalMs: 50_000 } as const;

export const account = 'lipia';

export const breakerPolicy: BreakerPolicy = {
  breakerFailures: 1_000,
  breakerPauseMs: 100,
  breakerMaxPauseMs: 1_000,
  throttlePauseMs: 100,
};

export const limits: PollLimits = {
  concurrency: 20,
  ratePerSecond: 10_000,
  lockDurationMs: 2_500,
  stalledIntervalMs: 250,
};

/** The suites of the workers run on both (see `vitest.config.ts`). */
export const backend = process.env.POLL_BACKEND === 'bullmq' ? 'bullmq' : 'batch';

export const retentionMs = 60_000;

/** An order of 100.00 KES at the account of these tests, on a hurried schedule, created now. */
export function aHurriedOrder(fields: Partial<Order> = {}): Order {
  return anOrder({
    account,
    provider: account,
    reference: fields.orderId ?? 'ord-1',
    amountMinor: 10_000,
    createdAt: Date.now(),
    schedule: hurried,
    ...fields,
  });
}

/** An observer that records its calls. */
export function keepingObserver() {
  const told = {
    readings: [] as string[],
    published: [] as ResultEvent[],
    breakerEvents: [] as string[],
    neglected: [] as string[],
    changed: [] as string[],
  };
  const errors: Error[] = [];
  const observer: PollObserver = {
    reading: (_record, reading) => void told.readings.push(reading.kind),
    published: (event) => void told.published.push(event),
    contradiction: () => {},
    unknownWord: () => {},
    changedProvider: ({ order }) => void told.changed.push(order.orderId),
    neglected: (what) => void told.neglected.push(what),
    breaker: (change) => void told.breakerEvents.push(change),
    error: (error) => void errors.push(error),
  };
  return { ...told, errors, observer };
}

/** The real parts of one account's worker, asking `gatewayUrl`. Shared by the tests and by the child that is killed. */
export function buildParts(redis: Redis, prefix: string, gatewayUrl: string, observer: PollObserver) {
  const keys = createKeys(prefix);
  const provider = providers.get(account);
  if (provider === undefined) throw new Error(`There is no provider ${account}.`);
  const settings = provider.settings.parse({ baseUrl: gatewayUrl, apiKey: 'a-key-of-the-tests' });
  const transport = createTransport({ timeoutMs: 10_000, maxBodyBytes: 100_000, connections: 50 });
  const store = createOrderStore({ redis, keys, retentionMs });
  const queue = createPollQueue(redis, keys, account);
  const parts: PollWorkerParts = {
    redis,
    keys,
    account,
    provider: account,
    queue,
    store,
    breaker: createCircuitBreaker({
      redis,
      keys,
      account,
      policy: breakerPolicy,
      credentials: 'first',
      pollMs: 2_000,
    }),
    asker: createAsker({ provider, settings, transport, tokens: null }),
    beginQuery: null,
    policy: { confirmAfterMs: 50, watchMs: [100, 60_000] },
    payments: paymentsWithin(account),
    observer,
    newWords: createNewWords(),
    limits,
    backend,
  };
  return { parts, transport };
}

/** The results on the stream, oldest first. */
export async function eventsOf(redis: Redis, keys: Keys, orderId?: string): Promise<ResultEvent[]> {
  const events = (await redis.xrange(keys.results, '-', '+')).map(([, fields]) => parseEvent(fields));
  return orderId === undefined ? events : events.filter(({ subject }) => subject === orderId);
}
