import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** How to run one process of the chaos test. */
export interface ChildOptions {
  readonly name: string;
  readonly script: string;
  readonly args?: readonly string[];
  readonly env: { readonly [name: string]: string };
  /** Folder of `<name>.log`. */
  readonly logDir: string;
  /** Port of /health/live, which shows that it is up; if absent, it is up once it runs. */
  readonly port?: number;
  /** Restart it when it exits or is killed, as a supervisor would. Default true. */
  readonly supervised?: boolean;
}

/** How one run of a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Time from the signal to the exit. */
  readonly tookMs: number;
}

/** A supervised process. */
export interface Child {
  readonly name: string;
  readonly port: number | undefined;
  /** Unexpected exits of a process that should run during the whole test: it crashed, or could not start. */
  readonly surprises: number;
  readonly pid: number | undefined;
  isUp(): boolean;
  /** Resolves once it is up. @throws when it is not within `withinMs` */
  awaitUp(withinMs: number): Promise<void>;
  /** Sets the environment for its next runs. */
  reconfigure(env: { readonly [name: string]: string }): void;
  /** Sends a signal and waits for the exit of this run. `null` if it was not running. */
  signal(signal: NodeJS.Signals): Promise<Ending | null>;
  /** Waits for the exit of this run, whatever its cause. */
  awaitEnd(): Promise<Ending>;
  log(): string;
  /** Sends a signal that does not end it. */
  poke(signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** Stops it without a restart. */
  close(): Promise<void>;
}

const respawnMs = 200;
const healthMs = 100;
const closeMs = 8_000;

/** Starts a process and keeps it running. */
export function startChild(options: ChildOptions): Child {
  const { name, script, args = [], logDir, port, supervised = true } = options;
  let { env } = options;
  const logFile = join(logDir, `${name}.log`);
  let running: ChildProcess | null = null;
  let ending: Promise<Ending> = Promise.resolve({ code: 0, signal: null, tookMs: 0 });
  let up = false;
  let signalledAt = 0;
  let closing = false;
  let surprises = 0;
  let timer: NodeJS.Timeout | undefined;

  function run(): void {
    const log = openSync(logFile, 'a');
    const child = spawn(process.execPath, [script, ...args], {
      // When the IPC channel closes, the child knows that the chaos test has ended, even if it was killed.
      stdio: ['ignore', log, log, 'ipc'],
      env: { PATH: process.env.PATH ?? '', ...env, PAYMENT_POLLER_STARTED_BY_LAUNCHER: '1' },
      // Ctrl-C must only reach the chaos test, which then stops its children in order.
      detached: true,
    });
    closeSync(log);
    running = child;
    signalledAt = 0;
    child.on('error', () => {});
    ending = once(child, 'exit').then(([code, signal]) => {
      up = false;
      running = null;
      if (supervised && signalledAt === 0) surprises += 1;
      if (supervised && !closing) timer = setTimeout(run, respawnMs);
      return {
        code: code as number | null,
        signal: signal as NodeJS.Signals | null,
        tookMs: signalledAt === 0 ? 0 : Date.now() - signalledAt,
      };
    });
    void watchHealth(child);
  }

  async function watchHealth(child: ChildProcess): Promise<void> {
    while (running === child && !up && signalledAt === 0) {
      if (port === undefined || (await isAlive(port))) {
        up = running === child && signalledAt === 0;
        return;
      }
      await delay(healthMs);
    }
  }

  function send(signal: NodeJS.Signals): void {
    signalledAt = Date.now();
    // A second signal would abort a graceful shutdown.
    up = false;
    running?.kill(signal);
  }

  run();
  return {
    name,
    port,
    get surprises() {
      return surprises;
    },
    get pid() {
      return running?.pid;
    },
    isUp: () => up,
    async awaitUp(withinMs) {
      const giveUpAt = Date.now() + withinMs;
      while (!up) {
        if (Date.now() > giveUpAt) throw new Error(`${name} did not come up: ${lastLine(logFile)}`);
        await delay(20);
      }
    },
    reconfigure(changed) {
      env = changed;
    },
    async signal(signal) {
      if (running === null) return null;
      send(signal);
      return ending;
    },
    awaitEnd: () => ending,
    poke(signal) {
      running?.kill(signal);
    },
    log: () => readFileSync(logFile, 'utf8'),
    async close() {
      closing = true;
      clearTimeout(timer);
      if (running === null) return;
      // A stopped process reacts to no other signal.
      running.kill('SIGCONT');
      send('SIGTERM');
      const force = setTimeout(() => running?.kill('SIGKILL'), closeMs);
      await ending;
      clearTimeout(force);
    },
  };
}

async function isAlive(port: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/health/live`, {
      signal: AbortSignal.timeout(1_000),
    });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    // Not listening yet.
    return false;
  }
}

function lastLine(file: string): string {
  return readFileSync(file, 'utf8').trim().split('\n').at(-1)?.slice(0, 400) ?? '';
}
