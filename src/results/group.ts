import { parseEvent, type ResultEvent } from '../domain/result-event.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';
import { deliveryStateKey, deliveryStateLifeMs } from './handled.ts';
import { lastStreamId } from './replay.ts';

const claimScript = loadScript('claim', import.meta.url);
const beginScript = loadScript('begin', import.meta.url);
const finishScript = loadScript('finish', import.meta.url);
const keepScript = loadScript('keep', import.meta.url);
const giveBackScript = loadScript('give-back', import.meta.url);
const leaveScript = loadScript('leave', import.meta.url);

/** A stream entry that was delivered to this consumer. */
export interface Entry {
  readonly streamId: string;
  readonly fields: readonly string[];
  /** The order of the result; the stream id if the entry is not a result of ours. */
  readonly orderId: string;
  readonly event: ResultEvent | null;
  /** How often it has been delivered, including this time. */
  readonly tries: number;
}

/** An entry that is a result of ours. */
export type ResultEntry = Entry & { readonly event: ResultEvent };

export interface ResultGroupParts {
  readonly redis: Redis;
  /** Connection for blocking reads. */
  readonly blocking: Redis;
  readonly keys: Keys;
  readonly name: string;
  readonly consumer: string;
  /** Unique id of this subscription, the owner of its locks. */
  readonly holder: string;
  /** Where a new group starts reading. */
  readonly from: '0' | '$';
  /** How long a delivered result stays with its consumer, unless renewed, in ms. */
  readonly retryAfterMs: number;
}

/** Upper limit of the retry delay, which doubles with every try. */
const longestRetryMs = 3_600_000;

/** One consumer's view of its group on the results stream: the Redis commands behind `subscribe`. */
export class ResultGroup {
  readonly #parts: ResultGroupParts;
  #exists = false;
  /** Where the group starts if it has to be created again. */
  #start: string | null = null;
  /** Where the scan over pending results continues. */
  #claimFrom = '-';

  constructor(parts: ResultGroupParts) {
    this.#parts = parts;
  }

  /** Reads results that were not delivered to any consumer yet. */
  async next(count: number, blockMs: number): Promise<Entry[]> {
    const { blocking, keys, name, consumer } = this.#parts;
    await this.#ensure();
    const reply = await this.#orRecreate(
      blocking.xreadgroup(
        ...([
          'GROUP',
          name,
          consumer,
          'COUNT',
          count,
          'BLOCK',
          blockMs,
          'STREAMS',
          keys.results,
          '>',
        ] as const),
      ),
    );
    const entries = ((reply as [string, [string, string[]][]][] | null)?.[0]?.[1] ?? []) as [
      string,
      string[],
    ][];
    return entries.map(([streamId, fields]) => toEntry(streamId, fields, 1));
  }

  /**
   * Claims delivered results of any consumer that are due for another try, except those being handled here. Each call examines a
   * bounded number and continues where the last one stopped; `isEnd` is true when all were examined.
   */
  async claim(
    count: number,
    inHand: Iterable<string>,
  ): Promise<{ readonly entries: Entry[]; readonly isEnd: boolean }> {
    const { redis, keys, name, consumer, retryAfterMs } = this.#parts;
    await this.#ensure();
    const longest = Math.max(retryAfterMs, longestRetryMs);
    const args = [name, consumer, retryAfterMs, longest, count, this.#claimFrom, ...inHand];
    const reply = await this.#orRecreate(claimScript.run(redis, [keys.results], args));
    const [taken, next] = reply as [taken: [string, string[], number][], next: string];
    this.#claimFrom = next;
    return { entries: taken.map((each) => toEntry(...each)), isEnd: next === '-' };
  }

  /** Decides whether an entry may be handled now; `go` locks its order for this subscription. */
  async begin({ streamId, orderId, event }: ResultEntry): Promise<'stale' | 'wait' | 'go'> {
    const { redis, keys, name, holder, retryAfterMs } = this.#parts;
    const time = Date.parse(event.time);
    const reply = await beginScript.run(
      redis,
      [deliveryStateKey(keys, name, orderId), keys.handling(name, orderId), keys.results],
      [name, streamId, orderId, event.stateversion, time, holder, retryAfterMs, 2 * retryAfterMs],
    );
    return reply as 'stale' | 'wait' | 'go';
  }

  /** Renews entries that are being handled, so that no other consumer claims them. */
  async keep(entries: readonly Entry[]): Promise<void> {
    const { redis, keys, name, consumer, holder, retryAfterMs } = this.#parts;
    const locks = entries.map(({ orderId }) => keys.handling(name, orderId));
    const ids = entries.map(({ streamId }) => streamId);
    await keepScript.run(redis, [keys.results, ...locks], [name, consumer, holder, retryAfterMs, ...ids]);
  }

  /** Stores that an entry was handled, and acknowledges it, atomically. */
  async finish({ streamId, orderId, event }: ResultEntry): Promise<void> {
    const note = [event.stateversion, streamId, Date.parse(event.time)].join(' ');
    await this.#finish(streamId, orderId, note, []);
  }

  /** Acknowledges an entry that needs no handling. */
  async acknowledge({ streamId, orderId }: Entry): Promise<void> {
    await this.#finish(streamId, orderId, '', []);
  }

  /** Adds an entry to the parked stream, with the reason, and acknowledges it. */
  async park({ streamId, orderId, fields }: Entry, reason: string): Promise<void> {
    const note = ['streamId', streamId, 'reason', reason.slice(0, 500)];
    await this.#finish(streamId, orderId, '', [...note, ...fields]);
  }

  /** After a handler error: unlocks the order; the entry is delivered again when its next try is due. */
  async release({ streamId, orderId }: Entry): Promise<void> {
    await this.#giveBack(streamId, orderId, '', 0);
  }

  /** Returns an entry that was not tried; it may be claimed again after `delayMs`. */
  async giveBack({ streamId, orderId, tries }: Entry, delayMs: number): Promise<void> {
    const idleMs = Math.max(0, this.#parts.retryAfterMs - delayMs);
    await this.#giveBack(streamId, orderId, tries - 1, idleMs);
  }

  /** Removes this consumer from the group, unless it has pending results. */
  async leave(): Promise<void> {
    const { redis, keys, name, consumer } = this.#parts;
    await leaveScript.run(redis, [keys.results], [name, consumer]);
  }

  async #finish(streamId: string, orderId: string, note: string, parked: readonly string[]) {
    const { redis, keys, name, holder } = this.#parts;
    const [notes, lock] = [deliveryStateKey(keys, name, orderId), keys.handling(name, orderId)];
    const args = [name, streamId, holder, orderId, note, deliveryStateLifeMs, ...parked];
    await finishScript.run(redis, [notes, lock, keys.results, keys.parked(name)], args);
  }

  async #giveBack(streamId: string, orderId: string, triesBefore: number | '', idleMs: number) {
    const { redis, keys, name, consumer, holder } = this.#parts;
    const touched = [keys.handling(name, orderId), keys.results];
    await giveBackScript.run(redis, touched, [name, consumer, streamId, holder, triesBefore, idleMs]);
  }

  async #ensure(): Promise<void> {
    if (this.#exists) return;
    const { redis, keys, name, from } = this.#parts;
    // Resolved once: a group that is created again must not skip what was published meanwhile.
    this.#start ??= from === '$' ? await lastStreamId(redis, keys.results) : '0';
    try {
      await redis.xgroup('CREATE', keys.results, name, this.#start, 'MKSTREAM');
    } catch (error) {
      // The group exists, or we may not create groups (docs/security.md). If it is missing, reading fails with NOGROUP.
      if (!(error instanceof Error && /BUSYGROUP|NOPERM/.test(error.message))) throw error;
    }
    this.#exists = true;
  }

  /** If the stream was deleted, so were its groups: the next call creates ours again. */
  async #orRecreate<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof Error && error.message.includes('NOGROUP')) this.#exists = false;
      throw error;
    }
  }
}

/** True for a result of ours, false for an entry that another program added to the stream. */
export function isResult(entry: Entry): entry is ResultEntry {
  return entry.event !== null;
}

function toEntry(streamId: string, fields: readonly string[], tries: number): Entry {
  try {
    const event = parseEvent(fields);
    return { streamId, fields, orderId: event.subject, event, tries };
  } catch {
    return { streamId, fields, orderId: streamId, event: null, tries };
  }
}
