import { onTestFinished } from 'vitest';

const tickMs = 10;
/** A tick this late is still the process's own doing, or the timer's; what is beyond it was taken by the machine. */
const mostMs = 2 * tickMs;

/**
 * A clock of the time that the machine gives this process: it all but stands still while the process is stopped, which on a
 * shared machine can be half of the time. For a bound on how long something takes that is a promise about us.
 *
 * @returns milliseconds given since the call
 */
export function startGivenTime(): () => number {
  let given = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    given += Math.min(now - last, mostMs);
    last = now;
  }, tickMs);
  onTestFinished(() => clearInterval(timer));
  return () => given;
}
