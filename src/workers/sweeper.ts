import { Queue, Worker } from 'bullmq';
import { sweep } from './sweep.ts';
import type { SweepParts } from './sweep-parts.ts';

export interface SweeperParts extends SweepParts {
  /**
   * As of the poll workers: a sweep whose process died blocks the next one for about this long. With BullMQ's defaults
   * nothing would be mended for up to 90 s.
   */
  readonly lockDurationMs?: number;
  readonly stalledIntervalMs?: number;
  failed(error: Error): void;
}

export interface Sweeper {
  close(force?: boolean): Promise<void>;
}

/**
 * Compares the open orders with the queues and mends what is missing, however old. A job scheduler runs it, one at a
 * time whatever the number of processes.
 */
export async function startSweeper(parts: SweeperParts): Promise<Sweeper> {
  const { redis, keys, intervalMs } = parts;
  const options = { connection: redis, prefix: keys.queuePrefix('sweeper') };
  const queue = new Queue('sweeper', { ...options, streams: { events: { maxLen: 10 } } });
  queue.on('error', parts.failed);
  const schedule = async () => {
    await queue.setGlobalConcurrency(1);
    // Somebody may have paused it, and nobody would notice: resume.
    if (await queue.isPaused()) await queue.resume();
    await queue.upsertJobScheduler(
      'sweep',
      { every: intervalMs },
      { name: 'sweep', opts: { removeOnComplete: true, removeOnFail: { count: 10 }, attempts: 1 } },
    );
  };
  await schedule();
  const drift = () => Date.now() - performance.now();
  let drifted = drift();
  // Redis may come back empty, and somebody may delete the sweeper's own queue by hand. An existing scheduler is left alone
  // most of the time: setting it anew puts off its next run.
  let looks = 0;
  const restore = async () => {
    looks += 1;
    const now = drift();
    if (Math.abs(now - drifted) >= intervalMs) {
      // BullMQ dates the next sweep by this machine's clock: set back, it would not sweep until the clock is there again.
      drifted = now;
      await queue.removeJobScheduler('sweep');
    }
    if (looks % 10 === 0 || (await queue.getJobScheduler('sweep')) == null) await schedule();
  };
  const renewal = setInterval(() => void restore().catch(parts.failed), intervalMs);
  const { lockDurationMs, stalledIntervalMs } = parts;
  const worker = new Worker('sweeper', () => sweep(parts), {
    ...options,
    ...(lockDurationMs === undefined ? {} : { lockDuration: lockDurationMs }),
    ...(stalledIntervalMs === undefined ? {} : { stalledInterval: stalledIntervalMs }),
    maxStalledCount: 1_000_000,
  });
  worker.on('error', parts.failed);
  worker.on('failed', (_job, error) => parts.failed(error));
  return {
    async close(force = false) {
      clearInterval(renewal);
      await worker.close(force);
      await queue.close();
    },
  };
}
