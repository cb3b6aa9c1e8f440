import type { AddressInfo } from 'node:net';
import type { Telemetry } from 'bullmq';
import { createOverview } from './api/overview.ts';
import { checkReadiness } from './api/readiness.ts';
import { createApi, type Door } from './api/server.ts';
import type { AccountConfig, Config } from './config.ts';
import { type AccountInfo, registerAccounts } from './jobs/accounts.ts';
import { createProducer } from './jobs/producer.ts';
import { createPollQueue, type PollQueue } from './jobs/queue.ts';
import type { Log } from './log.ts';
import { measure } from './measure.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createAccountGate } from './orders/account-gate.ts';
import { type ActivityLog, createActivityLog } from './orders/activity.ts';
import { createBeginQuery } from './orders/begin-query.ts';
import { createKeys, type Keys } from './orders/keys.ts';
import { createOrderStore, type OrderStore } from './orders/order-store.ts';
import { createAccessTokens } from './providers/access-token.ts';
import { type Asker, createAsker } from './providers/ask.ts';
import { createTransport, type Transport } from './providers/transport.ts';
import { awaitRedis, connectRedis, type Redis } from './redis.ts';
import { createResultsHub } from './results/results-hub.ts';
import { fingerprintOf, packageVersion } from './service-facts.ts';
import { createTelemetry, traceAsker, tracePolls } from './tracing.ts';
import { createNewWords } from './workers/new-words.ts';
import { countPolls, logPolls, notePolls, observeAll } from './workers/poll-observers.ts';
import { createPollWorker } from './workers/poll-worker.ts';
import { startSweeper } from './workers/sweeper.ts';

export type Role = 'worker' | 'api';
export const allRoles: readonly Role[] = ['worker', 'api'];

/** A running payment-poller. */
export interface Service {
  /** Where this process listens: the HTTP API, and health and metrics in every role. */
  readonly url: string;
  /** Stops taking work, lets what is under way end within `shutdownMs`, closes everything. */
  close(): Promise<void>;
}

/** Where somebody may put something of theirs between the parts: the drill dies there. */
export interface Seams {
  store?(store: OrderStore): OrderStore;
  asker?(asker: Asker): Asker;
}

/** Closing connections takes a moment; while Redis is away it may never end. */
const doorCloseMs = 1_000;

/** How long Redis may take to answer at start. */
const redisStartMs = 6_000;

const dayMs = 86_400_000;

/** What all parts of one process share. */
interface Shared {
  readonly config: Config;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly keys: Keys;
  readonly redis: Redis;
  readonly store: OrderStore;
  queue(account: string): PollQueue;
  /** Notes that this process got something done. */
  progressed(): void;
  readonly lastProgressAt: () => number;
  readonly telemetry: Telemetry | undefined;
  readonly seams: Seams;
}

/**
 * Builds the parts, starts the roles.
 *
 * @throws when Redis does not answer within 6 s, or the port is taken; nothing is left open then
 */
export async function startService(
  config: Config,
  log: Log,
  roles: readonly Role[] = allRoles,
  seams: Seams = {},
): Promise<Service> {
  const redis = connectRedis(config.redisUrl, 'patient');
  const shared = share(config, log, redis, seams);
  const running: { close(): Promise<void> }[] = [];
  let url = '';
  try {
    await awaitRedis(redis, config.redisUrl, redisStartMs);
    await registerAccounts(
      redis,
      shared.keys,
      new Map(config.accounts.map((account) => [account.id, infoOf(account)])),
    );
    // The door opens first and closes last: providers knock on it while orders are polled.
    const http = await startHttp(shared, roles);
    url = http.url;
    running.push(http);
    if (roles.includes('worker')) running.push(await startWorkers(shared));
  } catch (error) {
    await Promise.all(running.map((part) => part.close()));
    redis.disconnect();
    throw error;
  }
  log.info(
    { roles, accounts: config.accounts.map(({ id }) => id), prefix: config.prefix, url },
    'payment-poller is running',
  );
  return {
    url,
    async close() {
      for (const part of running.toReversed()) await part.close();
      redis.disconnect();
    },
  };
}

function share(config: Config, log: Log, redis: Redis, seams: Seams): Shared {
  const keys = createKeys(config.prefix);
  const { store, queue } = ordersOn(redis, keys, config);
  let lastProgressAt = Date.now();
  return {
    config,
    log,
    metrics: createMetrics(),
    keys,
    redis,
    store: seams.store?.(store) ?? store,
    queue,
    seams,
    progressed() {
      lastProgressAt = Date.now();
    },
    lastProgressAt: () => lastProgressAt,
    telemetry: config.tracing ? createTelemetry() : undefined,
  };
}

/** The order records and the queues over one connection. */
function ordersOn(redis: Redis, keys: Keys, config: Config): Pick<Shared, 'store' | 'queue'> {
  const queues = new Map<string, PollQueue>();
  return {
    store: createOrderStore({ redis, keys, retentionMs: config.retentionDays * dayMs }),
    queue(account) {
      const queue = queues.get(account) ?? createPollQueue(redis, keys, account);
      queues.set(account, queue);
      return queue;
    },
  };
}

async function startWorkers(shared: Shared) {
  const { config, log, metrics, redis, keys, store, queue } = shared;
  const sweeper = await startSweeper({
    redis,
    keys,
    accounts: config.accounts.map(({ id }) => id),
    store,
    queue,
    intervalMs: config.sweepIntervalMs,
    resultsRetentionMs: config.resultsRetentionDays * dayMs,
    retentionMs: config.retentionDays * dayMs,
    lockDurationMs: config.lockDurationMs,
    stalledIntervalMs: config.stalledIntervalMs,
    mended(kind, orderId) {
      metrics.swept.inc({ kind });
      log.warn({ kind, orderId }, 'the sweeper mended an order');
    },
    failed: (error) => log.error({ err: error }, 'a sweep failed; the next one goes on'),
  });
  const accounts = config.accounts.map((account) => startAccount(account, shared));
  const closing = (force: boolean) => [
    sweeper.close(force),
    ...accounts.map(({ worker, activity }) => worker.close(force).then(() => activity.close())),
  ];
  return {
    async close() {
      if (!(await endedWithin(config.shutdownMs, Promise.all(closing(false))))) {
        log.warn(
          { shutdownMs: config.shutdownMs },
          'polls still under way are handed back: other workers take them over',
        );
        // Not awaited: BullMQ's close hangs while Redis is away (upstream #4656), and the locks run out by themselves.
        for (const part of closing(true)) void part.catch(() => {});
      }
      await Promise.all(accounts.map(({ transport }) => transport.close()));
    },
  };
}

interface RunningAccount {
  readonly worker: ReturnType<typeof createPollWorker>;
  readonly transport: Transport;
  readonly activity: ActivityLog;
}

function startAccount(account: AccountConfig, shared: Shared): RunningAccount {
  const { config, redis, keys, store, metrics, telemetry } = shared;
  const { id, provider, settings } = account;
  const log = shared.log.child({ account: id });
  const transport = createTransport(account.transport);
  const tokens =
    provider.access === undefined
      ? null
      : createAccessTokens({ redis, key: keys.token(id), access: provider.access, settings, transport });
  const plain = createAsker({
    provider,
    settings,
    transport,
    tokens,
    ...(account.overrides && { overrides: account.overrides }),
  });
  const asker = shared.seams.asker?.(plain) ?? plain;
  const activity = createActivityLog(redis, keys, id, (error) =>
    log.debug({ err: error }, 'the time of the last poll could not be noted'),
  );
  const worker = createPollWorker({
    redis,
    keys,
    account: id,
    queue: shared.queue(id),
    store,
    gate: createAccountGate({
      redis,
      keys,
      account: id,
      policy: account.breaker,
      credentials: fingerprintOf(settings),
      pollMs: 3 * account.transport.timeoutMs,
    }),
    asker: telemetry === undefined ? asker : traceAsker(asker, id),
    telemetry,
    beginQuery: provider.later && config.publicUrl ? createBeginQuery(store, config.publicUrl, id) : null,
    policy: account.policy,
    observer: observeAll(
      logPolls(log),
      countPolls(metrics, id),
      notePolls(activity),
      ...(telemetry ? [tracePolls] : []),
    ),
    newWords: createNewWords(),
    limits: {
      concurrency: account.concurrency,
      ratePerSecond: account.ratePerSecond,
      lockDurationMs: config.lockDurationMs,
      stalledIntervalMs: config.stalledIntervalMs,
    },
  });
  worker.on('drained', shared.progressed);
  worker.on('active', shared.progressed);
  worker.run().catch((error: Error) => log.error({ err: error }, 'the worker stopped'));
  return { worker, transport, activity };
}

/** The HTTP server of this process: health and metrics in every role, everything else in the role `api`. */
async function startHttp(shared: Shared, roles: readonly Role[]) {
  const { config, log, redis, keys, metrics, lastProgressAt } = shared;
  const overview = overviewOf(shared, redis, shared.queue);
  const opened = roles.includes('api') ? await openDoor(shared) : null;
  const app = await createApi({
    log,
    version: packageVersion(),
    apiKeysSha256: config.apiKeysSha256,
    apiRatePerSecond: config.apiRatePerSecond,
    trustedProxies: config.trustedProxies,
    metricsPublic: config.metricsPublic,
    door: opened?.door ?? null,
    health: {
      metrics,
      readiness: () => checkReadiness({ redis, keys, polls: roles.includes('worker'), lastProgressAt }),
      measure: async () => measure(metrics, await overview(Date.now())),
    },
  });
  const close = async () => {
    opened?.stop();
    // In this order: requests under way still need what the door opened.
    await endedWithin(config.shutdownMs, app.close());
    await endedWithin(doorCloseMs, opened?.close() ?? Promise.resolve());
  };
  try {
    await app.listen({ host: config.host, port: config.port });
  } catch (error) {
    await close();
    throw new Error(`Cannot listen on ${config.host}:${config.port}; set HOST and PORT to a free address.`, {
      cause: error,
    });
  }
  const { port } = app.server.address() as AddressInfo;
  return { url: `http://${config.host}:${port}`, close };
}

/** The parts behind the role `api`. */
async function openDoor(shared: Shared) {
  const { config, log, redis, keys, metrics, telemetry } = shared;
  if (config.apiKeysSha256.length === 0)
    log.warn('API_KEYS_SHA256 is empty: every request to /v1 is refused');
  const { prefix } = config;
  // Somebody waits for every answer: while Redis is away commands fail at once, and are not kept to be done later.
  const prompt = connectRedis(config.redisUrl, 'prompt');
  await awaitRedis(prompt, config.redisUrl, redisStartMs).catch((error: unknown) => {
    prompt.disconnect();
    throw error;
  });
  const { store, queue } = ordersOn(prompt, keys, config);
  const producer = createProducer({ redis: config.redisUrl, prefix, ...(telemetry && { telemetry }) });
  const hub = createResultsHub(redis, prefix);
  const stopping = new AbortController();
  const byId = new Map(config.accounts.map((account) => [account.id, account]));
  const door: Door = {
    orders: {
      producer,
      store,
      hub,
      queue,
      minHintIntervalMs: (account) => byId.get(account)?.callbacks.minHintIntervalMs ?? 2_000,
      stop: stopping.signal,
    },
    results: { redis: prompt, prefix, hub, stop: stopping.signal },
    callbacks: {
      accounts: new Map(config.accounts.map((account) => [account.id, { ...account, ...account.callbacks }])),
      store,
      queue,
      counted: (account, result) => metrics.callbacks.inc({ account, result }),
    },
    pages: {
      redis: prompt,
      keys,
      store,
      queue,
      accounts: accountsShown(config),
      overview: overviewOf(shared, prompt, queue),
      settings: config,
      stop: stopping.signal,
    },
  };
  const close = async () => {
    await Promise.all([hub.close(), producer.close()]);
    prompt.disconnect();
  };
  return { door, stop: () => stopping.abort(), close };
}

/** The figures, over the connection and the queues given. */
function overviewOf({ config, keys }: Shared, redis: Redis, queue: Shared['queue']) {
  return createOverview({ redis, keys, accounts: accountsShown(config), queue });
}

function accountsShown({ accounts }: Config) {
  return accounts.map(({ id, provider, ratePerSecond }) => ({ id, provider: provider.id, ratePerSecond }));
}

function infoOf({ provider, currency, schedule, callbacks }: AccountConfig): AccountInfo {
  return { provider: provider.id, currency, schedule, callbacks: callbacks.token !== undefined };
}

async function endedWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
