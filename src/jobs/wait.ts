/** Waits for a sign that there is a job, at most so many seconds; `null` when there was none. */
export type Wait<Sign> = (seconds: number) => Promise<Sign | null>;

/** A blocking read is given this much longer than it is to last: our timer ends it, more precisely than Redis would. */
const marginSeconds = 0.3;
/** How long a read that was ended may take to notice. */
const graceMs = 1_000;

/**
 * BullMQ's wait for the next job, with two changes.
 * - It ends by a timer of ours: Redis ends blocking reads only once per tick, which is 46 ms late on average (docs/engine.md
 *   section 2).
 * - It ends in any case. When the master of a Cluster dies, the blocking connection may never come back, and BullMQ waits
 *   for it for ever (upstream #4138): then the worker asks for jobs by its timer alone, at the latest after BullMQ's 10 s.
 *
 * @param read BullMQ's wait, a blocking read
 * @param end makes a blocking read return
 */
export function createWait<Sign>(read: Wait<Sign>, end: () => Promise<unknown>): Wait<Sign> {
  let underWay: Promise<Sign | null> | null = null;

  function begin(seconds: number): Promise<Sign | null> {
    const reading = read(seconds + marginSeconds).finally(() => {
      underWay = null;
    });
    // Whoever waited for it may have gone.
    reading.catch(() => {});
    return reading;
  }

  return async (seconds) => {
    const isLate = underWay !== null;
    underWay ??= begin(seconds);
    const timers: NodeJS.Timeout[] = [];
    const after = (ms: number, act: () => void) => void timers.push(setTimeout(act, ms));
    try {
      return await Promise.race([
        underWay,
        new Promise<null>((resolve) => {
          after(seconds * 1_000, () => void end().catch(() => {}));
          after(seconds * 1_000 + (isLate ? 0 : graceMs), () => resolve(null));
        }),
      ]);
    } finally {
      for (const timer of timers) clearTimeout(timer);
    }
  };
}
