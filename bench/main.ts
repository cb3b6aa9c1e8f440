import { parseArgs } from 'node:util';
import { latency } from './latency.ts';
import type { Benchmark } from './report.ts';

/** `npm run bench -- <name> [--json]`: starts what it needs, prints a table for people or one JSON object a benchmark. */

/** `null`: planned, and not there yet. */
const benchmarks: { readonly [name: string]: Benchmark | null } = {
  throughput: null,
  latency,
  memory: null,
  lateness: null,
  schedule: null,
  cluster: null,
};

const usage = `Usage: npm run bench -- ${Object.keys(benchmarks).join('|')}|all [--json]`;

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    strict: false,
    options: { json: { type: 'boolean', default: false } },
  });
  const [name = ''] = positionals;
  const isKnown = name === 'all' || Object.hasOwn(benchmarks, name);
  if (positionals.length !== 1 || !isKnown || Object.keys(values).length > 1) {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  const chosen = name === 'all' ? Object.keys(benchmarks) : [name];
  let exitCode = 0;
  for (const each of chosen) {
    const benchmark = benchmarks[each] ?? null;
    if (benchmark === null) {
      process.stderr.write(`The benchmark ${each} is not there yet.\n`);
      if (name !== 'all') exitCode = 1;
      continue;
    }
    const report = await benchmark((line) => process.stderr.write(`${line}\n`));
    process.stdout.write(values.json ? `${JSON.stringify(report.figures)}\n` : `${report.text}\n`);
    if (!report.complete) exitCode = 1;
  }
  return exitCode;
}

process.exitCode = await main();
