import type { AddressInfo } from 'node:net';
import { createOverview } from '../api/overview.ts';
import { checkReadiness } from '../api/readiness.ts';
import { createApi, type Door } from '../api/server.ts';
import type { Config } from '../config.ts';
import { createProducer } from '../jobs/producer.ts';
import { measure } from '../measure.ts';
import { awaitRedis, connectRedis, type Redis } from '../redis.ts';
import { createResultsHub } from '../results/results-hub.ts';
import { packageVersion } from '../service-facts.ts';
import { endedWithin, ordersOn, type Role, redisStartMs, type Shared } from './shared.ts';

/** Closing connections takes a moment; while Redis is away it may never end. */
const doorCloseMs = 1_000;

/** The HTTP server of this process: health and metrics in every role, everything else in the role `api`. */
export async function startHttp(shared: Shared, roles: readonly Role[]) {
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
    docsPublic: config.docsPublic,
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
