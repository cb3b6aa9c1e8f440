/** A blocking read is given this much longer than it is to last: our timer ends it, more precisely than Redis would. */
const marginSeconds = 0.3;

/**
 * Waits for a sign that there is a job, at most so many seconds: BullMQ's wait, with two changes.
 * - It ends by a timer of ours: Redis ends blocking reads only once per tick, which is 46 ms late on average (docs/engine.md
 *   section 2).
 * - It ends in any case. When the master of a Cluster dies, the blocking connection may never come back, and BullMQ waits
 *   for it for ever (upstream #4138): then the worker asks for jobs by its timer alone, at the latest after BullMQ's 10 s.
 *
 * @param read BullMQ's wait, a blocking read; `null` when there was no sign
 * @param end makes a blocking read return, so that no sign goes to a worker that does not wait any more
 * @param missed a sign has come all the same after the wait was over
 */
export function createWait(
  read: (seconds: number) => Promise<unknown>,
  end: () => Promise<unknown>,
  missed: () => void,
): (seconds: number) => Promise<void> {
  let underWay: Promise<unknown> | null = null;
  let isAwaited = false;

  function begin(seconds: number): Promise<unknown> {
    const reading = read(seconds + marginSeconds).finally(() => {
      underWay = null;
    });
    // Whoever waited for it may have gone.
    reading.then(
      (sign) => {
        if (sign !== null && !isAwaited) missed();
      },
      () => {},
    );
    return reading;
  }

  return async (seconds) => {
    underWay ??= begin(seconds);
    isAwaited = true;
    let timer: NodeJS.Timeout | undefined;
    const timeIsUp = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        resolve();
        end().catch(() => {});
      }, seconds * 1_000);
    });
    try {
      await Promise.race([underWay, timeIsUp]);
    } finally {
      isAwaited = false;
      clearTimeout(timer);
    }
  };
}
