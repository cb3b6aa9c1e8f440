/**
 * How scarce polls are, by how late they begin. It serves `POLL_BACKEND=bullmq`, where the least valuable of the due polls
 * cannot be passed over: there they are made due later instead, the more so the later polls begin.
 */
export interface PollPressure {
  /** A poll began so much later than it counted as due. */
  note(lateMs: number): void;
  /** By how much to delay a poll with this patience. */
  shiftMs(patienceMs: number): number;
}

/** About so many polls are remembered. */
const remembered = 20;
/** Later than this is late: windows of the rate limit and the ticks of Redis make up the rest. */
const toleratedMs = 1_000;
/** So many times as much as polls are late the least valuable ones wait, up to their patience. */
const gain = 10;

export function createPollPressure(): PollPressure {
  let usualMs = 0;
  return {
    note(lateMs) {
      usualMs += (lateMs - usualMs) / remembered;
    },
    shiftMs: (patienceMs) => (usualMs < toleratedMs ? 0 : Math.round(Math.min(patienceMs, gain * usualMs))),
  };
}
