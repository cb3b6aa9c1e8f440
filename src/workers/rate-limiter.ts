/** Windows are so much longer than the rate asks for: polls may be held up for about that long on their way to the provider. */
const marginMs = 30;

/**
 * Starts spread over parts of a second where the rate allows it: smoother than whole seconds. BullMQ counts in windows
 * that begin with their first start, so the others of a window may stand right before the next: there are so many fewer
 * windows that no second, wherever it begins, sees more starts than the rate. Three to ten per cent of the rate stay unused, so that this
 * also holds for the requests, of several processes together: they are sent a little after their polls start, some later than
 * others (see `request-pacer.ts` for one process, where it holds however late they are).
 */
export function limiterOf(ratePerSecond: number): { max: number; duration: number } {
  const max = Math.max(1, Math.floor(ratePerSecond / 25));
  const windowsPerSecond = max === 1 ? ratePerSecond : Math.floor((ratePerSecond - max + 1) / max);
  return { max, duration: Math.ceil((1_000 + marginMs) / windowsPerSecond) };
}
