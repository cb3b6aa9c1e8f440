/** Works for a moment again and again, and reports how long that took, as a multiple of the core time that it used. */
import { parentPort, workerData } from 'node:worker_threads';

const { everyMs, workMs } = workerData as { readonly everyMs: number; readonly workMs: number };

setInterval(() => {
  const startedAt = performance.now();
  const before = process.threadCpuUsage();
  let usedMs = 0;
  while (usedMs < workMs) {
    const { user, system } = process.threadCpuUsage(before);
    usedMs = (user + system) / 1_000;
  }
  parentPort?.postMessage((performance.now() - startedAt) / usedMs);
}, everyMs);
