/**
 * The clock that all processes share, in epoch milliseconds. Use it for times that one process writes and another compares;
 * measure durations within a process with `performance.now()`.
 */
export interface Clock {
  now(): number;
  /**
   * Since when the clock has run without a jump, as far as this process knows: since its first read or the last jump seen.
   * The true age of anything older is unknown.
   */
  steadySince(): number;
}

/** This machine's own clock, for a process that shares no times with others. */
export const machineClock: Clock = { now: () => Date.now(), steadySince: () => Number.NEGATIVE_INFINITY };

/** A correction larger than this is a jump: the followed clock was set, or this machine was suspended. */
const stepMs = 100;

/** A clock that follows a remote one by sampling it. */
export interface FollowingClock extends Clock {
  /**
   * Adds one sample of the remote clock.
   *
   * @param askedAt by `performance.now()`, like `answeredAt`
   */
  learn(askedAt: number, answeredAt: number, theirNow: number): void;
  isSet(): boolean;
}

/**
 * Follows a remote clock: never ahead of it, and behind it by at most the fastest round trip so far. Behind, because what waits for a
 * time, such as a deadline, may come late and must not come early.
 *
 * The remote clock was read at some moment between question and answer, so each sample bounds the offset from both sides. An
 * offset within the bounds is kept, so slow samples do no harm. Between samples the clock advances by `performance.now()`, so
 * jumps of this machine's own clock have no effect.
 */
export function createFollowingClock(monotonic: () => number = () => performance.now()): FollowingClock {
  let offset: number | null = null;
  let steadySince = Number.POSITIVE_INFINITY;

  const now = () => Math.floor(monotonic() + (offset ?? Date.now() - monotonic()));

  return {
    now,
    steadySince: () => steadySince,
    isSet: () => offset !== null,
    learn(askedAt, answeredAt, theirNow) {
      const least = theirNow - answeredAt;
      const most = theirNow - askedAt;
      if (offset === null) {
        offset = least;
        steadySince = now();
        return;
      }
      const corrected = Math.min(Math.max(offset, least), most);
      const isStep = Math.abs(corrected - offset) > stepMs;
      offset = corrected;
      if (isStep) steadySince = now();
    },
  };
}
