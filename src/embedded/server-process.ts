import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { awaitGreeting, type ServerFacts } from './greet.ts';
import { startWatchdog } from './watchdog.ts';

/** A Redis server as a child process. */
export interface ServerProcess {
  readonly pid: number;
  /** Resolves when the process has ended, with exit code and signal. Never rejects. */
  readonly ended: Promise<string>;
  /**
   * Waits until the server answers on `port`.
   *
   * @throws when it ends for another reason than a port in use, or does not answer within 30 s
   */
  awaitStart(port: number): Promise<ServerFacts | 'port taken'>;
  /** Stops it, by SIGKILL after 5 s. */
  stop(): Promise<void>;
}

const startWithinMs = 30_000;
const stopWithinMs = 5_000;
const keptOutputLength = 4_000;

/** The watchdog's script: `$1` is the server's process id, `$2` the folder to remove, if any. */
const endServer = `
kill -TERM "$1"
tries=0
while [ $tries -lt 20 ] && kill -0 "$1"; do sleep 0.1; tries=$((tries + 1)); done
kill -KILL "$1"
[ -z "$2" ] || rm -rf -- "$2"
`;

/** Starts the process and its watchdog, which also removes `dir` if that is temporary. */
export async function spawnServer(
  executable: string,
  args: readonly string[],
  { dir, isTemporary }: { readonly dir: string; readonly isTemporary: boolean },
): Promise<ServerProcess> {
  // A session of its own, so that Ctrl-C does not stop Redis before us: we need it for a clean shutdown.
  const child = spawn(executable, args, { cwd: dir, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk).slice(-keptOutputLength);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = new Promise<string>((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  await once(child, 'spawn');
  const pid = child.pid as number;
  const watchdog = await startWatchdog(endServer, [String(pid), isTemporary ? dir : '']).catch((err) => {
    child.kill('SIGKILL');
    throw err;
  });

  return {
    pid,
    ended,
    async awaitStart(port) {
      const isOver = new AbortController();
      void ended.then(() => isOver.abort());
      const signal = AbortSignal.any([isOver.signal, AbortSignal.timeout(startWithinMs)]);
      try {
        const facts = await awaitGreeting(port, signal);
        return facts.processId === pid ? facts : 'port taken';
      } catch (err) {
        if (/Address already in use/i.test(output)) return 'port taken';
        const lastWords = output.trim().split('\n').at(-1) || 'it said nothing';
        throw new Error(`${basename(executable)} did not start: ${lastWords}`, { cause: err });
      }
    },
    async stop() {
      const force = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
      child.kill('SIGTERM');
      await ended;
      clearTimeout(force);
      await watchdog.dismiss();
    },
  };
}
