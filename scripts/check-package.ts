/**
 * Checks the package as its users get it: built, packed, installed into a fresh project, imported with its types, called by
 * npx, and run. Ends with code 1 and every fault at once. `--quick` leaves out the demo. Needs the npm registry, or its cache.
 */
import { execFileSync, type StdioOptions } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = join(root, 'node_modules', '.bin');
const require = createRequire(import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'payment-poller-package-'));
const fresh = join(folder, 'fresh');
const faults: string[] = [];

try {
  const { tarball, files } = pack();
  check('its files are those that it needs, and no others', () => checkFiles(files));
  check('publint has nothing to say', () => run('publint', ['run', tarball, '--strict']));
  check('its types resolve', () => run('attw', [tarball, '--profile', 'esm-only', '--no-color']));
  check('a fresh project installs it', () => install(tarball));
  check('a fresh project imports it, with its types', checkTypes);
  check('its functions are there at run time', checkImport);
  check('npx payment-poller --help', () =>
    expectOutput(run('npx', ['--no-install', 'payment-poller', '--help'], fresh), /Usage: payment-poller/),
  );
  check('npx payment-poller classify', checkClassify);
  if (!process.argv.includes('--quick')) check('npx payment-poller demo --once', checkDemo);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(faults.length === 0 ? 'The package is good.' : `${faults.length} to mend: ${faults.join('; ')}.`);
process.exitCode = faults.length === 0 ? 0 : 1;

/** Builds and packs the package; returns the file names in the tarball. */
function pack(): { tarball: string; files: string[] } {
  run('npm', ['run', 'build'], root);
  // Already built: `prepack` would build again, and print into the JSON.
  const json = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root);
  const parsed = JSON.parse(json) as unknown;
  const [packed] = (Array.isArray(parsed) ? parsed : Object.values(parsed as object)) as {
    filename: string;
    files: { path: string }[];
  }[];
  if (packed === undefined) throw new Error('npm pack named no tarball.');
  return { tarball: join(folder, packed.filename), files: packed.files.map(({ path }) => path) };
}

function checkFiles(files: readonly string[]): void {
  const wanted = [
    'bin/payment-poller.js',
    'dist/index.js',
    'dist/index.d.ts',
    'dist/cli.js',
    'dist/orders/settle.lua',
    'dist/orders/settle-batch.lua',
    'dist/redis/apart.lua',
  ];
  const missing = wanted.filter((file) => !files.includes(file));
  const allowed =
    /^(bin|dist|docs)\/|^(package\.json|README\.md|ARCHITECTURE\.md|CHANGELOG\.md|LICENSE|\.env\.example)$/;
  const strangers = files.filter(
    (file) => !allowed.test(file) || /\.test\.|^dist\/.*(?<!\.d)\.ts$/.test(file),
  );
  if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}`);
  if (strangers.length > 0) throw new Error(`not wanted: ${strangers.join(', ')}`);
}

function install(tarball: string): void {
  mkdirSync(fresh);
  writeFileSync(
    join(fresh, 'package.json'),
    JSON.stringify({ name: 'fresh', private: true, type: 'module' }),
  );
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball], fresh);
  if (existsSync(join(fresh, 'node_modules', 'js-redis-server')))
    throw new Error('js-redis-server came along: it is for development only');
}

/** Code of a user, with errors that the compiler must find: types that resolve to `any` would accept them. */
function checkTypes(): void {
  writeFileSync(
    join(fresh, 'use.ts'),
    `import { createProducer, type OrderInput, readResults, type ResultEvent, subscribe } from 'payment-poller';
const redis = 'redis://127.0.0.1:1';
const order: OrderInput = { orderId: 'a', account: 'jenga', reference: 'b', amount: '1.00' };
export const enqueue = () => createProducer({ redis }).enqueue(order);
const statusOf = (event: ResultEvent): 'paid' | 'failed' | 'expired' | 'unresolved' => event.data.status;
export async function read() {
  for await (const { event, streamId } of readResults({ redis, from: '0' })) console.log(streamId, statusOf(event));
}
export const follow = () =>
  subscribe({ redis, group: 'g', consumer: 'c', onResult: (event) => console.log(statusOf(event)) });
// @ts-expect-error a consumer is missing
export const wrong = () => subscribe({ redis, group: 'g', onResult() {} });
// @ts-expect-error an amount is a number or a string
export const alsoWrong: OrderInput = { ...order, amount: true };
// @ts-expect-error a status is a word
export const wrongToo = (event: ResultEvent): number => event.data.status;
`,
  );
  const typeRoots = join(dirname(require.resolve('@types/node/package.json')), '..');
  const compiler = [...['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024'], 'use.ts'];
  run('tsc', [...compiler, '--types', 'node', '--typeRoots', typeRoots], fresh);
}

function checkImport(): void {
  const script = `
    import * as it from 'payment-poller';
    for (const name of ['createProducer', 'subscribe', 'readResults']) if (typeof it[name] !== 'function') throw new Error(name + ' is missing');
    it.orderInputSchema.parse({ orderId: 'a', account: 'jenga', reference: 'b', amount: 1 });
    console.log('all there');`;
  expectOutput(run(process.execPath, ['--input-type=module', '--eval', script], fresh), /all there/);
}

function checkClassify(): void {
  writeFileSync(join(fresh, 'answer.json'), '{"kind":"status","httpStatus":503,"body":""}');
  const output = run('npx', ['--no-install', 'payment-poller', 'classify', 'jenga', 'answer.json'], fresh);
  expectOutput(output, /"reading":\s*"unavailable"/);
}

/** Runs the demo on a redis-server on the PATH: the in-process server is not installed for users. */
function checkDemo(): void {
  expectOutput(run('npx', ['--no-install', 'payment-poller', 'demo', '--once'], fresh), /(\d+) of \1 orders/);
}

function check(what: string, work: () => unknown): void {
  const start = Date.now();
  try {
    work();
    console.log(`ok      ${what} (${((Date.now() - start) / 1_000).toFixed(1)} s)`);
  } catch (error) {
    faults.push(what);
    console.log(`FAULT   ${what}\n${(error as Error).message}`);
  }
}

/** Runs a command until it exits; returns its output. @throws with all of its output when it fails */
function run(command: string, args: readonly string[], cwd: string = folder): string {
  const { REDIS_URL: _, ...environment } = process.env;
  const env = { ...environment, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}`, NO_COLOR: '1' };
  const stdio: StdioOptions = ['ignore', 'pipe', 'pipe'];
  try {
    return execFileSync(command, args, {
      cwd,
      env,
      stdio,
      encoding: 'utf8',
      timeout: 300_000,
      maxBuffer: 64e6,
    });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`.slice(-4_000), { cause: error });
  }
}

function expectOutput(output: string, pattern: RegExp): void {
  if (!pattern.test(output)) throw new Error(`its output has no ${pattern}:\n${output.slice(-2_000)}`);
}
