import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { waitMs } from './waiting.ts';

const launcher = fileURLToPath(new URL('../../bin/payment-poller.js', import.meta.url));

/** A working folder without a `.env`; removed after the tests of the file. */
export const emptyFolder = mkdtempSync(join(tmpdir(), 'payment-poller-commands-'));
const running = new Set<Command>();

afterAll(async () => {
  for (const command of running) command.kill('SIGKILL');
  await Promise.all([...running].map(({ ended }) => ended));
  rmSync(emptyFolder, { recursive: true, force: true });
});

/** The result of a command. */
export interface Ended {
  /** `null` when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Duration of the run. */
  readonly tookMs: number;
}

/** A running command. */
export interface Command {
  readonly pid: number;
  readonly stdin: Writable;
  readonly ended: Promise<Ended>;
  /** Its output so far. */
  stdout(): string;
  /** Waits until stdout contains this. @throws when the command ends first, or after two minutes */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
  /** Stops reading its standard output, as `| head` does. */
  hangUp(): void;
}

export interface CommandOptions {
  /** Environment variables. Of the tests' own environment only PATH is passed on. */
  readonly env?: { readonly [name: string]: string };
  /** Written to standard input, which is then closed; `null` leaves it open. Default: nothing. */
  readonly stdin?: string | Uint8Array | null;
  readonly cwd?: string;
}

/** Starts the real command line with the Node of these tests. */
export function startCommand(args: readonly string[], options: CommandOptions = {}): Command {
  const { env = {}, stdin = '', cwd = emptyFolder } = options;
  const startedAt = performance.now();
  const child: ChildProcessByStdio<Writable, Readable, Readable> = spawn(
    process.execPath,
    [launcher, ...args],
    {
      cwd,
      // A shared compile cache halves the startup time.
      env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: join(emptyFolder, 'compiled'), ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  );
  const printed = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8');
    child[name].on('data', (text: string) => {
      printed[name] += text;
      for (const listener of listeners) listener();
    });
  }
  // A command may exit before it has read all of its input.
  child.stdin.on('error', () => {});
  if (stdin !== null) child.stdin.end(stdin);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve({ code, signal, ...printed, tookMs: performance.now() - startedAt }),
    );
  });
  const command: Command = {
    pid: child.pid ?? 0,
    stdin: child.stdin,
    ended,
    stdout: () => printed.stdout,
    kill: (signal) => void child.kill(signal),
    hangUp: () => void child.stdout.destroy(),
    printed: (pattern) => untilPrinted(pattern, printed, listeners, ended),
  };
  running.add(command);
  void ended.finally(() => running.delete(command)).catch(() => {});
  return command;
}

/** Most commands that run at the same time: each uses about half a second of a core. */
const places = 2;
const waiting: (() => void)[] = [];
let taken = 0;

/** Runs a command until it exits. Calls beyond the limit wait. */
export async function runCommand(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  if (taken >= places) await new Promise<void>((resolve) => waiting.push(resolve));
  else taken += 1;
  try {
    return await startCommand(args, options).ended;
  } finally {
    const next = waiting.shift();
    if (next === undefined) taken -= 1;
    else next();
  }
}

async function untilPrinted(
  pattern: RegExp,
  printed: { readonly stdout: string; readonly stderr: string },
  listeners: Set<() => void>,
  ended: Promise<Ended>,
): Promise<RegExpExecArray> {
  let listener = () => {};
  let timer: NodeJS.Timeout | undefined;
  const found = new Promise<RegExpExecArray>((resolve, reject) => {
    listener = () => {
      const match = pattern.exec(printed.stdout);
      if (match !== null) resolve(match);
    };
    const giveUp = () => reject(new Error(`${pattern} was not printed:\n${printed.stdout}${printed.stderr}`));
    timer = setTimeout(giveUp, waitMs);
    void ended.then(giveUp, reject);
  });
  listeners.add(listener);
  listener();
  try {
    return await found;
  } finally {
    listeners.delete(listener);
    clearTimeout(timer);
  }
}
