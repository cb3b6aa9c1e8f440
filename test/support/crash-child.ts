import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Crash } from './crash-worker.ts';

const script = fileURLToPath(new URL('./crash-worker.ts', import.meta.url));

/** A worker process that kills itself or is killed by the test. */
export interface CrashChild {
  /** Kills it with SIGKILL. */
  kill(): Promise<void>;
  /** Resolves when it is dead; throws unless it ended by SIGKILL. */
  readonly died: Promise<void>;
}

/** Starts a worker process, which is killed at the end of the test at the latest. */
export function startCrashChild(crash: Crash): CrashChild {
  const child = spawn(process.execPath, [script, JSON.stringify(crash)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk).slice(-2_000);
  });
  const died = once(child, 'close').then(([code, signal]) => {
    if (signal !== 'SIGKILL') throw new Error(`The worker ended with ${signal ?? code}: ${words}`);
  });
  // Avoids an unhandled rejection if the test does not await it.
  died.catch(() => {});
  const kill = async () => {
    child.kill('SIGKILL');
    await died;
  };
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) await kill();
  });
  return { kill, died };
}
