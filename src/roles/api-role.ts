import { readPause } from '../accounts/pause.ts';
import type { RouteParts } from '../api/api.ts';
import { createCursors } from '../api/cursors.ts';
import { createOwnProducer } from '../jobs/producer.ts';
import { createOrderIndex } from '../orders/order-index.ts';
import { awaitRedis, connectRedis } from '../redis/connection.ts';
import { endsWithin } from '../redis/timeout.ts';
import { createResultsHub } from '../results/results-hub.ts';
import { ownAccounts } from './account-info.ts';
import { accountsShown, overviewOf } from './accounts-overview.ts';
import { ordersOn, redisStartMs, type Shared } from './shared.ts';

/** How long closing the API's connections may take: while Redis is unavailable it might never end. */
const closeMs = 1_000;

/** Opens the parts of the role `api`. Loaded only by processes that have this role. */
export async function openApi(shared: Shared) {
  const { config, log, redis, keys, metrics, telemetry } = shared;
  if (config.apiKeysSha256.length + config.apiKeys.length === 0)
    log.warn('API_KEYS and API_KEYS_SHA256 are empty: every request to /v1 is refused');
  for (const { name, expiresAt } of config.apiKeys) {
    if (expiresAt !== null && expiresAt <= Date.now())
      log.warn({ key: name }, 'an API key has expired; remove it, or make a new one');
  }
  if (isPlainPublicUrl(config.publicUrl))
    log.warn('PUBLIC_URL is plain http: tokens and passwords are sent unencrypted; use https');
  const { prefix } = config;
  // Clients wait for every response, so while Redis is unavailable commands must fail at once, not be queued.
  const prompt = connectRedis(config.redisUrl, 'prompt');
  await awaitRedis(prompt, config.redisUrl, redisStartMs).catch((error: unknown) => {
    prompt.disconnect();
    throw error;
  });
  const { store, queue } = ordersOn(prompt, keys, config);
  const options = { redis: config.redisUrl, prefix, ...(telemetry && { telemetry }) };
  const producer = createOwnProducer(options, ownAccounts(config));
  const hub = createResultsHub(redis, prefix);
  const { indexedMetadata } = config;
  const search = { keys, index: createOrderIndex({ redis: prompt, keys }), store, indexedMetadata };
  const stopping = new AbortController();
  const byId = new Map(config.accounts.map((account) => [account.id, account]));
  const isAccount = async (account: string) =>
    byId.has(account) || (await prompt.hexists(keys.registry, account)) === 1;
  const routes: RouteParts = {
    orders: {
      producer,
      store,
      hub,
      queue,
      waitsPerKey: config.apiKeyWaits,
      pauseOf: (account) => readPause(prompt, keys, account),
      withdrawn: (event) => {
        const { account, status, reason } = event.data;
        metrics.verdicts.inc({ account, status, reason: reason ?? '' });
        log.info({ orderId: event.subject, id: event.id, status, reason }, 'published');
      },
      minHintIntervalMs: (account) => byId.get(account)?.callbacks.minHintIntervalMs ?? 2_000,
      stop: stopping.signal,
    },
    search: { search, cursors: createCursors(prompt, keys) },
    accounts: { redis: prompt, keys, queue, isAccount },
    results: {
      redis: prompt,
      prefix,
      hub,
      store,
      streamsPerKey: config.apiKeyStreams,
      stop: stopping.signal,
    },
    callbacks: {
      accounts: new Map(config.accounts.map((account) => [account.id, { ...account, ...account.callbacks }])),
      store,
      queue,
      now: shared.clock.now,
      counted: (account, result) => metrics.callbacks.inc({ account, result }),
    },
    pages: {
      log,
      isLoggedElsewhere: shared.outage.covers,
      redis: prompt,
      keys,
      store,
      search,
      queue,
      accounts: accountsShown(config),
      overview: overviewOf(shared, prompt, queue),
      settings: config,
      stop: stopping.signal,
    },
  };
  const close = async () => {
    try {
      await endsWithin(Promise.all([hub.close(), producer.close()]), closeMs);
    } finally {
      prompt.disconnect();
    }
  };
  return { routes, redis: prompt, stop: () => stopping.abort(), close };
}

/** True if the public URL is unencrypted. Loopback addresses do not count. */
export function isPlainPublicUrl(url: string | undefined): boolean {
  if (url === undefined || !URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !/^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}
