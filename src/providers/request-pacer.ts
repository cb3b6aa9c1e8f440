import { setTimeout as delay } from 'node:timers/promises';

/** Keeps the status requests of this process to one account within its rate limit. */
export interface RequestPacer {
  /** `null`: a request may be sent at once. Otherwise resolves when it may be; requests keep their order. */
  turn(): Promise<void> | null;
  /** Holds nothing back any more: the process stops, and its transport refuses what is left. */
  close(): void;
}

/**
 * In no second do more requests than the limit arrive at the provider, wherever that second begins, even if requests take up to
 * this much longer than others to get there. A little less than the queue's own limit leaves (`limiterOf`), so that requests
 * which were held back catch up.
 */
export const transitMs = 20;

/** More instants are not kept: beyond, the same holds for parts of a second. */
const mostKept = 10_000;

/**
 * The queue limits when polls start; what lies between there and the request spreads them anew: a busy process, reading the
 * record, and above all a new access token, for which all polls of a second wait and then would be sent together. So the requests
 * themselves are counted, too, in a window that moves with them.
 *
 * @param now a clock that never jumps, in milliseconds
 */
export function createRequestPacer(
  ratePerSecond: number,
  now: () => number = () => performance.now(),
  sleep: (ms: number, signal: AbortSignal) => Promise<unknown> = (ms, signal) =>
    delay(ms, undefined, { signal }),
): RequestPacer {
  const kept = Math.min(Math.ceil(ratePerSecond), mostKept);
  const windowMs = ((1_000 + transitMs) * kept) / ratePerSecond;
  const sentAt = new Float64Array(kept).fill(Number.NEGATIVE_INFINITY);
  const closing = new AbortController();
  let oldest = 0;
  let waiting = 0;
  let last: Promise<void> = Promise.resolve();

  const remainingMs = () => (sentAt[oldest] as number) + windowMs - now();
  function send(): void {
    sentAt[oldest] = now();
    oldest = (oldest + 1) % kept;
  }

  async function wait(before: Promise<void>): Promise<void> {
    await before;
    // Timers may fire a little early.
    for (let ms = remainingMs(); ms > 0 && !closing.signal.aborted; ms = remainingMs()) {
      // Cut short only by `close`.
      await sleep(Math.ceil(ms), closing.signal).catch(() => {});
    }
    send();
    waiting -= 1;
  }

  return {
    turn() {
      if (waiting === 0 && remainingMs() <= 0) {
        send();
        return null;
      }
      waiting += 1;
      last = wait(last);
      return last;
    },
    close: () => closing.abort(),
  };
}
