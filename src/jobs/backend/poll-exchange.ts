import { type JobJson, type RedisQueueBackend, raw2NextJobData } from 'bullmq';
import { type Clock, machineClock } from '../../domain/clock.ts';
import { createBatcher } from '../../redis/batcher.ts';
import type { Redis } from '../../redis/connection.ts';
import { loadScript } from '../../redis/script.ts';
import { type JobName, jobData, orderIdOf, pollJobOptions } from '../queue.ts';

const turnScript = loadScript('poll-exchange', import.meta.url);
const lockedScript = loadScript('locked-jobs', import.meta.url);

/** As the worker's own options say. */
export interface TurnLimits {
  readonly lockDuration: number;
  readonly limiter: { readonly max: number; readonly duration: number };
  /** Jobs carry the trace that they belong to. */
  readonly isTraced: boolean;
}

/** What a turn gives: jobs, when the limiter lets more start, when the next one is due (0: none, or the queue is paused). */
export interface Taken {
  readonly jobs: readonly JobJson[];
  readonly limitedMs: number;
  readonly nextDueAt: number;
}

/** What a worker wants of its queue. Whatever is wanted at the same time goes into one script. */
export interface Turns {
  /**
   * To be run again at `at`, or done when that is `null`. Gives 0, or BullMQ's code of what stood against it.
   *
   * @param patienceMs how much later it counts as due where more are due than may start
   */
  letGo(jobId: string, at: number | null, patienceMs?: number): Promise<number>;
  /** At most so many jobs. */
  take(most: number): Promise<Taken>;
  /** The ids of all jobs that the worker has locked, as Redis knows them. */
  locked(): Promise<string[]>;
}

type Wish =
  | { readonly kind: 'go'; readonly jobId: string; readonly at: number | null; readonly patienceMs: number }
  | { readonly kind: 'take'; readonly most: number };

/** As many wishes are fulfilled by one script at most, so that no other client waits long for Redis. */
const turnLimit = 100;

/** @param token the worker's, in the locks of its jobs */
export function createTurns(
  redis: Redis,
  keys: RedisQueueBackend['keys'],
  limits: TurnLimits,
  token: string,
  clock: Clock = machineClock,
): Turns {
  const turn = createBatcher<Wish, number | Taken>(
    (wishes) => takeTurn(redis, keys, limits, token, wishes, clock.now()),
    turnLimit,
  );
  return {
    letGo: (jobId, at, patienceMs = 0) => turn({ kind: 'go', jobId, at, patienceMs }) as Promise<number>,
    take: (most) => turn({ kind: 'take', most }) as Promise<Taken>,
    locked: () =>
      lockedScript.run(redis, [keys.active as string], [keys[''] as string, token]) as Promise<string[]>,
  };
}

/** Fulfils the wishes of one turn in one script, in the order in which they were made. */
async function takeTurn(
  redis: Redis,
  keys: RedisQueueBackend['keys'],
  { lockDuration, limiter, isTraced }: TurnLimits,
  token: string,
  wishes: readonly Wish[],
  now: number,
): Promise<(number | Taken)[]> {
  let wanted = 0;
  const gone: (string | number)[] = [];
  for (const wish of wishes) {
    if (wish.kind === 'go') gone.push(wish.jobId, wish.at ?? '', secondsOf(wish.patienceMs));
    else wanted += wish.most;
  }
  const reply = await turnScript.run(
    redis,
    turnKeys.map((name) => keys[name] as string),
    [
      ...[keys[''] as string, now, lockDuration, limiter.max, limiter.duration, isTraced ? 1 : 0],
      ...[token, wanted, ...gone],
    ],
  );
  const [codes, values, limitedMs, nextDueAt] = JSON.parse(reply as string) as TurnReply;
  let letGo = 0;
  let first = 0;
  return wishes.map((wish) => {
    if (wish.kind === 'go') return codes[letGo++] as number;
    const jobs: JobJson[] = [];
    for (; jobs.length < wish.most && values[first] !== undefined; first += valuesPerJob) {
      jobs.push(jobOf(values, first, now));
    }
    return { jobs, limitedMs, nextDueAt };
  });
}

/** As the twelve bits of a score hold them. */
function secondsOf(patienceMs: number): number {
  return Math.min(Math.max(Math.round(patienceMs / 1_000), 0), 4_095);
}

const turnKeys = ['wait', 'active', 'prioritized', 'delayed', 'stalled', 'limiter', 'meta', 'pc', 'marker'];
const valuesPerJob = 6;

/** The codes of the jobs let go; the values of each job taken; when the limiter and when a due time let more start. */
type TurnReply = [
  codes: readonly number[],
  jobs: readonly (string | number)[],
  limitedMs: number,
  nextDueAt: number,
];

/**
 * A job in BullMQ's form. What it says besides its data is the same for all of ours, and is not read, but for `processedOn`:
 * from then on BullMQ counts until it prolongs the lock.
 */
function jobOf(values: TurnReply[1], first: number, processedOn: number): JobJson {
  const [jobId, opts] = [String(values[first]), values[first + 2]];
  return {
    id: jobId,
    name: nameOf(jobId, values[first + 5] === 1),
    data: readable(jobId, String(values[first + 1])),
    opts: opts === '' ? pollJobOptions : tracedOptions(String(opts)),
    attemptsStarted: Number(values[first + 3]),
    attemptsMade: Number(values[first + 4]),
    processedOn,
    ...{ progress: 0, timestamp: 0, delay: 0, failedReason: '', returnvalue: 'null', stalledCounter: 0 },
  };
}

/** @param asksNobody the job was started without counting against the rate */
function nameOf(jobId: string, asksNobody: boolean): JobName {
  if (orderIdOf(jobId) === null) return 'wake';
  return asksNobody ? 'answer' : 'poll';
}

/**
 * The data of a job as BullMQ can read it: an error of its own there would leave the job with its slot for good. Where
 * somebody broke it, the job's id says which order it is of. An order without an id is unknown: a job of nobody's ends with
 * its first run.
 */
function readable(jobId: string, data: string): string {
  try {
    const { orderId, version } = JSON.parse(data) as { orderId?: unknown; version?: unknown };
    // What a newer version wrote is left to it.
    if (typeof orderId === 'string' || typeof version === 'number') return data;
  } catch {
    // As below.
  }
  const orderId = orderIdOf(jobId.replace(/^w~/, ''));
  return JSON.stringify(jobData(orderId ?? ''));
}

/** The trace to go on with, and whatever else is stored, decoded by BullMQ's own reading of a job. */
function tracedOptions(opts: string): JobJson['opts'] {
  const [job] = raw2NextJobData([['opts', opts], '', 0, 0]) as [JobJson];
  return { ...pollJobOptions, ...job.opts };
}
