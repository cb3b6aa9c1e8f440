import type { Entry } from './group.ts';

/** Entries that are being handled: those of one order one after another, those of different orders at the same time. */
export class InFlight {
  readonly #entries = new Map<string, Entry>();
  /** The end of what is to be done for each order. */
  readonly #lastOfOrder = new Map<string, Promise<void>>();
  #oneEnded = Promise.withResolvers<void>();

  get size(): number {
    return this.#entries.size;
  }

  entries(): Entry[] {
    return [...this.#entries.values()];
  }

  streamIds(): Iterable<string> {
    return this.#entries.keys();
  }

  /** Handles an entry as soon as those of its order that came before have ended. `handle` must not reject. */
  add(entry: Entry, handle: (entry: Entry) => Promise<void>): void {
    const { streamId, orderId } = entry;
    this.#entries.set(streamId, entry);
    const done: Promise<void> = (this.#lastOfOrder.get(orderId) ?? Promise.resolve())
      .then(() => handle(entry))
      .then(() => {
        this.#entries.delete(streamId);
        if (this.#lastOfOrder.get(orderId) === done) this.#lastOfOrder.delete(orderId);
        this.#oneEnded.resolve();
        this.#oneEnded = Promise.withResolvers();
      });
    this.#lastOfOrder.set(orderId, done);
  }

  /** Resolves when the next of them ends. */
  oneEnds(): Promise<void> {
    return this.#oneEnded.promise;
  }

  /** Resolves when all have ended that are here now. */
  async allEnd(): Promise<void> {
    await Promise.all(this.#lastOfOrder.values());
  }
}
