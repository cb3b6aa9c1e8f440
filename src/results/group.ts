import { parseEvent, type ResultEvent } from '../domain/result-event.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';
import { notesKey, notesLifeMs } from './handled.ts';
import { lastStreamId } from './replay.ts';

const claimScript = loadScript('claim', import.meta.url);
const beginScript = loadScript('begin', import.meta.url);
const finishScript = loadScript('finish', import.meta.url);
const keepScript = loadScript('keep', import.meta.url);
const giveBackScript = loadScript('give-back', import.meta.url);
const leaveScript = loadScript('leave', import.meta.url);

/** An entry that this consumer holds. */
export interface Entry {
  readonly streamId: string;
  readonly fields: readonly string[];
  /** The order it speaks of; the stream id where it is not a result of ours. */
  readonly orderId: string;
  readonly event: ResultEvent | null;
  /** How often it has been handed out, this time included. */
  readonly tries: number;
}

/** An entry that is a result of ours. */
export type ResultEntry = Entry & { readonly event: ResultEvent };

export interface ResultGroupParts {
  readonly redis: Redis;
  /** For reads that wait. */
  readonly blocking: Redis;
  readonly keys: Keys;
  readonly name: string;
  readonly consumer: string;
  /** Tells this subscription from every other one, whatever its consumer is called. */
  readonly holder: string;
  /** Where the group begins when it is new. */
  readonly from: '0' | '$';
  /** How long a result stays with whoever has it, unless it is renewed. */
  readonly retryAfterMs: number;
}

/** The wait between two tries doubles up to this. */
const longestRetryMs = 3_600_000;

/** One consumer's view of its group on the results stream: the Redis commands behind `subscribe`. */
export class ResultGroup {
  readonly #parts: ResultGroupParts;
  #exists = false;
  /** Where the group begins should it have to be made again. */
  #start: string | null = null;
  /** Where the walk over what was handed out goes on. */
  #claimFrom = '-';

  constructor(parts: ResultGroupParts) {
    this.#parts = parts;
  }

  /** Results that nobody has been given yet. */
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
   * Results that were handed out, to whomever, and whose next try is due; but for those in hand. Each call looks at a bounded
   * number and goes on where the last one stopped; `isEnd`: all have been looked at.
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

  /** Whether an entry's turn has come; `go` locks its order for this subscription. */
  async begin({ streamId, orderId, event }: ResultEntry): Promise<'stale' | 'wait' | 'go'> {
    const { redis, keys, name, holder, retryAfterMs } = this.#parts;
    const time = Date.parse(event.time);
    const reply = await beginScript.run(
      redis,
      [notesKey(keys, name, orderId), keys.handling(name, orderId), keys.results],
      [name, streamId, orderId, event.stateversion, time, holder, retryAfterMs, 2 * retryAfterMs],
    );
    return reply as 'stale' | 'wait' | 'go';
  }

  /** Keeps entries that are in hand from being claimed by others. */
  async keep(entries: readonly Entry[]): Promise<void> {
    const { redis, keys, name, consumer, holder, retryAfterMs } = this.#parts;
    const locks = entries.map(({ orderId }) => keys.handling(name, orderId));
    const ids = entries.map(({ streamId }) => streamId);
    await keepScript.run(redis, [keys.results, ...locks], [name, consumer, holder, retryAfterMs, ...ids]);
  }

  /** Handled: remembered and acknowledged in one step. */
  async finish({ streamId, orderId, event }: ResultEntry): Promise<void> {
    const note = [event.stateversion, streamId, Date.parse(event.time)].join(' ');
    await this.#finish(streamId, orderId, note, []);
  }

  /** Acknowledges an entry that needs no handling. */
  async acknowledge({ streamId, orderId }: Entry): Promise<void> {
    await this.#finish(streamId, orderId, '', []);
  }

  /** Puts an entry aside, with the reason, and acknowledges it. */
  async park({ streamId, orderId, fields }: Entry, reason: string): Promise<void> {
    const note = ['streamId', streamId, 'reason', reason.slice(0, 500)];
    await this.#finish(streamId, orderId, '', [...note, ...fields]);
  }

  /** The handler threw: the entry comes again when its next try is due, and its order is free. */
  async release({ streamId, orderId }: Entry): Promise<void> {
    await this.#giveBack(streamId, orderId, '', 0);
  }

  /** Hands an untried entry back; it may be claimed again after `delayMs`. */
  async giveBack({ streamId, orderId, tries }: Entry, delayMs: number): Promise<void> {
    const idleMs = Math.max(0, this.#parts.retryAfterMs - delayMs);
    await this.#giveBack(streamId, orderId, tries - 1, idleMs);
  }

  /** Strikes this consumer off the group, unless it still holds something. */
  async leave(): Promise<void> {
    const { redis, keys, name, consumer } = this.#parts;
    await leaveScript.run(redis, [keys.results], [name, consumer]);
  }

  async #finish(streamId: string, orderId: string, note: string, parked: readonly string[]) {
    const { redis, keys, name, holder } = this.#parts;
    const [notes, lock] = [notesKey(keys, name, orderId), keys.handling(name, orderId)];
    const args = [name, streamId, holder, orderId, note, notesLifeMs, ...parked];
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
    // Found out once: a group that must be made again must not skip what was published meanwhile.
    this.#start ??= from === '$' ? await lastStreamId(redis, keys.results) : '0';
    try {
      await redis.xgroup('CREATE', keys.results, name, this.#start, 'MKSTREAM');
    } catch (error) {
      // It is there; or it was made for us, who may not make any (docs/security.md). Reading says so if it was not.
      if (!(error instanceof Error && /BUSYGROUP|NOPERM/.test(error.message))) throw error;
    }
    this.#exists = true;
  }

  /** A stream that was deleted by hand took its groups along: the next round makes them anew. */
  async #orRecreate<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof Error && error.message.includes('NOGROUP')) this.#exists = false;
      throw error;
    }
  }
}

/** Is this a result of ours, and not something that a stranger put into the stream? */
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
