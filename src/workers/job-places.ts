import { jobIdOf, type PollQueue } from '../jobs/queue.ts';
import type { Redis } from '../redis/connection.ts';
import { loadScript } from '../redis/script.ts';

const placesScript = loadScript('job-places', import.meta.url);

/** When a delayed job is due. `unclear`: not where it was looked for; it may be missing, or have moved meanwhile. */
export type JobPlace = { readonly dueAt: number } | 'waiting' | 'unclear';

/** Where the jobs of one queue stand, as far as it can be seen cheaply. */
export interface JobPlaces {
  /** Of some hundred orders, in their order. */
  placesOf(orderIds: readonly string[]): Promise<JobPlace[]>;
}

/** Names read of one list at most. What is not among them, and exists, is taken for waiting. */
const listLimit = 100_000;
/** Read at once at most; a list that is read in parts may move meanwhile, so that single jobs are overlooked. */
const partSize = 10_000;

/**
 * Looks at one queue. BullMQ's `getState` walks through its list of waiting jobs for every job that it is asked about:
 * with 20,000 waiting that is half a millisecond of Redis a job. Here the lists are read once, when they are first needed.
 */
export function createJobPlaces(redis: Redis, queue: PollQueue): JobPlaces {
  let waiting: Promise<Waiting> | null = null;
  return {
    async placesOf(orderIds) {
      const jobIds = orderIds.map(jobIdOf);
      const keys = [queue.toKey('delayed'), ...jobIds.map((jobId) => queue.toKey(jobId))];
      const places = (await placesScript.run(redis, keys, jobIds)) as (0 | 1 | string)[];
      if (places.includes(1)) waiting ??= readWaiting(redis, queue);
      const listed = await waiting;
      return places.map((place, nth) => {
        if (typeof place === 'string') return { dueAt: Math.floor(Number(place) / 4096) };
        const isListed = listed !== null && (listed.isCut || listed.jobIds.has(jobIds[nth] as string));
        return place === 1 && isListed ? 'waiting' : 'unclear';
      });
    },
  };
}

/** The names of jobs that wait, or are being worked on. `isCut`: there are more. */
interface Waiting {
  readonly jobIds: ReadonlySet<string>;
  readonly isCut: boolean;
}

async function readWaiting(redis: Redis, queue: PollQueue): Promise<Waiting> {
  const jobIds = new Set<string>();
  let isCut = false;
  for (const list of ['wait', 'active']) {
    for (let from = 0; ; from += partSize) {
      const part = await redis.lrange(queue.toKey(list), from, from + partSize - 1);
      for (const jobId of part) jobIds.add(jobId);
      if (part.length < partSize) break;
      if (from + partSize >= listLimit) {
        isCut = true;
        break;
      }
    }
  }
  return { jobIds, isCut };
}
