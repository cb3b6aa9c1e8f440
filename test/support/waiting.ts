import { setTimeout as delay } from 'node:timers/promises';

/** How long a test waits for an event. Far longer than it takes, so that a busy machine fails no test. */
export const waitMs = 120_000;

const betweenLooksMs = 5;

/** Waits until `look` returns something other than false, null or undefined. @throws after `withinMs` */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  withinMs = waitMs,
): Promise<Exclude<T, false | null | undefined>> {
  const giveUpAt = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== false && seen !== null && seen !== undefined) {
      return seen as Exclude<T, false | null | undefined>;
    }
    if (performance.now() > giveUpAt) throw new Error(`Not within ${withinMs} ms: ${what}.`);
    await delay(betweenLooksMs);
  }
}

/** Repeats an assertion until it holds, and returns its value. @throws its last error after `withinMs` */
export async function eventually<T>(assertion: () => T | Promise<T>, withinMs = waitMs): Promise<T> {
  const giveUpAt = performance.now() + withinMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() > giveUpAt) throw error;
    }
    await delay(betweenLooksMs);
  }
}
