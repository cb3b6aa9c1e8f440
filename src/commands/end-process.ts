/**
 * Ends the process after `ms` at the latest, with the exit code set by then. Does not keep it alive that long: if nothing is left
 * to do, it ends at once. Connections that BullMQ cannot close while Redis is unavailable would otherwise keep it alive for good.
 */
export function endProcessWithin(ms: number): void {
  setTimeout(() => process.exit(), ms).unref();
}
