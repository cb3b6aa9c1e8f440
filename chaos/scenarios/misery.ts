import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../test/support/random.ts';

/** Does something again and again, with pauses of `leastMs` to `mostMs`, until time is up or the signal is given. */
export async function again(
  forMs: number,
  [leastMs, mostMs]: readonly [number, number],
  random: Random,
  stop: AbortSignal,
  act: () => Promise<void>,
): Promise<void> {
  const until = Date.now() + forMs;
  while (!stop.aborted) {
    const pauseMs = random.between(leastMs, mostMs);
    if (Date.now() + pauseMs >= until) {
      await pause(until - Date.now(), stop);
      return;
    }
    await pause(pauseMs, stop);
    if (!stop.aborted) await act();
  }
}

/** Waits, unless the signal is given, or there is nothing left to wait for. */
export async function pause(ms: number, stop: AbortSignal): Promise<void> {
  await delay(Math.max(0, ms), undefined, { signal: stop }).catch(() => {});
}
