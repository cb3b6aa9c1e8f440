/** Thrown if so many passwords are waiting to be checked that this one would take too long. */
export class TooManyChecksError extends Error {
  constructor() {
    super('Too many logins are being checked; try again in a few seconds.');
    this.name = 'TooManyChecksError';
  }
}

/** Limits how many password checks run at a time: each takes a core and megabytes of memory. */
export interface CheckQueue {
  /**
   * @param rank the lowest rank runs first: callers with fewer wrong guesses
   * @throws TooManyChecksError if it would wait too long
   */
  run<T>(rank: number, work: () => Promise<T>): Promise<T>;
}

/** Node's pool has four threads; two are left for everything else. */
const defaultParallel = 2;
const defaultWaiting = 12;
/** A request has five seconds, up to three of which the login throttle may use. */
const longestWaitMs = 1_500;

interface Waiting {
  readonly rank: number;
  start(): void;
  refuse(): void;
}

export function createCheckQueue(parallel = defaultParallel, maxWaiting = defaultWaiting): CheckQueue {
  let running = 0;
  /** In the order in which they will run. */
  const waiting: Waiting[] = [];

  function enter(rank: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const at = waiting.findIndex((other) => other.rank > rank);
      const entry = { rank, start, refuse };
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(entry), 1);
        refuse();
      }, longestWaitMs);
      function start() {
        clearTimeout(timer);
        resolve();
      }
      function refuse() {
        clearTimeout(timer);
        reject(new TooManyChecksError());
      }
      waiting.splice(at < 0 ? waiting.length : at, 0, entry);
      if (waiting.length > maxWaiting) waiting.pop()?.refuse();
    });
  }

  return {
    async run(rank, work) {
      if (running >= parallel) await enter(rank);
      else running += 1;
      try {
        return await work();
      } finally {
        // The slot goes to the next in the queue, so that no new caller overtakes it.
        const next = waiting.shift();
        if (next === undefined) running -= 1;
        else next.start();
      }
    },
  };
}
