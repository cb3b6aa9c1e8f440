import { onTestFinished } from 'vitest';

const tickMs = 10;
/** Tolerated lateness of the timer itself. */
const lateMs = 10;

/**
 * A clock of the time that the machine gives this process: it all but stands still while the process is stopped, which on a
 * shared machine can be half of the time. What the process itself makes the timer late by, it has used as CPU, and counts.
 * For a bound on how long something takes that is a promise about us.
 *
 * @returns milliseconds given since the call
 */
export function startGivenTime(): () => number {
  let given = 0;
  let last = performance.now();
  let usedBefore = usedMs();
  const timer = setInterval(() => {
    const [now, used] = [performance.now(), usedMs()];
    given += Math.min(now - last, tickMs + lateMs + used - usedBefore);
    [last, usedBefore] = [now, used];
  }, tickMs);
  onTestFinished(() => clearInterval(timer));
  return () => given;
}

function usedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
