import {
  type BackendFactory,
  createRedisBackend,
  type JobJson,
  type RedisQueueBackend,
  raw2NextJobData,
} from 'bullmq';
import { createBatcher } from '../batcher.ts';
import { loadScript } from '../orders/script.ts';
import type { Redis } from '../redis.ts';
import { orderIdOf, pollJobOptions } from './queue.ts';
import { createWait } from './wait.ts';

const turnScript = loadScript('poll-turn', import.meta.url);

/** What a slot of a worker wants of its queue. */
type Wish =
  /** `at`: when the job is to run again, `null` when it is done. */
  | { readonly kind: 'go'; readonly jobId: string; readonly token: string; readonly at: number | null }
  | { readonly kind: 'next'; readonly token: string };

/** The code of a job let go (0: as wished), or what BullMQ makes of a job that was taken. */
type Granted = number | unknown[];

/** As the worker's own options say. */
interface TurnLimits {
  readonly lockDuration: number;
  readonly limiter: { readonly max: number; readonly duration: number };
  /** Jobs carry the trace that they belong to. */
  readonly isTraced: boolean;
}

/** As many jobs are moved by one script at most, so that no other client waits long for Redis. */
const turnLimit = 100;

/**
 * BullMQ's Redis back end for poll workers, with two changes.
 * - Letting go of a job and fetching the next one, the two calls of every poll, are gathered from all slots of the worker
 *   into one script (`poll-turn.lua`): that is what the rate of polls depends on.
 * - A worker that waits for the next due job is woken by a timer of its own (`wait.ts`).
 *
 * Everything else is BullMQ's, and its workers may work on the same queue at the same time.
 */
export function createPollBackend(redis: Redis, limits: TurnLimits): BackendFactory<RedisQueueBackend> {
  return (name, opts, options) => {
    const backend = createRedisBackend(name, opts, options);
    const plain = {
      moveToDelayed: backend.moveToDelayed.bind(backend),
      moveToFailed: backend.moveToFailed.bind(backend),
      waitForJob: backend.waitForJob.bind(backend),
    };
    const { keys } = backend;
    const turn = createBatcher<Wish, Granted>((wishes) => takeTurn(redis, keys, limits, wishes), turnLimit);

    async function letGo(jobId: string, token: string, at: number | null, command: string): Promise<void> {
      const code = (await turn({ kind: 'go', jobId, token, at })) as number;
      if (code < 0) throw backend.finishedErrors({ code, jobId, command, state: 'active' });
    }

    return Object.assign(backend, {
      async moveToActive(token: string) {
        return (await turn({ kind: 'next', token })) as unknown[];
      },

      async moveToDelayed(...args: Parameters<RedisQueueBackend['moveToDelayed']>) {
        const [jobId, timestamp, delay, token, how] = args;
        if (token !== undefined && how?.skipAttempt) {
          await letGo(jobId, token, timestamp + delay, 'moveToDelayed');
          return;
        }
        // A retry after an error writes more than the delay; it is rare. The next job is fetched by us all the same: BullMQ
        // would take its options from the job, which has none, and end it at its first error.
        const moved = await plain.moveToDelayed(jobId, timestamp, delay, token, { ...how, fetchNext: false });
        return how?.fetchNext && token !== undefined
          ? ((await turn({ kind: 'next', token })) as unknown[])
          : moved;
      },

      async moveToFailed(...args: Parameters<RedisQueueBackend['moveToFailed']>) {
        const [job, reason, removeOnFail, token, fetchNext, fields] = args;
        const failed = await plain.moveToFailed(job, reason, removeOnFail, token, false, fields);
        return fetchNext ? { ...failed, result: (await turn({ kind: 'next', token })) as unknown[] } : failed;
      },

      async moveToCompleted(...args: Parameters<RedisQueueBackend['moveToCompleted']>) {
        const [job, , , token, fetchNext] = args;
        const finishedOn = Date.now();
        await letGo(job.id as string, token, null, 'moveToFinished');
        if (!fetchNext) return { result: undefined, finishedOn };
        return { result: (await turn({ kind: 'next', token })) as unknown[], finishedOn };
      },

      waitForJob: createWait(plain.waitForJob, () => redis.zadd(keys.marker as string, 0, '0')),
    });
  };
}

type Keys = RedisQueueBackend['keys'];

/** Fulfils the wishes of one turn in one script, in the order in which they were made. */
async function takeTurn(
  redis: Redis,
  keys: Keys,
  { lockDuration, limiter, isTraced }: TurnLimits,
  wishes: readonly Wish[],
): Promise<Granted[]> {
  const gone = wishes.filter((wish) => wish.kind === 'go');
  const slots = wishes.filter((wish) => wish.kind === 'next');
  const reply = await turnScript.run(
    redis,
    turnKeys.map((name) => keys[name] as string),
    [
      ...[keys[''] as string, Date.now(), lockDuration, limiter.max, limiter.duration, isTraced ? 1 : 0],
      gone.length,
      ...gone.flatMap(({ jobId, token, at }) => [jobId, token, at ?? '']),
      ...slots.map(({ token }) => token),
    ],
  );
  const [codes, jobs, limitedMs, nextDueAt] = JSON.parse(reply as string) as TurnReply;
  let letGo = 0;
  let taken = 0;
  return wishes.map(({ kind }) => {
    if (kind === 'go') return codes[letGo++] as number;
    const first = valuesPerJob * taken++;
    if (jobs[first] === undefined) return [null, null, limitedMs, nextDueAt];
    return [jobOf(jobs, first), jobs[first], 0, 0];
  });
}

const turnKeys = ['wait', 'active', 'prioritized', 'delayed', 'stalled', 'limiter', 'meta', 'pc', 'marker'];
const valuesPerJob = 5;

/** The codes of the jobs let go; the values of each job taken; when the limiter and when a due time let more start. */
type TurnReply = [
  codes: readonly number[],
  jobs: readonly (string | number)[],
  limitedMs: number,
  nextDueAt: number,
];

/** A job in BullMQ's form. What it says besides its data is the same for all of ours, and is not read. */
function jobOf(jobs: TurnReply[1], first: number): JobJson {
  const [jobId, opts] = [String(jobs[first]), jobs[first + 2]];
  return {
    id: jobId,
    name: orderIdOf(jobId) === null ? 'wake' : 'poll',
    data: String(jobs[first + 1]),
    opts: opts === '' ? pollJobOptions : tracedOptions(String(opts)),
    attemptsStarted: Number(jobs[first + 3]),
    attemptsMade: Number(jobs[first + 4]),
    ...{ progress: 0, timestamp: 0, delay: 0, failedReason: '', returnvalue: 'null', stalledCounter: 0 },
  };
}

/** The trace to go on with, and whatever else is stored, decoded by BullMQ's own reading of a job. */
function tracedOptions(opts: string): JobJson['opts'] {
  const [job] = raw2NextJobData([['opts', opts], '', 0, 0]) as [JobJson];
  return { ...pollJobOptions, ...job.opts };
}
