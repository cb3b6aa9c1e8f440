import { randomUUID } from 'node:crypto';
import { type BackendFactory, createRedisBackend, type RedisQueueBackend } from 'bullmq';
import type { Redis } from '../redis.ts';
import { createJobSupply, type Granted } from './job-supply.ts';
import { createTurns, type TurnLimits } from './poll-turn.ts';
import { createWait } from './wait.ts';

/** As the worker's own options say. */
export interface PollBackendLimits extends TurnLimits {
  readonly concurrency: number;
}

/**
 * BullMQ's Redis back end for poll workers, with three changes.
 * - Letting go of a job and fetching the next one, the two calls of every poll, are gathered from all slots of the worker
 *   into one script (`poll-turn.lua`): that is what the rate of polls depends on.
 * - Jobs are taken ahead for free slots (`job-supply.ts`). BullMQ fetches one after the other, each a round trip, and starts
 *   none meanwhile, not even those that other slots have fetched.
 * - A worker that waits for the next due job is woken by a timer of its own (`wait.ts`).
 *
 * All of a worker's jobs are locked with one token of its own, whatever token BullMQ gives their slots. Everything else is
 * BullMQ's, and its workers may work on the same queue at the same time.
 */
export function createPollBackend(
  redis: Redis,
  limits: PollBackendLimits,
): BackendFactory<RedisQueueBackend> {
  return (name, opts, options) => {
    const backend = createRedisBackend(name, opts, options);
    const plain = {
      moveToDelayed: backend.moveToDelayed.bind(backend),
      moveToFailed: backend.moveToFailed.bind(backend),
      extendLock: backend.extendLock.bind(backend),
      extendLocks: backend.extendLocks.bind(backend),
      waitForJob: backend.waitForJob.bind(backend),
      disconnectBlocking: backend.disconnectBlocking.bind(backend),
      close: backend.close.bind(backend),
    };
    const ownToken = randomUUID();
    const turns = createTurns(redis, backend.keys, limits, ownToken);
    const supply = createJobSupply(turns, limits.concurrency, limits.lockDuration / 2);
    const wait = createWait(plain.waitForJob, () => redis.zadd(backend.keys.marker as string, 0, '0'));
    /** Jobs let go by slots that have not asked for their next one yet, by the slot's token. */
    const leaving = new Map<string, Promise<void>>();
    let isDisconnected = false;

    async function letGo(jobId: string, at: number | null, command: string): Promise<void> {
      supply.release(jobId);
      const code = await turns.letGo(jobId, at);
      if (code < 0) throw backend.finishedErrors({ code, jobId, command, state: 'active' });
    }

    /** The next job of a slot, once its last one has left; both go into one turn. */
    async function nextAfter(left?: Promise<unknown>): Promise<Granted> {
      const asked = supply.ask();
      asked.catch(() => {});
      await left;
      await asked;
      return supply.ahead();
    }

    return Object.assign(backend, {
      async moveToActive(token: string) {
        const left = leaving.get(token);
        leaving.delete(token);
        return left === undefined ? supply.ahead() : nextAfter(left);
      },

      async moveToDelayed(...args: Parameters<RedisQueueBackend['moveToDelayed']>) {
        const [jobId, timestamp, delay, token, how] = args;
        if (token !== undefined && how?.skipAttempt) {
          const left = letGo(jobId, timestamp + delay, 'moveToDelayed');
          // Told to whoever asks for the slot's next job, which is in the same turn for that.
          left.catch(() => {});
          leaving.set(token, left);
          return;
        }
        // A retry after an error writes more than the delay; it is rare. The next job is fetched by us all the same: BullMQ
        // would take its options from the job, which has none, and end it at its first error.
        supply.release(jobId);
        const moved = await plain.moveToDelayed(jobId, timestamp, delay, ownToken, {
          ...how,
          fetchNext: false,
        });
        return how?.fetchNext ? nextAfter() : moved;
      },

      async moveToFailed(...args: Parameters<RedisQueueBackend['moveToFailed']>) {
        const [job, reason, removeOnFail, , fetchNext, fields] = args;
        supply.release(job.id as string);
        const failed = await plain.moveToFailed(job, reason, removeOnFail, ownToken, false, fields);
        return fetchNext ? { ...failed, result: await nextAfter() } : failed;
      },

      async moveToCompleted(...args: Parameters<RedisQueueBackend['moveToCompleted']>) {
        const [job, , , , fetchNext] = args;
        const finishedOn = Date.now();
        const left = letGo(job.id as string, null, 'moveToFinished');
        if (fetchNext) return { result: await nextAfter(left), finishedOn };
        await left;
        return { result: undefined, finishedOn };
      },

      extendLock: (...[jobId, , duration, client]: Parameters<RedisQueueBackend['extendLock']>) =>
        plain.extendLock(jobId, ownToken, duration, client),

      extendLocks: (...[jobIds, tokens, duration]: Parameters<RedisQueueBackend['extendLocks']>) =>
        plain.extendLocks(
          jobIds,
          tokens.map(() => ownToken),
          duration,
        ),

      async waitForJob(seconds: number) {
        isDisconnected = false;
        const nextDueAt = await supply.fill();
        if (nextDueAt === null || isDisconnected) return null;
        const untilDue = nextDueAt === 0 ? seconds : Math.max(1, nextDueAt - Date.now()) / 1_000;
        await wait(Math.min(seconds, untilDue));
        return null;
      },

      disconnectBlocking: (mayWait?: boolean) => {
        isDisconnected = true;
        return plain.disconnectBlocking(mayWait);
      },

      async close(force?: boolean) {
        const given = supply.empty().map((jobId) => letGo(jobId, Date.now(), 'moveToDelayed'));
        try {
          if (!force) await Promise.all([...leaving.values(), ...given]);
        } finally {
          await plain.close(force);
        }
      },
    });
  };
}
