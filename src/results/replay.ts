import { setTimeout as delay } from 'node:timers/promises';
import { ReplyError } from 'ioredis';
import { parseEvent, type ResultEvent } from '../domain/result-event.ts';
import type { Redis } from '../redis/connection.ts';
import { createKeys, defaultPrefix } from '../redis/keys.ts';
import { patientCopy } from './own-connection.ts';
import { unlessAborted } from './unless-aborted.ts';

/** One entry of the results stream. */
export interface Result {
  /** The entry's stream id, which `from` accepts. */
  readonly streamId: string;
  readonly event: ResultEvent;
}

export interface ReadResultsOptions {
  /** A Redis URL, or your own ioredis connection. A blocking read uses a copy of it. */
  readonly redis: string | Redis;
  /** Default `payments`. */
  readonly prefix?: string;
  /** `0` (default): from the beginning; `$`: only new results; or the `streamId` after which to continue. */
  readonly from?: string;
  /** Wait for further results instead of ending after the last one. Default false. */
  readonly follow?: boolean;
  /** Ends a followed read. */
  readonly signal?: AbortSignal;
  /** Called for an entry that is not a result of ours, which is then skipped. Without it such an entry throws. */
  readonly onInvalid?: (streamId: string, error: Error) => void;
}

const batchSize = 500;
/** Below the connection's `socketTimeout`, so that an idle stream does not look like a dead connection. */
const blockMs = 5_000;
const reconnectMs = 250;
/** Error replies while Redis starts or fails over. */
const transientErrors = /^(UNBLOCKED|LOADING|MASTERDOWN|CLUSTERDOWN|READONLY|TRYAGAIN)\b/;

/**
 * Reads results in the order in which they were published, for replay and for tools. For work that must not be lost use
 * `subscribe`, which keeps track of what each group has handled.
 */
export async function* readResults(options: ReadResultsOptions): AsyncGenerator<Result> {
  const { prefix = defaultPrefix, follow = false, signal } = options;
  // A blocking read needs a connection of its own.
  const own = typeof options.redis === 'string' || follow ? patientCopy(options.redis) : null;
  const redis = own ?? (options.redis as Redis);
  const { results } = createKeys(prefix);
  const read = follow ? waitForBatch : readBatch;
  const run = <T>(command: () => Promise<T>) =>
    unlessAborted(follow ? retryTransient(command, signal) : command(), signal);
  try {
    // `$` is resolved only once, so that results published between two reads are not missed.
    let position: string | undefined = options.from ?? '0';
    if (position === '$') position = await run(() => lastStreamId(redis, results));
    while (position !== undefined && !signal?.aborted) {
      const from: string = position;
      const entries = (await run(() => read(redis, results, from))) ?? [];
      if (entries.length === 0 && !follow) return;
      for (const [streamId, fields] of entries) {
        if (signal?.aborted) return;
        position = streamId;
        const event = parse(streamId, fields, options.onInvalid);
        if (event !== null) yield { streamId, event };
      }
    }
  } finally {
    own?.disconnect();
  }
}

type RawEntry = [streamId: string, fields: string[]];

async function readBatch(redis: Redis, stream: string, position: string): Promise<RawEntry[]> {
  const reply = await redis.xread('COUNT', batchSize, 'STREAMS', stream, position);
  return (reply?.[0]?.[1] ?? []) as RawEntry[];
}

async function waitForBatch(redis: Redis, stream: string, position: string): Promise<RawEntry[]> {
  const reply = await redis.xread('COUNT', batchSize, 'BLOCK', blockMs, 'STREAMS', stream, position);
  return (reply?.[0]?.[1] ?? []) as RawEntry[];
}

/** Retries a command while Redis is unavailable. The position in the stream is kept. */
async function retryTransient<T>(command: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  for (;;) {
    try {
      return await command();
    } catch (error) {
      const isFinal = error instanceof ReplyError && !transientErrors.test((error as Error).message);
      if (isFinal || signal?.aborted) throw error;
      await delay(reconnectMs);
    }
  }
}

/** The id of the newest entry, `0` for an empty stream. */
export async function lastStreamId(redis: Redis, stream: string): Promise<string> {
  const [last] = await redis.xrevrange(stream, '+', '-', 'COUNT', 1);
  return last?.[0] ?? '0';
}

function parse(
  streamId: string,
  fields: string[],
  onInvalid: ReadResultsOptions['onInvalid'],
): ResultEvent | null {
  try {
    return parseEvent(fields);
  } catch (cause) {
    const error = new Error(`Entry ${streamId} of the results stream is not a result of payment-poller.`, {
      cause,
    });
    if (onInvalid === undefined) throw error;
    onInvalid(streamId, error);
    return null;
  }
}
