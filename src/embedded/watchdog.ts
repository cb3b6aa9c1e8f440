import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Cleans up after this process if it dies without cleaning up itself. */
export interface Watchdog {
  /** Ends the watchdog without running its script. May be called twice. */
  dismiss(): Promise<void>;
}

/**
 * Starts a shell that waits until this process has ended, then runs `script` with `args` as `$1`, `$2`, ….
 *
 * It reads from a pipe whose other end only this process holds. The kernel closes that end however we end: by `exit`, an
 * uncaught exception, SIGKILL or the out-of-memory killer. An `exit` listener would miss the last two. The shell has
 * a session of its own, so Ctrl-C in our terminal or a signal to our process group does not reach it.
 */
export async function startWatchdog(script: string, args: readonly string[]): Promise<Watchdog> {
  const shell = spawn('/bin/sh', ['-c', `read -r _; ${script}`, 'watchdog', ...args], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  const ended = new Promise<void>((resolve) => {
    shell.once('exit', () => resolve());
  });
  await once(shell, 'spawn');
  return {
    async dismiss() {
      shell.kill('SIGKILL');
      await ended;
    },
  };
}
