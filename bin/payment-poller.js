#!/usr/bin/env node
// The launcher: plain JavaScript that an old Node can still parse. It finds a Node that is new enough, then
// hands over to the command line: src/cli.ts in a clone, dist/cli.js in an installed package.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const OLDEST_NODE = [22, 22];
/** Set for a Node that this launcher started, so that it never starts another. */
const STARTED_BY_LAUNCHER = 'PAYMENT_POLLER_STARTED_BY_LAUNCHER';
const FORWARDED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];
/** A terminal or a supervisor may signal us both, and we forward it too: within this time it is one signal. */
const SAME_SIGNAL_MS = 500;

const launcher = fileURLToPath(import.meta.url);
const root = dirname(dirname(launcher));
const entry = findEntry();
const isStartedByLauncher = process.env[STARTED_BY_LAUNCHER] === '1';
delete process.env[STARTED_BY_LAUNCHER];

if (!entry) {
  giveUp('payment-poller is not built here: run `npm run build` in its folder.');
} else if (canRun(entry)) {
  if (isStartedByLauncher) followLauncher();
  hideTypeStrippingWarning();
  // A command takes a third of the time when its modules are compiled already; without a place to keep them nothing is lost.
  // The service starts seldom, and would hold 8 MB of compiled code for good.
  if (entry.endsWith('.ts') || process.argv[2] !== 'start') module.enableCompileCache?.();
  await import(pathToFileURL(entry).href);
} else {
  const node = isStartedByLauncher ? undefined : findBundledNode();
  if (node) runWith(node);
  else {
    giveUp(
      `payment-poller needs Node.js ${OLDEST_NODE.join('.')} or newer and this is ${process.version}: ` +
        'install Node.js 24, or run `npm install` in its folder, which brings one along.',
    );
  }
}

/** The sources of a clone, else the built package. Node strips no types below node_modules. */
function findEntry() {
  const source = join(root, 'src', 'cli.ts');
  if (existsSync(source) && !root.split(sep).includes('node_modules')) return source;
  const built = join(root, 'dist', 'cli.js');
  return existsSync(built) ? built : undefined;
}

function canRun(file) {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isNewEnough = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  return isNewEnough && (!file.endsWith('.ts') || Boolean(process.features.typescript));
}

/** The binary of the npm package `node`, installed beside this package or above it. */
function findBundledNode() {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  for (let folder = root; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', 'node', 'bin', name);
    if (existsSync(candidate)) return candidate;
    if (folder === dirname(folder)) return undefined;
  }
}

/** Runs this same command under another Node and ends as it ends: same exit code, same signal. */
function runWith(node) {
  const child = spawn(node, [launcher, ...process.argv.slice(2)], {
    // The channel carries nothing; its end tells the child that this process is gone.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [STARTED_BY_LAUNCHER]: '1' },
  });
  const forward = (signal) => child.kill(signal);
  for (const signal of FORWARDED_SIGNALS) process.on(signal, forward);
  child.on('error', (err) => giveUp(`payment-poller could not start ${node}: ${err.message}.`));
  child.on('exit', (code, signal) => {
    for (const name of FORWARDED_SIGNALS) process.off(name, forward);
    if (signal) endBySignal(signal);
    else process.exit(code ?? 1);
  });
}

/** Dies of the signal itself, so that a shell or supervisor sees what happened; else the shells' 128 + n. */
function endBySignal(signal) {
  process.exitCode = 128 + (constants.signals[signal] ?? 0);
  process.kill(process.pid, signal);
}

/** The child's side: take a signal that came by two ways as one, and stop when the launcher was killed. */
function followLauncher() {
  const lastAt = new Map();
  const emit = process.emit;
  process.emit = (name, ...args) => {
    if (FORWARDED_SIGNALS.includes(name)) {
      const now = performance.now();
      if (now - (lastAt.get(name) ?? Number.NEGATIVE_INFINITY) < SAME_SIGNAL_MS) return true;
      lastAt.set(name, now);
    }
    return emit.call(process, name, ...args);
  };
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  // A finished command must be able to end although the channel is still open.
  process.channel?.unref();
}

/** Node 24.0 to 24.2 still calls type stripping experimental at every start. */
function hideTypeStrippingWarning() {
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning, ...rest) => {
    if (!String(warning).startsWith('Type Stripping is an experimental feature')) {
      emitWarning.call(process, warning, ...rest);
    }
  };
}

function giveUp(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exitCode = 1;
}
