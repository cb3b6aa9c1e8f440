import { createHash } from 'node:crypto';
import type { AccountConfig, Config } from '../config/config.ts';
import { pauseText, readPauseState } from '../jobs/pause-account.ts';
import { createPollQueue } from '../jobs/queue.ts';
import { changedProviderText, findChangedProviders } from '../orders/changed-providers.ts';
import { createOrderStore } from '../orders/store.ts';
import { createAccessTokens } from '../providers/access-token.ts';
import { createTransport } from '../providers/transport.ts';
import { awaitRedisForCommand, connectRedis, type Redis } from '../redis/connection.ts';
import { createKeys } from '../redis/keys.ts';
import { diagnoseGain } from './adaptive-gain.ts';
import type { Diagnosis } from './diagnosis.ts';

/**
 * Checks every account's configuration and, with `live`, whether its credentials are accepted.
 *
 * @param isRedisReachable otherwise only what needs no Redis is checked
 */
export async function* diagnoseAccounts(
  config: Config,
  live: boolean,
  isRedisReachable: boolean,
): AsyncGenerator<Diagnosis> {
  for (const account of config.accounts) {
    yield { level: 'ok', subject: account.id, text: `${account.provider.title}: all settings are present` };
    yield* transportDiagnoses(account);
    yield* currencyDiagnoses(account);
  }
  if (config.apiKeysSha256.length + config.apiKeys.length === 0) {
    yield {
      level: 'warning',
      subject: 'api',
      text: 'API_KEYS and API_KEYS_SHA256 are empty: every request to /v1 is refused',
    };
  }
  if (config.resultsRetentionDays > config.retentionDays) {
    yield {
      level: 'warning',
      subject: 'results',
      text: `results are kept for ${config.resultsRetentionDays} days (RESULTS_RETENTION_DAYS), but their orders for ${config.retentionDays} only (RETENTION_DAYS): a result that the stream loses after that cannot be published again; raise RETENTION_DAYS`,
    };
  }
  if (!isRedisReachable) return;
  const redis = connectRedis(config.redisUrl, 'patient');
  try {
    yield* changedProviders(config, redis);
    yield* gains(config, redis);
    yield* pausedAccounts(config, redis);
    if (!live) return;
    for (const account of config.accounts) yield await logIn(account, redis, config.prefix);
  } finally {
    redis.disconnect();
  }
}

/** Warns of an unusual currency: where answers name none, the setting decides, and a wrong one would accept wrong payments. */
function* currencyDiagnoses({ id, provider, currencies }: AccountConfig): Generator<Diagnosis> {
  const others = currencies.filter((currency) => !provider.currencies.includes(currency));
  if (others.length === 0) return;
  yield {
    level: 'warning',
    subject: id,
    text: `its currency is set to ${others.join(', ')}, but ${provider.id} is known to pay in ${provider.currencies.join(', ')}; verify it, or remove the setting`,
  };
}

/** Reports orders that are not polled because their account now has another provider. */
async function* changedProviders(config: Config, redis: Redis): AsyncGenerator<Diagnosis> {
  const keys = createKeys(config.prefix);
  try {
    await awaitRedisForCommand(redis, config.redisUrl);
  } catch {
    // The Redis checks have reported it already.
    return;
  }
  const store = createOrderStore({ redis, keys, retentionMs: config.retentionDays * 86_400_000 });
  const providers = new Map(config.accounts.map(({ id, provider }) => [id, provider.id]));
  for (const changed of await findChangedProviders(redis, keys, store, providers)) {
    yield { level: 'danger', subject: changed.account, text: changedProviderText(changed) };
  }
}

/** What accounts would gain from another schedule. Never prevents the other checks. */
async function* gains(config: Config, redis: Redis): AsyncGenerator<Diagnosis> {
  const keys = createKeys(config.prefix);
  if (redis.status !== 'ready') return;
  for (const account of config.accounts) {
    const gain = await diagnoseGain(account, config, redis, keys).catch(() => null);
    if (gain !== null) yield gain;
  }
}

/** Reports accounts that people have paused. */
async function* pausedAccounts({ accounts, prefix }: Config, redis: Redis): AsyncGenerator<Diagnosis> {
  // The Redis checks have reported it already.
  if (redis.status !== 'ready') return;
  const keys = createKeys(prefix);
  for (const { id } of accounts) {
    const queue = createPollQueue(redis, keys, id);
    const state = await readPauseState(redis, keys, id, queue);
    await queue.close();
    const text = pauseText(id, state);
    if (text === null) continue;
    const advice = `${text}; resume it with payment-poller resume ${id}`;
    yield state.isQueuePaused
      ? { level: 'danger', subject: id, text }
      : { level: 'warning', subject: id, text: advice };
  }
}

function* transportDiagnoses({ id, settings }: AccountConfig): Generator<Diagnosis> {
  for (const [name, value] of Object.entries(settings)) {
    if (!name.endsWith('Url') || typeof value !== 'string') continue;
    const { protocol, hostname } = new URL(value);
    const isLocal = hostname === 'localhost' || hostname.startsWith('127.') || hostname === '[::1]';
    if (protocol === 'http:' && !isLocal) {
      yield {
        level: 'danger',
        subject: id,
        text: `${name} is plain http: credentials are sent unencrypted; use https`,
      };
    }
  }
}

/** Checks the login. Reuses the shared access token, because requesting a new one might invalidate it. */
async function logIn(
  { id, provider, settings, transport: limits }: AccountConfig,
  redis: Redis,
  prefix: string,
): Promise<Diagnosis> {
  if (provider.auth === undefined) {
    return { level: 'ok', subject: id, text: 'uses a static key or signature: nothing to fetch' };
  }
  const transport = createTransport(limits);
  try {
    const key = createKeys(prefix).token(id);
    const tokens = createAccessTokens({ redis, key, auth: provider.auth, settings, transport });
    const result = await tokens.current();
    if (result.token === null)
      return {
        level: 'danger',
        subject: id,
        text: `${result.reason}; check the credentials and the address`,
      };
    const print = createHash('sha256').update(result.token).digest('hex').slice(0, 8);
    return { level: 'ok', subject: id, text: `logged in (token fingerprint ${print})` };
  } finally {
    await transport.close();
  }
}
