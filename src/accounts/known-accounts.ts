import { providers } from '../providers/index.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import type { AccountInfos } from './accounts.ts';
import { type Registry, readRegistry, registryGraceMs } from './registry.ts';

/**
 * It cannot be known at the moment which accounts there are: no payment-poller has made them known in this Redis, or Redis came
 * back empty and they have not done so again. Handing the order in again later is safe, and will do.
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
  /** Accounts that are known and that nobody serves: why, for the message to whoever hands in an order. */
  readonly unserved: ReadonlyMap<string, string>;
  /** @throws AccountsUnknownError when it cannot be known whether this is an account */
  doubt(account: string): void;
}

/** Where a producer knows the accounts from. */
export interface AccountSource {
  current(): KnownAccounts | Promise<KnownAccounts>;
}

/** How long what was read is trusted before it is read again. */
const maxAgeMs = 10_000;

/** Accounts known through Redis only, as a checkout's producer knows them. */
export function accountsInRedis(redis: Redis, keys: Keys): AccountSource {
  let read: { known: KnownAccounts; at: number } | null = null;
  let reading: Promise<KnownAccounts> | null = null;
  /** What this process has seen served. Should Redis lose it, that is no reason to refuse an order. */
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
      // Read once for all who wait, so that they go on in the order in which they came.
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

/** How a service that serves accounts itself knows them: by its configuration, whatever Redis knows. */
export interface OwnAccounts {
  readonly accounts: AccountInfos;
  /** Accounts whose workers learn when to poll first, and say so in the registry (`SCHEDULE=adaptive`). */
  readonly learning: ReadonlySet<string>;
}

/** Accounts known by the configuration of this process. */
export function accountsConfigured(redis: Redis, keys: Keys, own: OwnAccounts): AccountSource {
  const known = (accounts: AccountInfos): KnownAccounts => ({ accounts, unserved: new Map(), doubt() {} });
  const configured = known(own.accounts);
  if (own.learning.size === 0) return { current: () => configured };
  const learnt = accountsInRedis(redis, keys);
  return {
    async current() {
      const registered = await Promise.resolve(learnt.current()).catch((error: unknown) => {
        // Nothing learnt: the first poll is when the configuration says.
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
