/** Thrown where so many passwords wait to be checked that this one would not be in time. */
export class TooManyChecksError extends Error {
  constructor() {
    super('Too many logins are being checked; try again in a few seconds.');
    this.name = 'TooManyChecksError';
  }
}

/** Runs work that takes a core and megabytes, a few at a time. */
export interface CheckQueue {
  /**
   * @param rank those of the lowest rank are run first: whoever has guessed less
   * @throws TooManyChecksError where it would wait too long
   */
  run<T>(rank: number, work: () => Promise<T>): Promise<T>;
}

/** Node's pool has four threads, and two must be left to everything else. */
const defaultParallel = 2;
const defaultWaiting = 12;
/** A request has five seconds, three of which whoever has guessed often is made to wait before. */
const longestWaitMs = 1_500;

interface Waiting {
  readonly rank: number;
  start(): void;
  refuse(): void;
}

export function createCheckQueue(parallel = defaultParallel, maxWaiting = defaultWaiting): CheckQueue {
  let running = 0;
  /** In the order in which they are run. */
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
        // The place is handed on, so that nobody who comes now is served before those who wait.
        const next = waiting.shift();
        if (next === undefined) running -= 1;
        else next.start();
      }
    },
  };
}
