import type { AccountConfig, Config } from './config.ts';
import { type AccountInfo, registerAccounts } from './jobs/accounts.ts';
import type { Log } from './log.ts';
import { createKeys, type Keys } from './orders/keys.ts';
import { createOrderStore } from './orders/order-store.ts';
import { createAccessTokens } from './providers/access-token.ts';
import { createAsker } from './providers/ask.ts';
import { createTransport, type Transport } from './providers/transport.ts';
import { awaitRedis, connectRedis, type Redis } from './redis.ts';
import { logPolls } from './workers/poll-log.ts';
import { createPollWorker } from './workers/poll-worker.ts';

export type Role = 'worker' | 'api';
export const allRoles: readonly Role[] = ['worker', 'api'];

/** A running payment-poller. */
export interface Service {
  /** Stops taking work, lets what is under way end within `shutdownMs`, closes everything. */
  close(): Promise<void>;
}

/** How long Redis may take to answer at start. */
const redisStartMs = 8_000;

/**
 * Builds the parts, starts the roles.
 *
 * @throws when Redis does not answer within 8 s; nothing is left open then
 */
export async function startService(
  config: Config,
  log: Log,
  roles: readonly Role[] = allRoles,
): Promise<Service> {
  const redis = connectRedis(config.redisUrl, 'patient');
  const keys = createKeys(config.prefix);
  try {
    await awaitRedis(redis, config.redisUrl, redisStartMs);
    await registerAccounts(
      redis,
      keys,
      new Map(config.accounts.map((account) => [account.id, infoOf(account)])),
    );
  } catch (error) {
    redis.disconnect();
    throw error;
  }
  const accounts = roles.includes('worker')
    ? config.accounts.map((account) => startAccount(account, config, log, redis, keys))
    : [];
  log.info(
    { roles, accounts: config.accounts.map(({ id }) => id), prefix: config.prefix },
    'payment-poller is running',
  );

  return {
    async close() {
      const ended = await endedWithin(
        config.shutdownMs,
        Promise.all(accounts.map(({ worker }) => worker.close())),
      );
      if (!ended) {
        log.warn(
          { shutdownMs: config.shutdownMs },
          'polls still under way are handed back: other workers take them over',
        );
        // Not awaited: BullMQ's close hangs while Redis is away (upstream #4656), and the locks run out by themselves.
        for (const { worker } of accounts) void worker.close(true).catch(() => {});
      }
      await Promise.all(accounts.map(({ transport }) => transport.close()));
      redis.disconnect();
    },
  };
}

interface RunningAccount {
  readonly worker: ReturnType<typeof createPollWorker>;
  readonly transport: Transport;
}

function startAccount(
  account: AccountConfig,
  config: Config,
  log: Log,
  redis: Redis,
  keys: Keys,
): RunningAccount {
  const { provider, settings } = account;
  const transport = createTransport(account.transport);
  const tokens =
    provider.access === undefined
      ? null
      : createAccessTokens({
          redis,
          key: keys.token(account.id),
          access: provider.access,
          settings,
          transport,
        });
  const worker = createPollWorker({
    redis,
    keys,
    account: account.id,
    store: createOrderStore({ redis, keys, retentionMs: config.retentionDays * 86_400_000 }),
    asker: createAsker({ provider, settings, transport, tokens }),
    policy: account.policy,
    observer: logPolls(log.child({ account: account.id })),
    limits: {
      concurrency: account.concurrency,
      ratePerSecond: account.ratePerSecond,
      lockDurationMs: config.lockDurationMs,
      stalledIntervalMs: config.stalledIntervalMs,
    },
  });
  worker.run().catch((error: Error) => log.error({ err: error, account: account.id }, 'the worker stopped'));
  return { worker, transport };
}

function infoOf({ provider, currency, schedule }: AccountConfig): AccountInfo {
  return { provider: provider.id, currency, schedule };
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
