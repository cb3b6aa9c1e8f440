import { unservedText } from '../jobs/unserved-orders.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { withTimeout } from '../redis/timeout.ts';

/** Whether this process can do its work. */
export interface Readiness {
  readonly ready: boolean;
  /** What was looked at: `ok`, or what is wrong. */
  readonly checks: { readonly [name: string]: string };
}

export interface ReadinessParts {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Whether this process polls. */
  readonly polls: boolean;
  /** When this process last finished something, epoch milliseconds. */
  readonly lastProgressAt: () => number;
  /** Open orders of accounts that nobody serves, by account. */
  readonly unserved: () => ReadonlyMap<string, number>;
  /** Accounts that people have paused, each as a sentence without the reason: anybody may read this. */
  readonly paused: () => Promise<readonly PausedAccount[]>;
}

export interface PausedAccount {
  readonly text: string;
  /** Its queue is paused: no job of it runs. */
  readonly isQueuePaused: boolean;
}

const answerMs = 2_000;
/** Something due for this long, and nothing done meanwhile: the workers are wedged, whatever BullMQ says of itself. */
const wedgedMs = 120_000;

/**
 * Redis answers, takes writes and refuses to evict; the workers make progress while something is due. `isRunning`, PING alone and the
 * absence of errors prove nothing (docs/engine.md section 3).
 */
export async function checkReadiness({
  redis,
  keys,
  polls,
  lastProgressAt,
  unserved,
  paused,
}: ReadinessParts): Promise<Readiness> {
  const now = Date.now();
  const found = await withTimeout(Promise.all([look(redis, keys), paused()]), answerMs).catch(() => null);
  if (found === null) return { ready: false, checks: { redis: 'does not answer' } };
  const [looked, pauses] = found;
  const { policy, oldestDueAt, refusal } = looked;
  if (refusal !== null) return { ready: false, checks: { redis: `takes no writes: ${refusal}` } };
  const safe = policy === null || policy === 'noeviction';
  const dueMs = oldestDueAt === null ? 0 : now - oldestDueAt;
  // Somebody who pauses a queue stops its orders, but no worker.
  const isStopped = pauses.some(({ isQueuePaused }) => isQueuePaused);
  const wedged = polls && !isStopped && dueMs > wedgedMs && now - lastProgressAt() > wedgedMs;
  return {
    ready: safe && !wedged,
    checks: {
      redis: safe ? 'ok' : `maxmemory-policy is ${policy}: set it to noeviction, or orders get lost`,
      accounts: [...unserved()].map(([id, orders]) => unservedText(id, orders)).join('; ') || 'ok',
      ...(pauses.length > 0 && { paused: pauses.map(({ text }) => text).join('; ') }),
      workers: wedged ? `nothing done while an order has been due for ${Math.round(dueMs / 1_000)} s` : 'ok',
    },
  };
}

async function look(redis: Redis, keys: Keys) {
  const [memory, [, due], refusal] = await Promise.all([
    redis.info('memory'),
    redis.zrange(keys.open, '0', '0', 'WITHSCORES') as Promise<string[]>,
    writeRefusal(redis, keys),
  ]);
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1] ?? null;
  return { policy, oldestDueAt: due === undefined ? null : Number(due), refusal };
}

const probeLifeMs = 60_000;

/**
 * Why Redis takes no write, `null` when it took one: a replica (after a failover), one that is full or cannot save its data
 * still answers everything else.
 */
async function writeRefusal(redis: Redis, keys: Keys): Promise<string | null> {
  try {
    await redis.set(keys.writeProbe, '1', 'PX', probeLifeMs);
    return null;
  } catch (error) {
    const word = /^[A-Z]{3,20}\b/.exec(error instanceof Error ? error.message : '')?.[0];
    return word === undefined ? 'the connection failed' : (refusals[word] ?? word);
  }
}

const refusals: { readonly [word: string]: string } = {
  READONLY: 'it is a replica (READONLY); point REDIS_URL at the master, or at the sentinels',
  OOM: 'it is full (OOM); give it more memory',
  MISCONF: 'it cannot save its data (MISCONF); free disk space',
  NOREPLICAS: 'too few replicas follow it (NOREPLICAS)',
  NOPERM: 'our user may not write (NOPERM); see its ACL',
};
