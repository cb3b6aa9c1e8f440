import { z } from 'zod';
import { noteOf } from '../domain/note.ts';
import { isWrongType, type Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';
import { accountEvent } from './account-event.ts';

const setScript = loadScript('set-pause', import.meta.url);
const keepScript = loadScript('keep-pause', import.meta.url);

/** People have paused an account: no request is sent to its provider until they resume it. */
export interface AccountPause {
  readonly since: number;
  readonly by: string;
  readonly reason: string;
}

/** Why an account is paused, as people enter it. */
export const reasonSchema = noteOf('must say in a sentence why the account is paused');

const entrySchema = z.object({
  isPaused: z.boolean(),
  since: z.number(),
  by: z.string(),
  reason: z.string(),
});

/** Parses the field `pause` of a circuit breaker; `null` if the account is not paused, or the field is damaged. */
export function parsePause(text: string | null | undefined): AccountPause | null {
  try {
    const { isPaused, since, by, reason } = entrySchema.parse(JSON.parse(text ?? 'null'));
    return isPaused ? { since, by, reason } : null;
  } catch {
    return null;
  }
}

/** Reads who has paused an account, and why; `null` if nobody has. */
export async function readPause(redis: Redis, keys: Keys, account: string): Promise<AccountPause | null> {
  try {
    return parsePause(await redis.hget(keys.breaker(account), 'pause'));
  } catch (error) {
    if (!isWrongType(error)) throw error;
    return null;
  }
}

/** Pauses an account. `same`: it was paused for this reason already. With another reason, the time of the pause stays. */
export function setPause(
  redis: Redis,
  keys: Keys,
  account: string,
  { by, reason }: Omit<AccountPause, 'since'>,
): Promise<'changed' | 'same'> {
  return write(redis, keys, account, ['pause', by, reason]);
}

/** Ends the pause of an account. `same`: it was not paused. */
export function endPause(redis: Redis, keys: Keys, account: string, by: string): Promise<'changed' | 'same'> {
  return write(redis, keys, account, ['resume', by, '']);
}

async function write(
  redis: Redis,
  keys: Keys,
  account: string,
  args: readonly [act: 'pause' | 'resume', by: string, reason: string],
): Promise<'changed' | 'same'> {
  const [act, by] = args;
  const event = accountEvent(account, act === 'pause' ? 'account.paused' : 'account.resumed', Date.now(), {
    by,
  });
  const reply = await setScript.run(redis, [keys.breaker(account), keys.accounts], [...args, ...event]);
  return reply as 'changed' | 'same';
}

/**
 * Restores a pause that Redis has lost, or returns the newer entry that it holds by now ('' for none).
 *
 * @param entry the field `pause` as this process saw it last, '' for none
 */
export async function restorePause(redis: Redis, breakerKey: string, entry: string): Promise<string> {
  return String(await keepScript.run(redis, [breakerKey], [entry]));
}

/**
 * Remembers the pauses of some accounts, and restores those that Redis has lost, as after a failover to a replica that lagged
 * behind. A pause that ended is not restored: its end is kept too.
 */
export function createPauseKeeper(redis: Redis, keys: Keys, accounts: readonly string[]) {
  const seen = new Map<string, string>();
  return {
    async sync(): Promise<void> {
      for (const account of accounts) {
        seen.set(account, await restorePause(redis, keys.breaker(account), seen.get(account) ?? ''));
      }
    },
  };
}
