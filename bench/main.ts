import { writeFile } from 'node:fs/promises';
import { inspect, parseArgs } from 'node:util';
import { factsOf } from '../test/support/machine-facts.ts';
import { cluster } from './cluster.ts';
import { door } from './door.ts';
import { footprint } from './footprint.ts';
import { lag } from './lag.ts';
import { latency } from './latency.ts';
import { lateness } from './lateness.ts';
import { memory } from './memory.ts';
import { fillPage } from './page.ts';
import { reconcile } from './reconcile.ts';
import type { Benchmark, Scale } from './report.ts';
import { schedule } from './schedule.ts';
import { othersCpuMs } from './support/cpu-time.ts';
import { redisExecutable } from './support/redis.ts';
import { keepToTwoCores } from './support/two-cores.ts';
import { throughput } from './throughput.ts';

/**
 * `npm run bench -- <name>`: starts what it needs, prints tables for people (`--json`: one JSON object a benchmark), keeps
 * the figures in bench/results and shows them in docs/performance.md.
 */

const benchmarks: { readonly [name: string]: Benchmark } = {
  throughput,
  latency,
  memory,
  lateness,
  schedule,
  lag,
  cluster,
  footprint,
  door,
  reconcile,
};

const usage = `Usage: npm run bench -- ${Object.keys(benchmarks).join('|')}|all [--json] [--rounds 3] [--seed 20261] [--quick]

--seed   of the orders of the days that \`schedule\` plays
--quick only shows that everything runs: its figures are printed and not kept.`;

async function main(): Promise<number> {
  const given = readArguments();
  if (given === null) {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  await keepToTwoCores(say);
  let exitCode = 0;
  for (const [name, benchmark] of given.chosen) {
    try {
      const result = await play(name, benchmark, given.scale, say);
      process.stdout.write(given.json ? `${JSON.stringify(result)}\n` : `${result.text}\n\n`);
      if (!result.complete) exitCode = 1;
      if (!given.scale.quick) await keep(result);
    } catch (error) {
      // The others can be measured all the same.
      process.stderr.write(`${name} could not be measured: ${inspect(error)}\n`);
      exitCode = 1;
    }
  }
  return exitCode;
}

/** Runs a benchmark. Returns all that there is to know of it later. */
async function play(name: string, benchmark: Benchmark, scale: Scale, say: (line: string) => void) {
  const before = { at: performance.now(), others: othersCpuMs() };
  const { figures, ...report } = await benchmark(say, scale);
  const tookMs = performance.now() - before.at;
  const othersPercent = Math.max(0, (100 * (othersCpuMs() - before.others)) / tookMs);
  const facts = factsOf(await redisExecutable());
  return { benchmark: name, facts, rounds: scale.rounds, othersPercent, ...figures, ...report };
}

/** Writes the figures down, and shows them on the page. */
async function keep(result: Awaited<ReturnType<typeof play>>): Promise<void> {
  const file = new URL(`./results/${result.benchmark}.json`, import.meta.url);
  await writeFile(file, `${JSON.stringify(result, null, 2)}\n`);
  await fillPage();
}

function readArguments() {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        seed: { type: 'string', default: '20261' },
        quick: { type: 'boolean', default: false },
      },
    });
    const [name = ''] = positionals;
    const chosen = Object.entries(benchmarks).filter(([each]) => name === 'all' || each === name);
    const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
    const seed = Number(values.seed);
    const isGood = Number.isInteger(rounds) && rounds >= 1 && Number.isSafeInteger(seed);
    if (positionals.length !== 1 || chosen.length === 0 || !isGood) return null;
    return { chosen, json: values.json, scale: { rounds, seed, quick: values.quick } };
  } catch {
    // An unknown option: the usage says which there are.
    return null;
  }
}

process.exitCode = await main();
