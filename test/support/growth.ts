const small = 2_000;
const factor = 8;
/** Below this nothing can be distinguished from noise; a quadratic parser is far above it at the larger size. */
const noticeableMs = 30;

/** Of a quadratic parser the growth is the square of `factor`; this is far from that, and from `factor`. */
export const mostGrowth = 5 * factor;
/** A garbage collection at the wrong moment looks like growth, but not every time. */
const attempts = 10;

/** How the time that a parser takes grows when its input grows by `factor`: about that much, if it is linear. */
export function growthOf(parse: (text: string) => unknown, make: (length: number) => string): number {
  const [few, many] = [make(small), make(factor * small)];
  return leastGrowth(() => {
    const large = cpuMs(() => parse(many));
    return large < noticeableMs ? 1 : large / meanCpuMs(() => parse(few));
  });
}

/** The same of a parser of streams, which is measured by the test. */
export async function growthOfStream(cpuMsOf: (length: number) => Promise<number>): Promise<number> {
  const few = 20 * small;
  await cpuMsOf(small);
  let least = Number.POSITIVE_INFINITY;
  for (let nth = 0; nth < attempts && least > mostGrowth; nth += 1)
    least = Math.min(least, (await cpuMsOf(factor * few)) / Math.max(await cpuMsOf(few), 5));
  return least;
}

function leastGrowth(measure: () => number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let nth = 0; nth < attempts && least > mostGrowth; nth += 1) least = Math.min(least, measure());
  return least;
}

/** Processor time of this thread alone: other programs run on this machine. */
export function cpuMs(work: () => unknown): number {
  const startedAt = process.threadCpuUsage();
  work();
  return usedMs(startedAt);
}

/** Processor time of this thread since then. */
export function usedMs(startedAt: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(startedAt);
  return (user + system) / 1_000;
}

/** Something short is run until it has taken a time that can be measured. */
function meanCpuMs(work: () => unknown): number {
  const startedAt = process.threadCpuUsage();
  let times = 0;
  do {
    work();
    times += 1;
  } while (usedMs(startedAt) < 2 * noticeableMs);
  return Math.max(usedMs(startedAt) / times, 0.05);
}
