import { setTimeout as delay } from 'node:timers/promises';
import type { ResultEvent } from '../domain/result-event.ts';
import { isWrongType } from '../redis/connection.ts';
import { withTimeout } from '../redis/timeout.ts';
import { type Entry, isResult, type ResultEntry, type ResultGroup } from './group.ts';

export interface HandlerParts {
  readonly group: ResultGroup;
  readonly onResult: (event: ResultEvent) => void | Promise<void>;
  readonly retryAfterMs: number;
  readonly maxTries: number;
  /** Aborted when the subscription closes: results that were not started are then released. */
  readonly closing: AbortSignal;
  emitError(error: unknown, event: ResultEvent | null): void;
}

/** How long Redis may take to record the outcome of a result before the command is sent again. */
const recordMs = 2_000;
const longestBackoffMs = 5_000;
/** How long a result waits here for another one of its order before it is released. */
const lockWaitMs = 1_000;
const lockPollMs = 50;

/** Processes one entry of the stream: it is handled, skipped as stale, released, or parked. */
export class ResultHandler {
  readonly #parts: HandlerParts;

  constructor(parts: HandlerParts) {
    this.#parts = parts;
  }

  /** Ends when the outcome is recorded in Redis. Never rejects: errors go to `emitError`. */
  async handle(entry: Entry): Promise<void> {
    try {
      await this.#handle(entry);
    } catch (error) {
      this.#parts.emitError(error, entry.event);
    }
  }

  /** Waits before the next try after so many failures in a row; at once when the subscription closes. */
  backOff(failures: number): Promise<void> {
    return this.#sleep(Math.min(100 * 2 ** failures, longestBackoffMs));
  }

  async #handle(entry: Entry): Promise<void> {
    const { group, closing, maxTries, retryAfterMs } = this.#parts;
    if (!isResult(entry)) return this.#park(entry, 'not a result of payment-poller');
    switch (await this.#lock(entry)) {
      case 'stale':
        return this.#record(() => group.acknowledge(entry));
      case 'wait':
        return this.#record(() => group.giveBack(entry, closing.aborted ? 0 : retryAfterMs / 2));
      case 'go':
        // Its last consumer never finished: this result may be what kills them.
        if (entry.tries > maxTries)
          return this.#park(entry, `delivered ${entry.tries - 1} times, and never finished`);
        return this.#call(entry);
    }
  }

  async #call(entry: ResultEntry): Promise<void> {
    const { group, onResult, maxTries, emitError } = this.#parts;
    try {
      await onResult(entry.event);
    } catch (error) {
      emitError(error, entry.event);
      if (entry.tries < maxTries) return this.#record(() => group.release(entry));
      return this.#park(entry, error instanceof Error ? error.message : String(error));
    }
    await this.#record(() => group.finish(entry));
  }

  /** Locks the order of an entry, and waits a moment where another consumer handles one of its results. */
  async #lock(entry: ResultEntry): Promise<'stale' | 'wait' | 'go'> {
    const { group, closing, retryAfterMs } = this.#parts;
    const giveUpAt = performance.now() + Math.min(lockWaitMs, retryAfterMs);
    for (;;) {
      if (closing.aborted) return 'wait';
      const answer = await this.#record(() => group.begin(entry));
      if (answer !== 'wait' || performance.now() >= giveUpAt) return answer;
      await this.#sleep(lockPollMs);
    }
  }

  async #park(entry: Entry, reason: string): Promise<void> {
    await this.#record(() => this.#parts.group.park(entry, reason));
    this.#parts.emitError(
      new Error(`Result ${entry.event?.id ?? entry.streamId} is parked: ${reason}`),
      entry.event,
    );
  }

  /** Repeats a command until Redis has answered, while closing only once. The command must be idempotent. */
  async #record<T>(command: () => Promise<T>): Promise<T> {
    const { closing, emitError } = this.#parts;
    for (let failures = 1; ; failures += 1) {
      try {
        return await withTimeout(command(), recordMs);
      } catch (error) {
        // Retrying does not fix a key of another type: the result stays pending and is delivered again later.
        if (closing.aborted || isWrongType(error)) throw error;
        emitError(error, null);
        await this.backOff(failures);
      }
    }
  }

  async #sleep(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#parts.closing }).catch(() => {});
  }
}
