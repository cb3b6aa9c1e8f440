/**
 * Starts spread over parts of a second where the rate allows it: smoother than whole seconds. BullMQ counts in windows
 * that begin with their first start, so the others of a window may stand right before the next: there are so many fewer
 * windows that no second, wherever it begins, sees more starts than the rate.
 */
export function limiterOf(ratePerSecond: number): { max: number; duration: number } {
  const max = Math.max(1, Math.floor(ratePerSecond / 25));
  const windowsPerSecond = max === 1 ? ratePerSecond : Math.floor((ratePerSecond - max + 1) / max);
  return { max, duration: Math.ceil(1_000 / windowsPerSecond) };
}
