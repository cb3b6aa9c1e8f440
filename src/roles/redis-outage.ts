import type { Log } from '../observability/log.ts';
import type { Redis } from '../redis/connection.ts';
import { isRedisFault } from '../redis/redis-fault.ts';
import { withTimeout } from '../redis/timeout.ts';

/** Logs a Redis outage once when it begins and once when it ends, however many commands fail meanwhile. */
export interface RedisOutage {
  /** Counts an error towards the outage. `false` if it has nothing to do with Redis, so the caller must log it. */
  covers(error: unknown): boolean;
  /** Stops watching; call it before connections are closed on purpose. */
  close(): void;
}

const probeEveryMs = 500;
const probeMs = 2_000;
/** The outage is over when Redis answers and nothing has failed for this long: a full Redis still answers PING. */
const quietMs = 3_000;

interface Outage {
  readonly beganAt: number;
  lastFailureAt: number;
  failures: number;
}

/** Watches this connection, and the errors that callers report of theirs. */
export function watchRedis(redis: Redis, log: Log): RedisOutage {
  let outage: Outage | null = null;
  let timer: NodeJS.Timeout | undefined;
  let isProbing = false;
  let isClosed = false;

  function failed(reason: string): void {
    if (isClosed) return;
    const now = performance.now();
    if (outage === null) {
      outage = { beganAt: now, lastFailureAt: now, failures: 0 };
      log.error({ reason }, 'Redis is unavailable: until it is back, orders wait and requests are refused');
      timer = setInterval(() => void probe(), probeEveryMs);
    }
    outage.lastFailureAt = now;
    outage.failures += 1;
  }

  async function probe(): Promise<void> {
    if (isProbing) return;
    isProbing = true;
    const answer = await withTimeout(redis.ping(), probeMs).catch(() => null);
    isProbing = false;
    if (outage === null || isClosed) return;
    const now = performance.now();
    if (answer === null) outage.lastFailureAt = now;
    if (now - outage.lastFailureAt < quietMs) return;
    const { beganAt, lastFailureAt, failures } = outage;
    log.warn({ durationMs: Math.round(lastFailureAt - beganAt), failures }, 'Redis is available again');
    outage = null;
    clearInterval(timer);
  }

  const lost = () => failed('the connection was lost');
  redis.on('close', lost);

  return {
    covers(error) {
      if (!isRedisFault(error)) return false;
      failed(error instanceof Error ? error.message : String(error));
      log.debug({ err: error }, 'Redis failed');
      return true;
    },
    close() {
      isClosed = true;
      clearInterval(timer);
      redis.off('close', lost);
    },
  };
}
