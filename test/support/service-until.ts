import { setTimeout as delay } from 'node:timers/promises';

/** Waits until `look` returns something other than false, null or undefined; throws after a bounded time. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  withinMs = 60_000,
): Promise<Exclude<T, false | null | undefined>> {
  const giveUpAt = Date.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== false && seen !== null && seen !== undefined) {
      return seen as Exclude<T, false | null | undefined>;
    }
    if (Date.now() > giveUpAt) throw new Error(`Not within ${withinMs} ms: ${what}.`);
    await delay(5);
  }
}
