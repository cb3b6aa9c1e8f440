import { providers } from '../providers/index.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import type { AccountInfos } from './accounts.ts';
import { type Registry, readRegistry, registryGraceMs } from './registry.ts';

/**
 * Thrown while the accounts cannot be determined: no payment-poller has registered any in this Redis, or Redis lost them and
 * they have not been registered again yet. Enqueueing the order again later is safe.
 */
export class AccountsUnknownError extends Error {
  constructor(what: string) {
    super(
      `${what}; start payment-poller on this Redis and prefix, or wait a minute if it runs, and enqueue the order again, which is safe.`,
    );
    this.name = 'AccountsUnknownError';
  }
}

/** The accounts that orders are accepted for. */
export interface KnownAccounts {
  readonly accounts: AccountInfos;
  /** Accounts that are registered but not served, with the reason for the error message. */
  readonly unserved: ReadonlyMap<string, string>;
  /** @throws AccountsUnknownError when this process knew the account, but Redis has lost it */
  doubt(account: string): void;
}

/** Where a producer gets the accounts from. */
export interface AccountSource {
  current(): KnownAccounts | Promise<KnownAccounts>;
}

/** How long the accounts are cached. */
const maxAgeMs = 10_000;

/** Accounts from the registry in Redis, for a checkout's producer. */
export function accountsInRedis(redis: Redis, keys: Keys): AccountSource {
  let read: { known: KnownAccounts; at: number } | null = null;
  let reading: Promise<KnownAccounts> | null = null;
  /** Accounts this process has seen served. If Redis loses them, their orders are not refused for good: enqueueing throws. */
  const seen = new Set<string>();

  async function readKnown(): Promise<KnownAccounts> {
    const registry = await readRegistry(redis, keys, providers);
    if (registry.accounts.size === 0) throw new AccountsUnknownError('No accounts are known in Redis');
    const known = knownOf(registry, seen);
    for (const account of known.accounts.keys()) seen.add(account);
    for (const account of known.unserved.keys()) seen.delete(account);
    read = { known, at: performance.now() };
    return known;
  }

  return {
    current() {
      if (read !== null && performance.now() - read.at <= maxAgeMs) return read.known;
      // One read for all waiting callers, so that they continue in order of arrival.
      reading ??= readKnown().finally(() => {
        reading = null;
      });
      return reading;
    },
  };
}

function knownOf({ accounts }: Registry, seen: ReadonlySet<string>): KnownAccounts {
  const [served, silent] = [new Map(accounts), new Map<string, string>()];
  for (const [account, { silentMs }] of accounts) {
    if (silentMs <= registryGraceMs) continue;
    served.delete(account);
    const minutes = Math.floor(silentMs / 60_000);
    silent.set(
      account,
      `${account} has not been served by any payment-poller for ${minutes} min; put it back into ACCOUNTS, or start its workers`,
    );
  }
  return {
    accounts: served,
    unserved: silent,
    doubt(account) {
      if (!accounts.has(account) && seen.has(account))
        throw new AccountsUnknownError(`Redis has lost what it knew of account ${account}`);
    },
  };
}

/** The accounts that a service serves itself. They come from its configuration, whatever Redis holds. */
export interface OwnAccounts {
  readonly accounts: AccountInfos;
  /** Accounts with `SCHEDULE=adaptive`: their workers learn when to poll first and write it to the registry. */
  readonly learning: ReadonlySet<string>;
}

/** Accounts from the configuration of this process. */
export function accountsConfigured(redis: Redis, keys: Keys, own: OwnAccounts): AccountSource {
  const known = (accounts: AccountInfos): KnownAccounts => ({ accounts, unserved: new Map(), doubt() {} });
  const configured = known(own.accounts);
  if (own.learning.size === 0) return { current: () => configured };
  const learnt = accountsInRedis(redis, keys);
  return {
    async current() {
      const registered = await Promise.resolve(learnt.current()).catch((error: unknown) => {
        // Nothing learnt yet: the first poll follows the configuration.
        if (error instanceof AccountsUnknownError) return configured;
        throw error;
      });
      const merged = [...own.accounts].map(([account, info]) => {
        const first = registered.accounts.get(account)?.schedule.firstPollAfterMs;
        if (!own.learning.has(account) || first === undefined) return [account, info] as const;
        return [account, { ...info, schedule: { ...info.schedule, firstPollAfterMs: first } }] as const;
      });
      return known(new Map(merged));
    },
  };
}
