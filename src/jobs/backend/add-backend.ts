import {
  type BackendFactory,
  createRedisBackend,
  type DefaultJobOptions,
  type JobJson,
  type RedisQueueBackend,
} from 'bullmq';
import { createBatcher } from '../../redis/batcher.ts';
import type { Redis } from '../../redis/connection.ts';
import { loadScript } from '../../redis/script.ts';

const addScript = loadScript('add-jobs', import.meta.url);

/** Jobs in one script at most, so that no other client waits long for Redis. */
const addLimit = 200;

/**
 * BullMQ's Redis back end for a queue that is only added to, with one change: jobs that are added at the same time go into
 * one script (`add-jobs.lua`), which keeps no options that are the queue's own. Whoever works on them must know these
 * (`poll-backend.ts` does). Jobs of other kinds (with a priority, a parent, an automatic id) are added by BullMQ.
 *
 * @param defaults the queue's own options
 */
export function createAddBackend(
  redis: Redis,
  defaults: DefaultJobOptions,
): BackendFactory<RedisQueueBackend> {
  return (name, opts, options) => {
    const backend = createRedisBackend(name, opts, options);
    const plainly = backend.addJob.bind(backend);
    const { keys } = backend;
    const add = createBatcher<Added, void>(async (added) => {
      await addScript.run(
        redis,
        [keys.delayed as string, keys.marker as string],
        [keys[''] as string, Date.now(), JSON.stringify(added.map(toScriptArgs))],
      );
      return added.map(() => undefined);
    }, addLimit);

    async function addJob(job: JobJson, jobId?: string, parent: Parent = {}): Promise<string> {
      if (!jobId || parent.parentKey || !hasOnly(defaults, job)) return plainly(job, jobId as string, parent);
      await add({ job, jobId });
      return jobId;
    }

    return Object.assign(backend, {
      addJob,
      addJobs: (entries: Parameters<RedisQueueBackend['addJobs']>[0]) =>
        Promise.all(entries.map(({ job, jobId, parentKeyOpts }) => addJob(job, jobId, parentKeyOpts))),
    });
  };
}

type Parent = Parameters<RedisQueueBackend['addJob']>[2];

interface Added {
  readonly job: JobJson;
  readonly jobId: string;
}

/** What a job may say besides the queue's own options. */
const spoken = new Set(['jobId', 'timestamp', 'delay', 'telemetry']);

function hasOnly(defaults: DefaultJobOptions, { opts }: JobJson): boolean {
  for (const name in opts) {
    const value = opts[name as keyof typeof opts];
    if (value === undefined || spoken.has(name)) continue;
    if (value !== defaults[name as keyof DefaultJobOptions]) return false;
  }
  return true;
}

/** A job as the script takes it. */
function toScriptArgs({ job, jobId }: Added): (string | number)[] {
  const { name, data, timestamp, opts } = job;
  // A time that somebody broke in a record is no number: its order is due at once, and no other job suffers.
  return [jobId, name, data, timestamp, opts.delay || 0, traceOf(opts)];
}

/** The trace to go on with, in BullMQ's stored form. */
function traceOf({ telemetry }: JobJson['opts']): string {
  if (telemetry === undefined) return '';
  const stored = JSON.stringify({ tm: telemetry.metadata, omc: telemetry.omitContext });
  return stored === '{}' ? '' : stored;
}
