import type { Provider } from '../providers/provider.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';
import { type AccountInfo, type AccountInfos, parseAccounts } from './accounts.ts';

const registerScript = loadScript('register', import.meta.url);

/** How often a process renews its registration, in ms, unless it sweeps more often. */
export const renewalMs = 60_000;
/** A process that has not renewed for this long, in ms, no longer counts as serving. */
export const servingMs = 3 * renewalMs;
/**
 * How long, in ms, a checkout's producer accepts orders of an account after its last renewal. Long enough for restarts, upgrades
 * and an outage of all workers. After that, an account removed from `ACCOUNTS` is refused.
 */
export const registryGraceMs = 3_600_000;
/** How long an unserved account stays in the registry, in ms: its orders may still be open. */
const rememberedMs = 100 * 86_400_000;

export interface RegisterOptions {
  /** Id of the process that serves the accounts. Default: none; they are registered without being served. */
  readonly processId?: string;
  /** Keep existing entries, which another process may have updated. Default false. */
  readonly restore?: boolean;
}

/** Registers accounts for producers, and records by Redis' clock that they are served. */
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

/** Records that a process has stopped. Its accounts stay accepted for `registryGraceMs`. */
export async function unregister(
  redis: Redis,
  keys: Keys,
  accounts: Iterable<string>,
  processId: string,
): Promise<void> {
  const members = [...accounts].map((account) => `${account} ${processId}`);
  if (members.length > 0) await redis.zrem(keys.registryServing, ...members);
}

/** The content of the registry. `silentMs`: time since an account's last renewal. */
export interface Registry {
  readonly accounts: ReadonlyMap<string, AccountInfo & { readonly silentMs: number }>;
  /** Accounts that a running process serves. */
  readonly served: ReadonlySet<string>;
}

/** Reads the registry. An entry without a renewal time, written by an earlier release, counts as just renewed. */
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
