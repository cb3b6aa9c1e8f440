import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { ResultEvent } from '../domain/result-event.ts';
import { forgetArguments, isWrongType, type Redis } from '../redis/connection.ts';
import { createKeys, defaultPrefix } from '../redis/keys.ts';
import { type Entry, isResult, type ResultEntry, ResultGroup } from './group.ts';
import { patientCopy, watchEachOther } from './own-connection.ts';
import { unlessAborted, within } from './waiting.ts';

export interface SubscribeOptions {
  /** A Redis URL, or an ioredis connection of yours, of which copies are made. */
  readonly redis: string | Redis;
  /** Name of your application, 1–64 of `A-Z a-z 0-9 . _ -`: its consumers share the results between them. */
  readonly group: string;
  /** Name of this process among them, for instance its host name; used by one process at a time. */
  readonly consumer: string;
  /**
   * Called for every result at least once. Results of one order come in version order and never two at a time, over all
   * consumers of the group; one that kept failing until a newer one of its order was handled is passed over. When it throws, the result
   * comes again after `retryAfterMs`. Use `event.id` to notice a repetition after a crash of yours.
   */
  readonly onResult: (event: ResultEvent) => void | Promise<void>;
  /** Default `payments`. */
  readonly prefix?: string;
  /** Where a new group begins: `0` (default) with everything that the stream holds, `$` with what comes from now on. */
  readonly from?: '0' | '$';
  /** Results in hand at the same time; nothing more is fetched meanwhile. Default 10. */
  readonly concurrency?: number;
  /**
   * A result whose handler threw, or whose consumer died, comes again after so many milliseconds, then after twice as
   * many, and so on, at most an hour. A handler may run for longer. Default 30 000.
   */
  readonly retryAfterMs?: number;
  /**
   * After so many tries a result is parked in the stream `{prefix}:parked:<group>` and no longer in the way. Default 10,
   * which with the default `retryAfterMs` is after more than three hours.
   */
  readonly maxTries?: number;
  /**
   * Hears what went wrong: a handler that threw, a parked result (then with the event), a lost Redis (`null`). Default: nobody.
   */
  readonly onError?: (error: Error, event: ResultEvent | null) => void;
}

export interface Subscription {
  /** Stops fetching, waits for handlers that run, hands back what was not begun, closes the connections. */
  close(): Promise<void>;
}

/** Below the connection's `socketTimeout`. */
const blockMs = 2_000;
/** How often results that were left behind are looked for. */
const claimEveryMs = 5_000;
const longestPauseMs = 5_000;
/** How long Redis may take to note what became of a result before it is told again. */
const noteMs = 2_000;
/** How long a result waits here for another one of its order before it is handed back. */
const turnMs = 1_000;
const turnEveryMs = 50;
const namePattern = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * Follows the results as a member of a consumer group: takes over what a dead consumer left, passes over results that a
 * newer one has made stale, parks what cannot be handled. Goes on for ever, also when Redis goes away and comes back.
 *
 * @throws TypeError when `group`, `consumer` or a number cannot be used
 */
export function subscribe(options: SubscribeOptions): Subscription {
  const { concurrency = 10, retryAfterMs = 30_000, maxTries = 10, prefix = defaultPrefix } = options;
  const { group: name, consumer, from = '0' } = options;
  check({ group: name, consumer }, { concurrency, retryAfterMs, maxTries });
  const [redis, blocking] = [patientCopy(options.redis), patientCopy(options.redis)];
  const keys = createKeys(prefix);
  const holder = `${consumer}#${randomUUID()}`;
  const group = new ResultGroup({ redis, blocking, keys, name, consumer, holder, from, retryAfterMs });
  const closing = new AbortController();
  const inHand = new Map<string, Entry>();
  /** The end of what is to be done for each order, one after the other. */
  const lastOfOrder = new Map<string, Promise<void>>();
  let hasRoom = Promise.withResolvers<void>();

  tellOutages(blocking);
  watchEachOther(redis, blocking);
  const heartbeat = setInterval(renew, retryAfterMs / 3);
  const running = run();
  let closed: Promise<void> | undefined;

  async function run(): Promise<void> {
    let claimAt = 0;
    let failures = 0;
    while (!closing.signal.aborted) {
      try {
        const free = concurrency - inHand.size;
        if (free <= 0) {
          await unlessAborted(hasRoom.promise, closing.signal);
        } else if (performance.now() >= claimAt) {
          // What was left behind comes first: it is the oldest.
          const left = await unlessAborted(group.claim(free, inHand.keys()), closing.signal);
          if (left?.isEnd) claimAt = performance.now() + Math.min(retryAfterMs / 2, claimEveryMs);
          left?.entries.forEach(take);
        } else {
          const waitMs = Math.max(1, Math.min(blockMs, Math.ceil(claimAt - performance.now())));
          (await unlessAborted(group.next(free, waitMs), closing.signal))?.forEach(take);
        }
        failures = 0;
      } catch (error) {
        failures += 1;
        tell(error, null);
        await pause(failures);
      }
    }
  }

  /** Entries of one order in turn, of different orders side by side. */
  function take(entry: Entry): void {
    inHand.set(entry.streamId, entry);
    const done: Promise<void> = (lastOfOrder.get(entry.orderId) ?? Promise.resolve())
      .then(() => handle(entry))
      .catch((error) => tell(error, entry.event))
      .then(() => drop(entry, done));
    lastOfOrder.set(entry.orderId, done);
  }

  function drop({ streamId, orderId }: Entry, done: Promise<void>): void {
    inHand.delete(streamId);
    if (lastOfOrder.get(orderId) === done) lastOfOrder.delete(orderId);
    hasRoom.resolve();
    hasRoom = Promise.withResolvers();
  }

  async function handle(entry: Entry): Promise<void> {
    if (!isResult(entry)) return park(entry, 'not a result of payment-poller');
    switch (await turnOf(entry)) {
      case 'stale':
        return note(() => group.acknowledge(entry));
      case 'wait':
        return note(() => group.giveBack(entry, closing.signal.aborted ? 0 : retryAfterMs / 2));
      case 'go':
        // Whoever had it before never came to an end: it may be what kills them.
        if (entry.tries > maxTries)
          return park(entry, `handed out ${entry.tries - 1} times, and never finished`);
        return work(entry);
    }
  }

  async function work(entry: ResultEntry): Promise<void> {
    try {
      await options.onResult(entry.event);
    } catch (error) {
      tell(error, entry.event);
      if (entry.tries < maxTries) return note(() => group.release(entry));
      return park(entry, error instanceof Error ? error.message : String(error));
    }
    await note(() => group.finish(entry));
  }

  /** Waits a moment for other results of the order that are under way. */
  async function turnOf(entry: ResultEntry): Promise<'stale' | 'wait' | 'go'> {
    const giveUpAt = performance.now() + Math.min(turnMs, retryAfterMs);
    for (;;) {
      if (closing.signal.aborted) return 'wait';
      const turn = await note(() => group.begin(entry));
      if (turn !== 'wait' || performance.now() >= giveUpAt) return turn;
      await pauseFor(turnEveryMs);
    }
  }

  async function park(entry: Entry, reason: string): Promise<void> {
    await note(() => group.park(entry, reason));
    tell(new Error(`Result ${entry.event?.id ?? entry.streamId} is parked: ${reason}`), entry.event);
  }

  /** Tells Redis until it has heard; while closing only once. What it says must bear to be said twice. */
  async function note<T>(say: () => Promise<T>): Promise<T> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await within(noteMs, say());
      } catch (error) {
        // A key of another type mends by no repetition: the result stays with the group, and comes again later.
        if (closing.signal.aborted || isWrongType(error)) throw error;
        tell(error, null);
        await pause(failures);
      }
    }
  }

  function renew(): void {
    if (inHand.size > 0) group.keep([...inHand.values()]).catch(() => {});
  }

  function pause(failures: number): Promise<void> {
    return pauseFor(Math.min(100 * 2 ** failures, longestPauseMs));
  }

  async function pauseFor(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: closing.signal }).catch(() => {});
  }

  /** Once per outage: ioredis says it again with every attempt. */
  function tellOutages(connection: Redis): void {
    let isAway = false;
    connection.on('ready', () => {
      isAway = false;
    });
    connection.on('error', (cause: Error) => {
      if (isAway) return;
      isAway = true;
      tell(new Error(`Redis does not answer, tried again until it does: ${cause.message}`, { cause }), null);
    });
  }

  function tell(error: unknown, event: ResultEvent | null): void {
    forgetArguments(error);
    try {
      options.onError?.(error instanceof Error ? error : new Error(String(error)), event);
    } catch {
      // A listener that throws must not end the subscription, and there is nobody else to tell.
    }
  }

  async function end(): Promise<void> {
    closing.abort();
    await running;
    await Promise.all(lastOfOrder.values());
    clearInterval(heartbeat);
    // First, so that the read that was abandoned above is handed nothing any more.
    blocking.disconnect();
    await within(1_000, group.leave()).catch(() => {});
    redis.disconnect();
  }

  return {
    close() {
      closed ??= end();
      return closed;
    },
  };
}

function check(names: { [name: string]: string }, numbers: { [name: string]: number }): void {
  for (const [name, value] of Object.entries(names)) {
    if (!namePattern.test(value)) throw new TypeError(`${name} must be 1 to 64 of A-Z a-z 0-9 . _ -`);
  }
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isInteger(value) || value < 1)
      throw new TypeError(`${name} must be a whole number, 1 or more`);
  }
}
