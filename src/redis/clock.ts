import { type Clock, createFollowingClock } from '../domain/clock.ts';
import type { Redis } from './connection.ts';
import type { Keys } from './keys.ts';
import { loadScript } from './script.ts';

const timeScript = loadScript('time', import.meta.url);

/** How often Redis' clock is read, in ms. */
const readEveryMs = 5_000;
/** Read several times at start: the first round trip on a new connection is slow, so its time is imprecise. */
const firstReads = 3;

/** Redis' clock as estimated by this process: the shared clock for times that processes compare. */
export interface RedisClock extends Clock {
  /** Reads the clock unless it was read recently. @throws when it was never read and Redis does not answer */
  refresh(): Promise<void>;
  /** Reads the clock now and periodically until `close`. @throws as `refresh` */
  start(): Promise<void>;
  close(): void;
}

export function createRedisClock(redis: Redis, keys: Keys): RedisClock {
  const clock = createFollowingClock();
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | null = null;
  let timer: NodeJS.Timeout | undefined;

  async function read(): Promise<void> {
    const askedAt = performance.now();
    const [seconds, microseconds] = (await timeScript.run(redis, [keys.open], [])) as [string, string];
    readAt = performance.now();
    clock.learn(askedAt, readAt, Number(seconds) * 1_000 + Number(microseconds) / 1_000);
  }

  async function refresh(): Promise<void> {
    if (performance.now() - readAt < readEveryMs) return;
    reading ??= read().finally(() => {
      reading = null;
    });
    // Once set, the clock runs on without Redis; before that, the caller must wait for the first read.
    if (clock.isSet()) reading.catch(() => {});
    else await reading;
  }

  return {
    now: clock.now,
    steadySince: clock.steadySince,
    refresh,
    async start() {
      for (let nth = 0; nth < firstReads; nth += 1) await read();
      timer = setInterval(() => void refresh(), readEveryMs / 2);
    },
    close: () => clearInterval(timer),
  };
}
