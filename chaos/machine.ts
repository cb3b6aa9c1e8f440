import { Worker } from 'node:worker_threads';

/** How busy the machine is with other things. */
export interface MachineWatch {
  /** How many times longer than on a quiet machine something may take; 1 on a quiet one. */
  readonly slowdown: number;
  close(): Promise<unknown>;
}

/** The bounds are made for processes that get a core for half of the time that they want it. */
const usualShare = 2;
/** A run has to end at some time. */
const mostSlowdown = 6;
const everyMs = 1_500;
const workMs = 30;

/**
 * From now on measures, in a thread of its own, how long a piece of work takes beside the time of a core that it uses. What the
 * product does cannot hide behind it: a process that waits or hangs uses no core.
 */
export function watchMachine(): MachineWatch {
  const shares: number[] = [];
  const thread = new Worker(new URL('./machine-thread.ts', import.meta.url), {
    workerData: { everyMs, workMs },
  });
  thread.on('message', (share: number) => shares.push(share));
  return {
    get slowdown() {
      const mean = shares.reduce((sum, share) => sum + share, 0) / Math.max(1, shares.length);
      return Math.min(mostSlowdown, Math.max(1, mean / usualShare));
    },
    close: () => thread.terminate(),
  };
}
