/** Notices when this process did nothing for a while: frozen, starved of CPU, or busy with one long piece of work. */
export interface StallWatch {
  /** Has there been no time yet to read what arrived during a stall? */
  hasJustStalled(): boolean;
  close(): void;
}

const tickMs = 250;
/** A tick that is late by more than this was kept back by a stall. */
const stallMs = 1_000;
/** After a stall, what had arrived meanwhile has been read by then. */
const recoveryMs = 1_000;

/**
 * Timers that ran out during a stall fire before the answers are read that arrived in time: so a time-out right after one
 * says nothing about the other side.
 */
export function createStallWatch(): StallWatch {
  let tickedAt = performance.now();
  let stalledAt = Number.NEGATIVE_INFINITY;
  const timer = setInterval(() => {
    const now = performance.now();
    if (now - tickedAt > tickMs + stallMs) stalledAt = now;
    tickedAt = now;
  }, tickMs);
  timer.unref();
  return {
    hasJustStalled() {
      const now = performance.now();
      return now - tickedAt > tickMs + stallMs || now - stalledAt < recoveryMs;
    },
    close: () => clearInterval(timer),
  };
}
