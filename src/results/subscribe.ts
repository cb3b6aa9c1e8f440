import { setTimeout as delay } from 'node:timers/promises';
import { createKeys, defaultPrefix } from '../orders/keys.ts';
import { connectRedis, type Redis } from '../redis.ts';
import type { ResultEvent } from './event.ts';
import { type Entry, ResultGroup } from './result-group.ts';

export interface SubscribeOptions {
  /** A Redis URL, or an ioredis connection of yours, of which copies are made. */
  readonly redis: string | Redis;
  /** Name of your application: its consumers share the results between them. */
  readonly group: string;
  /** Name of this process among them; must be the same after a restart and used by one process at a time. */
  readonly consumer: string;
  /**
   * Called for every result at least once, in version order per order. When it throws, the result comes again after
   * `retryAfterMs`. Use `event.id` to notice a repetition after a crash of yours.
   */
  readonly onResult: (event: ResultEvent) => void | Promise<void>;
  /** Default `payments`. */
  readonly prefix?: string;
  /** Where a new group begins: `0` (default) with everything that the stream holds, `$` with what comes from now on. */
  readonly from?: '0' | '$';
  /** Orders handled at the same time; results of one order never are. Nothing more is fetched meanwhile. Default 10. */
  readonly concurrency?: number;
  /** A result whose handler threw, or whose consumer died, comes again after this long. Default 30 000. */
  readonly retryAfterMs?: number;
  /** After so many tries a result is parked in the stream `{prefix}:parked:<group>` and no longer in the way. Default 10. */
  readonly maxTries?: number;
  /** Hears what went wrong: a handler that threw, a parked result, a lost connection. Default: nobody. */
  readonly onError?: (error: Error, event: ResultEvent | null) => void;
}

export interface Subscription {
  /** Stops fetching, waits for handlers that run, closes the connections. */
  close(): Promise<void>;
}

/** Below the connection's `socketTimeout`. */
const blockMs = 2_000;
const reconnectMs = 250;

/**
 * Follows the results as a member of a consumer group: takes over what a dead consumer left, passes over results that a
 * newer one has made stale, parks what cannot be handled.
 */
export function subscribe(options: SubscribeOptions): Subscription {
  const { concurrency = 10, retryAfterMs = 30_000, maxTries = 10, prefix = defaultPrefix } = options;
  const redis = copyOf(options.redis);
  const blocking = copyOf(options.redis);
  const { group: name, consumer, from = '0' } = options;
  const keys = createKeys(prefix);
  const group = new ResultGroup({ redis, blocking, keys, name, consumer, from });
  const closing = new AbortController();
  const running = run();

  async function run(): Promise<void> {
    let claimAt = 0;
    while (!closing.signal.aborted) {
      try {
        if (Date.now() >= claimAt) {
          // What was left behind comes first: it is the oldest.
          const left = await group.claim(retryAfterMs, concurrency);
          await handleAll(left);
          if (left.length === 0) claimAt = Date.now() + Math.min(retryAfterMs, 5_000);
        }
        await handleAll(await group.next(concurrency, blockMs));
      } catch (error) {
        if (closing.signal.aborted) return;
        tell(error, null);
        await delay(reconnectMs, undefined, { signal: closing.signal }).catch(() => {});
      }
    }
  }

  /** Entries of one order in turn, of different orders side by side. */
  async function handleAll(entries: readonly Entry[]): Promise<void> {
    const byOrder = Map.groupBy(entries, ({ orderId }) => orderId);
    const heartbeat = setInterval(() => void group.keep(entries).catch(() => {}), retryAfterMs / 3);
    try {
      await Promise.all([...byOrder.values()].map(handleInTurn));
    } finally {
      clearInterval(heartbeat);
    }
  }

  async function handleInTurn(entries: readonly Entry[]): Promise<void> {
    for (const entry of entries) if (!(await handle(entry))) return;
  }

  /** False when it is to come again; later results of the order must wait for it then. */
  async function handle(entry: Entry): Promise<boolean> {
    if (entry.event === null) {
      await group.park(entry, 'not a result of payment-poller');
      tell(new Error(`Entry ${entry.streamId} is not a result of payment-poller; it was parked.`), null);
      return true;
    }
    if ((await group.handledVersion(entry.orderId)) >= entry.event.stateversion) {
      await group.acknowledge(entry);
      return true;
    }
    try {
      await options.onResult(entry.event);
    } catch (error) {
      tell(error, entry.event);
      if (entry.tries < maxTries) return false;
      await group.park(entry, error instanceof Error ? error.message : String(error));
      return true;
    }
    await group.finish(entry, entry.event.stateversion);
    return true;
  }

  function tell(error: unknown, event: ResultEvent | null): void {
    options.onError?.(error instanceof Error ? error : new Error(String(error)), event);
  }

  return {
    async close() {
      closing.abort();
      blocking.disconnect();
      await running;
      redis.disconnect();
    },
  };
}

function copyOf(redis: string | Redis): Redis {
  if (typeof redis === 'string') return connectRedis(redis, 'patient');
  const copy = redis.duplicate();
  copy.on('error', () => {});
  return copy;
}
