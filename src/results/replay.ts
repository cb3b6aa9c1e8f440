import { setTimeout as delay } from 'node:timers/promises';
import { ReplyError } from 'ioredis';
import { parseEvent, type ResultEvent } from '../domain/result-event.ts';
import type { Redis } from '../redis/connection.ts';
import { createKeys, defaultPrefix } from '../redis/keys.ts';
import { patientCopy } from './own-connection.ts';
import { unlessAborted } from './unless-aborted.ts';

/** One entry of the results stream. */
export interface Result {
  /** Redis' own id of the entry: its position, to go on from. */
  readonly streamId: string;
  readonly event: ResultEvent;
}

export interface ReadResultsOptions {
  /** A Redis URL, or an ioredis connection of yours. A blocking read uses a copy of it. */
  readonly redis: string | Redis;
  /** Default `payments`. */
  readonly prefix?: string;
  /** `0` (default): from the beginning; `$`: only what comes from now on; or the `streamId` after which to go on. */
  readonly from?: string;
  /** Wait for further results instead of ending with the last one. Default false. */
  readonly follow?: boolean;
  /** Ends a followed read. */
  readonly signal?: AbortSignal;
  /** Called for an entry that is not a result of ours, which is then passed over. Without it such an entry throws. */
  readonly onInvalid?: (streamId: string, error: Error) => void;
}

const batchSize = 500;
/** Below the connection's `socketTimeout`, so that an idle stream is not taken for a dead one. */
const blockMs = 5_000;
const reconnectMs = 250;
/** What a Redis says while it starts, or hands over to another one. */
const passes = /^(UNBLOCKED|LOADING|MASTERDOWN|CLUSTERDOWN|READONLY|TRYAGAIN)\b/;

/**
 * Reads verdicts in the order in which they were published, for replay and for tools. For work that must not be lost use
 * `subscribe`, which remembers how far each consumer has come.
 */
export async function* readResults(options: ReadResultsOptions): AsyncGenerator<Result> {
  const { prefix = defaultPrefix, follow = false, signal } = options;
  // A URL, and a read that blocks, need a connection to themselves.
  const own = typeof options.redis === 'string' || follow ? patientCopy(options.redis) : null;
  const redis = own ?? (options.redis as Redis);
  const { results } = createKeys(prefix);
  const read = follow ? waitForBatch : readBatch;
  const ask = <T>(question: () => Promise<T>) =>
    unlessAborted(follow ? untilAnswered(question, signal) : question(), signal);
  try {
    // Resolved once, so that nothing published between two reads is missed.
    let position: string | undefined = options.from ?? '0';
    if (position === '$') position = await ask(() => lastStreamId(redis, results));
    while (position !== undefined && !signal?.aborted) {
      const from: string = position;
      const entries = (await ask(() => read(redis, results, from))) ?? [];
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

/** Asks until Redis answers. A lost connection costs a moment, never the place. */
async function untilAnswered<T>(question: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  for (;;) {
    try {
      return await question();
    } catch (error) {
      const isFinal = error instanceof ReplyError && !passes.test((error as Error).message);
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
