import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/**
 * Keeps V8's young generation at its initial size while the work runs. Use it for loading modules.
 *
 * Loading modules allocates tens of megabytes of long-lived objects, for which V8 would grow the young generation to 34 MB and
 * not shrink it while the process idles. Afterwards it grows as usual with load, so a busy process is not slowed down.
 */
export async function withSmallYoungGeneration<T>(work: () => Promise<T>): Promise<T> {
  growBy(1);
  try {
    return await work();
  } finally {
    growBy(usualFactor);
  }
}

/**
 * Keeps the heap of a process small that strangers can make busy, or that reads large files. Without it V8 grows the young
 * generation to 128 MB under a flood of requests, and collects the old one only once it has doubled. Does nothing the
 * second time.
 */
export function limitHeapGrowth(): void {
  if (isLimited) return;
  isLimited = true;
  setFlagsFromString(`--heap-growing-percent=${oldGrowthPercent}`);
  let factor = usualFactor;
  const observer = new PerformanceObserver(() => {
    const wanted = youngBytes() >= mostYoungBytes ? 1 : usualFactor;
    if (wanted !== factor) growBy(wanted);
    factor = wanted;
  });
  observer.observe({ entryTypes: ['gc'] });
}

let isLimited = false;
/** V8's default. */
const usualFactor = 2;
/** Of both semi-spaces together. */
const mostYoungBytes = 16 * 1024 * 1024;
/** How much the old generation may grow until it is collected again. */
const oldGrowthPercent = 30;

function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? 0;
}

/** V8 reads the flag whenever it might grow the heap. A V8 without this flag prints a warning and continues. */
function growBy(factor: number): void {
  setFlagsFromString(`--semi-space-growth-factor=${factor}`);
}
