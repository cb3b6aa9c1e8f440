import { setFlagsFromString } from 'node:v8';

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

/** V8's default. */
const usualFactor = 2;

/** V8 reads the flag whenever it might grow the heap. A V8 without this flag prints a warning and continues. */
function growBy(factor: number): void {
  setFlagsFromString(`--semi-space-growth-factor=${factor}`);
}
