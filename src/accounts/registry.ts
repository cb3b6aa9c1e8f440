import type { Provider } from '../providers/provider.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';
import { type AccountInfo, type AccountInfos, parseAccounts } from './accounts.ts';

const registerScript = loadScript('register', import.meta.url);

/** How often a process says which accounts it serves, in ms, unless it sweeps more often. */
export const renewalMs = 60_000;
/** A process that has not said so for this long, in ms, serves nothing. */
export const servingMs = 3 * renewalMs;
/**
 * A producer that knows the accounts from Redis only accepts orders for this long, in ms, after the last process that served
 * their account was heard of. Long enough for restarts, upgrades and an outage of all workers; an account that was taken out
 * of `ACCOUNTS` is refused from then on.
 */
export const registryGraceMs = 3_600_000;
/** An account that nobody serves is remembered for this long, in ms: its orders may still be open. */
const rememberedMs = 100 * 86_400_000;

export interface RegisterOptions {
  /** Names the process that serves the accounts. Default: none does, they are only made known. */
  readonly processId?: string;
  /** Leave entries alone that are there: another process may know better. Default false. */
  readonly restore?: boolean;
}

/** Makes accounts known to producers, and notes by the clock of Redis that they are served. */
export async function registerAccounts(
  redis: Redis,
  keys: Keys,
  accounts: AccountInfos,
  { processId = '', restore = false }: RegisterOptions = {},
): Promise<void> {
  const entries = [...accounts].flatMap(([account, info]) => [account, JSON.stringify(info)]);
  await registerScript.run(
    redis,
    [keys.registry, keys.registryRenewed, keys.registryServing],
    [processId, restore ? 'restore' : 'replace', rememberedMs, ...entries],
  );
}

/** Notes that a process has ended. Its accounts stay known for `registryGraceMs`. */
export async function unregister(
  redis: Redis,
  keys: Keys,
  accounts: Iterable<string>,
  processId: string,
): Promise<void> {
  const members = [...accounts].map((account) => `${account} ${processId}`);
  if (members.length > 0) await redis.zrem(keys.registryServing, ...members);
}

/** What is known of accounts through Redis. */
export interface Registry {
  readonly accounts: ReadonlyMap<string, AccountInfo & { readonly silentMs: number }>;
  /** Accounts that a running process serves. */
  readonly served: ReadonlySet<string>;
}

/** Reads the registry. An entry that an earlier release wrote, and no later one has seen, counts as just renewed. */
export async function readRegistry(
  redis: Redis,
  keys: Keys,
  providers: ReadonlyMap<string, Provider>,
): Promise<Registry> {
  const [entries, renewed, serving, time] = await Promise.all([
    redis.hgetall(keys.registry),
    redis.zrange(keys.registryRenewed, '0', '-1', 'WITHSCORES'),
    redis.zrange(keys.registryServing, '0', '-1', 'WITHSCORES'),
    redis.time(),
  ]);
  const now = Number(time[0]) * 1_000 + Math.floor(Number(time[1]) / 1_000);
  const renewedAt = new Map(pairs(renewed));
  const accounts = [...parseAccounts(entries, providers)].map(
    ([account, info]) =>
      [account, { ...info, silentMs: Math.max(0, now - (renewedAt.get(account) ?? now)) }] as const,
  );
  const lately = pairs(serving).filter(([, at]) => now - at <= servingMs);
  return {
    accounts: new Map(accounts),
    served: new Set(lately.map(([member]) => member.split(' ', 1)[0] ?? '')),
  };
}

function pairs(flat: readonly string[]): [string, number][] {
  return flat.flatMap((member, nth) => (nth % 2 === 0 ? [[member, Number(flat[nth + 1])]] : []));
}
