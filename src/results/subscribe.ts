import { randomUUID } from 'node:crypto';
import type { ResultEvent } from '../domain/result-event.ts';
import { forgetArguments, type Redis } from '../redis/connection.ts';
import { createKeys, defaultPrefix } from '../redis/keys.ts';
import { withTimeout } from '../redis/timeout.ts';
import { ResultGroup } from './group.ts';
import { ResultHandler } from './handler.ts';
import { InFlight } from './in-flight.ts';
import { patientCopy, watchEachOther } from './own-connection.ts';
import { unlessAborted } from './unless-aborted.ts';

export interface SubscribeOptions {
  /** A Redis URL, or your own ioredis connection, which is copied. */
  readonly redis: string | Redis;
  /** Name of your application, 1–64 of `A-Z a-z 0-9 . _ -`: its consumers share the results between them. */
  readonly group: string;
  /** Name of this process within the group, e.g. its host name. Must be unique among running processes. */
  readonly consumer: string;
  /**
   * Called for every result at least once. Results of one order come in version order and never two at a time, over all
   * consumers of the group; one that kept failing until a newer one of its order was handled is passed over. When it throws, the result
   * comes again after `retryAfterMs`. Use `event.id` to notice a repetition after a crash of yours.
   */
  readonly onResult: (event: ResultEvent) => void | Promise<void>;
  /** Default `payments`. */
  readonly prefix?: string;
  /** Where a new group starts: `0` (default) at the beginning of the stream, `$` with new results. */
  readonly from?: '0' | '$';
  /** Most results handled at the same time; no more are fetched meanwhile. Default 10. */
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
   * Called on errors: a handler that threw, a parked result (both with the event), a lost Redis (`null`). Default: none.
   */
  readonly onError?: (error: Error, event: ResultEvent | null) => void;
}

export interface Subscription {
  /** Stops fetching, waits for running handlers, releases results that were not started, closes the connections. */
  close(): Promise<void>;
}

/** Below the connection's `socketTimeout`. */
const blockMs = 2_000;
/** How often unfinished results of other consumers are claimed. */
const claimEveryMs = 5_000;
const leaveMs = 1_000;
const namePattern = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * Follows the results as a member of a consumer group: takes over what a dead consumer left, skips results that a newer one
 * has made stale, parks what cannot be handled. Goes on until it is closed, also when Redis goes away and comes back.
 *
 * @throws TypeError when `group`, `consumer` or a number cannot be used
 */
export function subscribe(options: SubscribeOptions): Subscription {
  const consumer = new ResultConsumer(options);
  return { close: () => consumer.close() };
}

/** Fetches results while it has room, and hands them to its handler. */
class ResultConsumer {
  readonly #redis: Redis;
  readonly #blocking: Redis;
  readonly #group: ResultGroup;
  readonly #handler: ResultHandler;
  readonly #inFlight = new InFlight();
  readonly #closing = new AbortController();
  readonly #heartbeat: NodeJS.Timeout;
  readonly #running: Promise<void>;
  readonly #concurrency: number;
  readonly #claimEveryMs: number;
  readonly #onError: SubscribeOptions['onError'];
  #claimAt = 0;
  #closed: Promise<void> | undefined;

  constructor(options: SubscribeOptions) {
    const { concurrency = 10, retryAfterMs = 30_000, maxTries = 10, prefix = defaultPrefix } = options;
    const { group: name, consumer, from = '0', onResult } = options;
    check({ group: name, consumer }, { concurrency, retryAfterMs, maxTries });
    this.#onError = options.onError;
    this.#concurrency = concurrency;
    this.#claimEveryMs = Math.min(retryAfterMs / 2, claimEveryMs);
    const redis = patientCopy(options.redis);
    const blocking = patientCopy(options.redis);
    const holder = `${consumer}#${randomUUID()}`;
    const keys = createKeys(prefix);
    const group = new ResultGroup({ redis, blocking, keys, name, consumer, holder, from, retryAfterMs });
    const emitError = (error: unknown, event: ResultEvent | null) => this.#emitError(error, event);
    const closing = this.#closing.signal;
    this.#handler = new ResultHandler({ group, onResult, retryAfterMs, maxTries, closing, emitError });
    [this.#redis, this.#blocking, this.#group] = [redis, blocking, group];
    this.#reportOutages();
    watchEachOther(redis, blocking);
    this.#heartbeat = setInterval(() => this.#renew(), retryAfterMs / 3);
    this.#running = this.#run();
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#closing.signal.aborted; ) {
      try {
        await this.#fetch();
        failures = 0;
      } catch (error) {
        failures += 1;
        this.#emitError(error, null);
        await this.#handler.backOff(failures);
      }
    }
  }

  /** Fetches what there is room for. What others left unfinished comes first: it is the oldest. */
  async #fetch(): Promise<void> {
    const { signal } = this.#closing;
    const free = this.#concurrency - this.#inFlight.size;
    if (free <= 0) {
      await unlessAborted(this.#inFlight.oneEnds(), signal);
      return;
    }
    const handle = this.#handler.handle.bind(this.#handler);
    if (performance.now() >= this.#claimAt) {
      const left = await unlessAborted(this.#group.claim(free, this.#inFlight.streamIds()), signal);
      if (left?.isEnd) this.#claimAt = performance.now() + this.#claimEveryMs;
      for (const entry of left?.entries ?? []) this.#inFlight.add(entry, handle);
      return;
    }
    const waitMs = Math.max(1, Math.min(blockMs, Math.ceil(this.#claimAt - performance.now())));
    const fetched = await unlessAborted(this.#group.next(free, waitMs), signal);
    for (const entry of fetched ?? []) this.#inFlight.add(entry, handle);
  }

  #renew(): void {
    if (this.#inFlight.size > 0) this.#group.keep(this.#inFlight.entries()).catch(() => {});
  }

  /** Once per outage: ioredis emits an error with every attempt to connect. */
  #reportOutages(): void {
    let isAway = false;
    this.#blocking.on('ready', () => {
      isAway = false;
    });
    this.#blocking.on('error', (cause: Error) => {
      if (isAway) return;
      isAway = true;
      const message = `Redis does not answer; retrying until it does: ${cause.message}`;
      this.#emitError(new Error(message, { cause }), null);
    });
  }

  #emitError(error: unknown, event: ResultEvent | null): void {
    forgetArguments(error);
    try {
      this.#onError?.(error instanceof Error ? error : new Error(String(error)), event);
    } catch {
      // A listener that throws must not end the subscription, and there is no other listener.
    }
  }

  async #end(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    await this.#inFlight.allEnd();
    clearInterval(this.#heartbeat);
    // First, so that the abandoned blocking read cannot receive results any more.
    this.#blocking.disconnect();
    await withTimeout(this.#group.leave(), leaveMs).catch(() => {});
    this.#redis.disconnect();
  }
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
