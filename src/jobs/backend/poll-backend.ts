import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type BackendFactory, createRedisBackend, type RedisQueueBackend } from 'bullmq';
import { type Clock, machineClock } from '../../domain/clock.ts';
import type { Redis } from '../../redis/connection.ts';
import { isRefusal } from '../queue.ts';
import { createTurns, type TurnLimits } from './poll-exchange.ts';
import { createJobSupply, type Granted } from './prefetch-buffer.ts';
import { createWait } from './wait.ts';

/** As the worker's own options say. */
export interface PollBackendLimits extends TurnLimits {
  readonly concurrency: number;
}

/** Between two tries where Redis refuses, as it does while another master takes over. */
const retryMs = 250;

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
 *
 * What this machine's clock does harms nobody: due times are those of the given clock, durations are measured. So locks are
 * renewed here, too: BullMQ would stop for as long as the clock was set back.
 *
 * @param lost called when a job could not be delayed again: its lock ran out, and it may be due at somebody else's time
 * @param patienceOf how many milliseconds later a job that is delayed until `at` counts as due where polls are scarce
 */
export function createPollBackend(
  redis: Redis,
  limits: PollBackendLimits,
  lost: (jobId: string) => void = () => {},
  clock: Clock = machineClock,
  patienceOf: (jobId: string, at: number) => number = () => 0,
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
    const turns = createTurns(redis, backend.keys, limits, ownToken, clock);
    const supply = createJobSupply(turns, limits.concurrency, limits.lockDuration / 2, clock);
    const wakeSomebody = () => redis.zadd(backend.keys.marker as string, 0, '0');
    const wait = createWait(plain.waitForJob, wakeSomebody, () => {
      // With a free slot we look for the job ourselves before we wait again.
      if (supply.isFull()) wakeSomebody().catch(() => {});
    });
    /** Jobs let go by slots that have not asked for their next one yet, by the slot's token. */
    const lastOfSlot = new Map<string, { readonly jobId: string; readonly left: Promise<void> }>();
    /** Settles when the jobs taken ahead have been given back. */
    let given: Promise<unknown> = Promise.resolve();
    let isEnding = false;
    const renewal = setInterval(() => void renewLocks().catch(tell), limits.lockDuration / 4);

    /** As long as a slot works on them. */
    async function renewLocks(): Promise<void> {
      const jobIds = supply.working();
      if (jobIds.length === 0) return;
      const tokens = jobIds.map(() => ownToken);
      const refused = await plain.extendLocks(jobIds, tokens, limits.lockDuration);
      for (const jobId of refused) {
        if (supply.working().includes(jobId)) tell(new Error(`The lock of job ${jobId} has run out.`));
      }
    }

    /** Tried again until the job's lock has run out: it is nobody's until then. @throws what BullMQ would */
    async function letGo(jobId: string, at: number | null, command: string, patienceMs = 0): Promise<void> {
      const giveUpAt = performance.now() + limits.lockDuration;
      for (let isFirst = true; ; isFirst = false) {
        try {
          const code = await turns.letGo(jobId, at, patienceMs);
          // A try that seemed to fail may have let it go.
          if (code < 0 && isFirst) throw backend.finishedErrors({ code, jobId, command, state: 'active' });
          return;
        } catch (error) {
          if (isEnding || isRefusal(error) || performance.now() >= giveUpAt) throw error;
          if (isFirst) tell(error);
          await delay(retryMs);
        }
      }
    }

    /** The next job of a slot, once its last one has left; both go into one turn. */
    async function nextAfter(left?: Promise<void>): Promise<Granted> {
      const asked = supply.ask().catch(tell);
      try {
        await left;
      } finally {
        // What was taken is in the supply now, also when the last job could not leave.
        await asked;
      }
      return supply.ahead();
    }

    /** As `supply.fill`. An error thrown would have BullMQ wait for its blocking connection first (see `wait.ts`). */
    async function fill(): Promise<number | null> {
      try {
        return await supply.fill();
      } catch (error) {
        tell(error);
        await delay(retryMs);
        return null;
      }
    }

    function giveBack(): void {
      given = Promise.all([given, supply.giveBack().catch(tell)]);
    }

    function tell(error: unknown): void {
      backend.emit('error', error instanceof Error ? error : new Error(String(error)));
    }

    return Object.assign(backend, {
      async moveToActive(token: string) {
        const last = lastOfSlot.get(token);
        // A further slot: nobody is asked for it, `waitForJob` sees to the supply.
        if (last === undefined) return supply.ahead();
        lastOfSlot.delete(token);
        supply.release(last.jobId);
        return nextAfter(last.left);
      },

      async moveToDelayed(...args: Parameters<RedisQueueBackend['moveToDelayed']>) {
        const [jobId, , delayMs, token, how] = args;
        const now = clock.now();
        if (token !== undefined && how?.skipAttempt) {
          const at = now + delayMs;
          const left = supply.leave(jobId, letGo(jobId, at, 'moveToDelayed', patienceOf(jobId, at)));
          // The error is thrown to whoever asks for the slot's next job, which is in the same turn for that.
          left.catch((error) => {
            if (isRefusal(error)) lost(jobId);
          });
          lastOfSlot.set(token, { jobId, left });
          return;
        }
        // A retry after an error writes more than the delay; it is rare. The next job is fetched by us all the same: BullMQ
        // would take its options from the job, which has none, and end it at its first error.
        supply.release(jobId);
        const options = { ...how, fetchNext: false };
        const moved = await supply.leave(jobId, plain.moveToDelayed(jobId, now, delayMs, ownToken, options));
        return how?.fetchNext ? nextAfter() : moved;
      },

      async moveToFailed(...args: Parameters<RedisQueueBackend['moveToFailed']>) {
        const [job, reason, removeOnFail, , fetchNext, fields] = args;
        const jobId = job.id as string;
        supply.release(jobId);
        const failed = await supply.leave(
          jobId,
          plain.moveToFailed(job, reason, removeOnFail, ownToken, false, fields),
        );
        return fetchNext ? { ...failed, result: await nextAfter() } : failed;
      },

      async moveToCompleted(...args: Parameters<RedisQueueBackend['moveToCompleted']>) {
        const [job, , , , fetchNext] = args;
        const finishedOn = Date.now();
        const jobId = job.id as string;
        supply.release(jobId);
        const left = supply.leave(jobId, letGo(jobId, null, 'moveToFinished'));
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
        isEnding = false;
        const nextDueAt = await fill();
        if (isEnding) giveBack();
        if (nextDueAt === null || isEnding) return null;
        const untilDue = nextDueAt === 0 ? seconds : Math.max(1, nextDueAt - clock.now()) / 1_000;
        await wait(Math.min(seconds, untilDue));
        return null;
      },

      /** The first that a closing worker does: what was taken ahead is not begun any more. */
      disconnectBlocking(mayWait?: boolean) {
        isEnding = true;
        giveBack();
        return plain.disconnectBlocking(mayWait);
      },

      async close(force?: boolean) {
        clearInterval(renewal);
        giveBack();
        const ended = force ? [] : [...lastOfSlot.values()].map(({ left }) => left.catch(tell));
        await Promise.all([...ended, !force && given]);
        return plain.close(force);
      },
    });
  };
}
