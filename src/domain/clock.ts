/**
 * The time by which processes agree, in epoch milliseconds. Times that one process writes and another compares are of this
 * clock; durations within a process are measured with `performance.now()`.
 */
export interface Clock {
  now(): number;
  /**
   * Since when this process knows the clock to have run steadily: since it first read it, or since it last saw it step. What
   * is older may lie any distance before.
   */
  steadySince(): number;
}

/** The clock of this machine, for whoever is alone. */
export const machineClock: Clock = { now: () => Date.now(), steadySince: () => Number.NEGATIVE_INFINITY };

/** A correction beyond this is a step: of the clock that is followed, or of this machine, as after it was suspended. */
const stepMs = 100;

/** A clock that follows another one, of which it learns by question and answer. */
export interface FollowingClock extends Clock {
  /**
   * Takes in what the other clock said.
   *
   * @param askedAt by `performance.now()`, as `answeredAt`
   */
  learn(askedAt: number, answeredAt: number, theirNow: number): void;
  isSet(): boolean;
}

/**
 * Follows another clock with the error of the quickest answer, at most half of its round trip. The other clock was read
 * somewhere between question and answer, so each answer gives two bounds; what lies between them already is kept. So slow
 * answers, as of a busy process, do no harm. Between answers it runs by `performance.now()`: steps of this machine's own clock
 * are not noticed at all.
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
        offset = (least + most) / 2;
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
