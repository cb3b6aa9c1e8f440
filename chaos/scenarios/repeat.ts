import { setTimeout as delay } from 'node:timers/promises';
import type { Stage } from '../scenario.ts';

/** On a slow machine it takes so much longer until enough has happened. */
const mostMoreMs = 60_000;

/**
 * Does something again and again, with pauses of `leastMs` to `mostMs`, until time is up and enough has happened, or the signal
 * is given.
 */
export async function again(
  { faultsMs, random, stop, isEnough }: Pick<Stage, 'faultsMs' | 'random' | 'stop' | 'isEnough'>,
  [leastMs, mostMs]: readonly [number, number],
  act: () => Promise<void>,
): Promise<void> {
  const until = Date.now() + faultsMs;
  while (!stop.aborted) {
    const pauseMs = random.between(leastMs, mostMs);
    const nextAt = Date.now() + pauseMs;
    if (nextAt >= until && (isEnough() || nextAt >= until + mostMoreMs)) {
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
