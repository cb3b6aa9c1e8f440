import { Queue, Worker } from 'bullmq';
import type { Redis } from '../../redis/connection.ts';
import type { Keys } from '../../redis/keys.ts';

export interface PullScheduleParts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly account: string;
  readonly everyMs: number;
  readonly lockDurationMs: number;
  readonly stalledIntervalMs: number;
  pull(signal: AbortSignal): Promise<void>;
  failed(error: Error): void;
}

/** Runs the pulls of an account by a job scheduler: one at a time, whatever the number of processes. */
export async function startPullSchedule(parts: PullScheduleParts) {
  const { redis, keys, account, everyMs, failed } = parts;
  // No account id has a colon.
  const options = { connection: redis, prefix: keys.queuePrefix(`${account}:pull`) };
  const queue = new Queue('pull', { ...options, streams: { events: { maxLen: 10 } } });
  queue.on('error', failed);
  const schedule = async () => {
    await queue.setGlobalConcurrency(1);
    await queue.upsertJobScheduler(
      'pull',
      { every: everyMs },
      { name: 'pull', opts: { removeOnComplete: true, removeOnFail: { count: 10 }, attempts: 1 } },
    );
  };
  await schedule();
  // Redis may come back empty.
  const restore = async () => {
    if ((await queue.getJobScheduler('pull')) == null) await schedule();
  };
  const renewal = setInterval(() => void restore().catch(failed), Math.max(everyMs, 60_000));
  const stopping = new AbortController();
  const worker = new Worker('pull', () => parts.pull(stopping.signal), {
    ...options,
    lockDuration: parts.lockDurationMs,
    stalledInterval: parts.stalledIntervalMs,
    maxStalledCount: 1_000_000,
  });
  worker.on('error', failed);
  worker.on('failed', (_job, error) => {
    if (!stopping.signal.aborted) failed(error);
  });
  return {
    async close(force = false): Promise<void> {
      clearInterval(renewal);
      stopping.abort();
      await worker.close(force);
      await queue.close();
    },
  };
}
