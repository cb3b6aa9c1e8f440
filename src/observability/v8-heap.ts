import { setFlagsFromString } from 'node:v8';

/**
 * Keeps V8's young generation as small as it begins while the work goes on.
 *
 * Loading modules allocates tens of megabytes, nearly all to stay, for which V8 enlarges the young generation to 34 MB;
 * it gives nothing back to the system while a process idles. Afterwards the young generation grows as it always does,
 * with what is asked of it: a busy process is none the slower.
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

/** Read by V8 each time that it might grow. A V8 that no longer knows it says so on standard error and goes on. */
function growBy(factor: number): void {
  setFlagsFromString(`--semi-space-growth-factor=${factor}`);
}
