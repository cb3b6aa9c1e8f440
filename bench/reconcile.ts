import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { connectRedis } from '../src/redis/connection.ts';
import { startSimulator } from '../src/simulator/simulator.ts';
import { createRandom } from '../test/support/random.ts';
import { shopOn } from '../test/support/shop.ts';
import { createJudge, drawDifferences } from '../test/support/statement-differences.ts';
import { type Benchmark, median, number, reportOf } from './report.ts';
import { withFolder } from './support/folder.ts';
import { startBenchRedis } from './support/redis.ts';

/** A statement of a million rows with differences of every kind: all found, none invented, in bounded memory. */

const goalBytes = 200_000_000;
const account = 'daraja-stk';
const launcher = fileURLToPath(new URL('../bin/payment-poller.js', import.meta.url));
const readAlone = fileURLToPath(new URL('./reconcile/read-alone.ts', import.meta.url));

export const reconcile: Benchmark = (say, { rounds, quick }) =>
  withFolder(async (folder) => {
    const size = quick ? { rows: 10_000, orders: 1_000 } : { rows: 1_000_000, orders: 20_000 };
    const store = await startBenchRedis();
    const redis = connectRedis(store.url, 'patient');
    const simulator = await startSimulator();
    try {
      const shop = await shopOn(redis, store.url, 'bench', account);
      const file = join(folder, 'statement.csv');
      const stream = createWriteStream(file);
      say(`making ${number(size.orders)} orders, and a statement of ${number(size.rows)} rows`);
      const drawn = await drawDifferences({
        ...{ shop, simulator, random: createRandom(7), ...size },
        async write(text) {
          if (!stream.write(text)) await once(stream, 'drain');
        },
      });
      stream.end();
      await finished(stream);
      const runs: Run[] = [];
      const alone: number[] = [];
      for (let round = 1; round <= rounds; round += 1) {
        alone.push(await readWithLibrary(file));
        const judge = createJudge(drawn);
        runs.push(await run(file, shop.env, judge.line));
        const wrong = judge.verdict();
        if (wrong.length > 0)
          throw new Error(`${wrong.length} findings are wrong, among them ${wrong.slice(0, 3)}`);
        say(`round ${round}: ${number(size.rows / ((runs.at(-1)?.tookMs ?? 0) / 1_000))} rows/s`);
      }
      return reportFor(size, alone, runs);
    } finally {
      await simulator.close();
      redis.disconnect();
      await store.close();
    }
  });

interface Run {
  readonly tookMs: number;
  readonly peakBytes: number;
}

/** Reconciles with the real command line. Hands on the lines that it prints. */
async function run(file: string, env: object, line: (text: string) => void): Promise<Run> {
  const startedAt = performance.now();
  const args = [launcher, 'reconcile', '--account', account, '--statement', file, '--json'];
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let peakBytes = 0;
  const watch = setInterval(() => {
    peakBytes = Math.max(peakBytes, peakOf(child));
  }, 50);
  for await (const text of createInterface({ input: child.stdout })) line(text);
  if (child.exitCode === null) await once(child, 'close');
  clearInterval(watch);
  return { tookMs: performance.now() - startedAt, peakBytes };
}

/** The most resident memory that a running process has had. */
function peakOf({ pid }: ChildProcess): number {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1_024;
  } catch {
    return 0;
  }
}

async function readWithLibrary(file: string): Promise<number> {
  const child = spawn(process.execPath, [readAlone, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  return (JSON.parse(text) as { tookMs: number }).tookMs;
}

function reportFor(size: { rows: number; orders: number }, alone: readonly number[], runs: readonly Run[]) {
  const perSecond = (tookMs: number) => size.rows / (tookMs / 1_000);
  const [libraryMs, tookMs] = [median(alone), median(runs.map((each) => each.tookMs))];
  const peakBytes = Math.max(...runs.map((each) => each.peakBytes));
  const ratio = libraryMs / tookMs;
  const isSmall = peakBytes > 0 && peakBytes <= goalBytes;
  const table = {
    caption: `A statement of ${number(size.rows)} rows against ${number(size.orders)} orders, with seeded differences of every kind.`,
    columns: ['', 'rows/s', 'peak memory, MB'],
    rows: [
      ['csv-parse alone', number(perSecond(libraryMs)), ''],
      ['reconcile', number(perSecond(tookMs)), number(peakBytes / 1e6)],
    ],
  };
  const remark = `All differences were found and none was invented. ${ratio.toFixed(2)} of the speed of reading the file with the library alone. Under ${goalBytes / 1e6} MB: ${isSmall ? 'met' : 'MISSED'}.`;
  return reportOf(
    { ...size, libraryMs, tookMs, ratio, peakBytes },
    [table],
    remark,
    isSmall || peakBytes === 0,
  );
}
