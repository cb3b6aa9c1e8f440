import type { Keys } from '../orders/keys.ts';
import type { Redis } from '../redis.ts';
import { parseEvent, type ResultEvent } from './event.ts';

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

export interface ResultGroupParts {
  readonly redis: Redis;
  /** For reads that wait. */
  readonly blocking: Redis;
  readonly keys: Keys;
  readonly name: string;
  readonly consumer: string;
  /** Where the group begins when it is new. */
  readonly from: '0' | '$';
}

type Raw = [streamId: string, fields: string[] | null];

/** How long the version guard remembers an order: longer than any result may come late. */
const guardMs = 100 * 86_400_000;

/** One consumer's view of its group on the results stream: the Redis commands behind `subscribe`. */
export class ResultGroup {
  readonly #parts: ResultGroupParts;
  #exists = false;

  constructor(parts: ResultGroupParts) {
    this.#parts = parts;
  }

  /** Results that nobody has been given yet. */
  async next(count: number, blockMs: number): Promise<Entry[]> {
    const { blocking, keys, name, consumer } = this.#parts;
    await this.#ensure();
    const reply = await this.#orRecreate(() =>
      blocking.xreadgroup(
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
      ),
    );
    const entries = ((reply as [string, Raw[]][] | null)?.[0]?.[1] ?? []) as Raw[];
    return entries.map((raw) => toEntry(raw, 1));
  }

  /** Results that were handed out at least `idleMs` ago, to whomever, and never acknowledged. */
  async claim(idleMs: number, count: number): Promise<Entry[]> {
    const { redis, keys, name, consumer } = this.#parts;
    await this.#ensure();
    const reply = await this.#orRecreate(() =>
      redis.xautoclaim(keys.results, name, consumer, idleMs, '0', 'COUNT', count),
    );
    const entries = ((reply as [string, Raw[]] | null)?.[1] ?? []).filter((raw) => raw?.[1] != null);
    return Promise.all(entries.map(async (raw) => toEntry(raw, await this.#tries(raw[0]))));
  }

  /** Keeps entries that are still being handled from being claimed by others. */
  async keep(entries: readonly Entry[]): Promise<void> {
    const { redis, keys, name, consumer } = this.#parts;
    const pending = await redis.xpending(keys.results, name, '-', '+', 1_000, consumer);
    const held = new Set((pending as [string][]).map(([streamId]) => streamId));
    const ids = entries.map(({ streamId }) => streamId).filter((streamId) => held.has(streamId));
    if (ids.length > 0) await redis.xclaim(keys.results, name, consumer, 0, ...ids, 'JUSTID');
  }

  /** The version of an order that this group has handled last, 0 for none. */
  async handledVersion(orderId: string): Promise<number> {
    return Number((await this.#parts.redis.get(this.#guard(orderId))) ?? 0);
  }

  /** Handled: remembered and acknowledged in one step. */
  async finish(entry: Entry, stateversion: number): Promise<void> {
    const { redis, keys, name } = this.#parts;
    await redis
      .multi()
      .set(this.#guard(entry.orderId), stateversion, 'PX', guardMs)
      .xack(keys.results, name, entry.streamId)
      .exec();
  }

  async acknowledge(entry: Entry): Promise<void> {
    const { redis, keys, name } = this.#parts;
    await redis.xack(keys.results, name, entry.streamId);
  }

  /** Puts an entry aside, with the reason, and acknowledges it. */
  async park(entry: Entry, reason: string): Promise<void> {
    const { redis, keys, name } = this.#parts;
    await redis
      .multi()
      .xadd(
        keys.parked(name),
        '*',
        'streamId',
        entry.streamId,
        'reason',
        reason.slice(0, 500),
        ...entry.fields,
      )
      .xack(keys.results, name, entry.streamId)
      .exec();
  }

  async #tries(streamId: string): Promise<number> {
    const { redis, keys, name } = this.#parts;
    const [pending] = (await redis.xpending(keys.results, name, streamId, streamId, 1)) as [
      string,
      string,
      number,
      number,
    ][];
    return pending?.[3] ?? 1;
  }

  async #ensure(): Promise<void> {
    if (this.#exists) return;
    const { redis, keys, name, from } = this.#parts;
    try {
      await redis.xgroup('CREATE', keys.results, name, from, 'MKSTREAM');
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('BUSYGROUP'))) throw error;
    }
    this.#exists = true;
  }

  /** A stream that was deleted by hand took its groups along: the next round makes them anew. */
  async #orRecreate<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('NOGROUP')) this.#exists = false;
      throw error;
    }
  }

  #guard(orderId: string): string {
    return this.#parts.keys.handled(this.#parts.name, orderId);
  }
}

function toEntry([streamId, fields]: Raw, tries: number): Entry {
  const given = fields ?? [];
  try {
    const event = parseEvent(given);
    return { streamId, fields: given, orderId: event.subject, event, tries };
  } catch {
    return { streamId, fields: given, orderId: streamId, event: null, tries };
  }
}
