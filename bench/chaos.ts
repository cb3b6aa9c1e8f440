/**
 * The drill: plays a seeded script of orders while something dies, then holds the results stream against the simulator's
 * truth. See docs/reliability.md.
 */
import { parseArgs } from 'node:util';
import { findExecutable } from '../src/embedded/executables.ts';
import { packageVersion } from '../src/service-facts.ts';
import type { Outcome } from './chaos/play.ts';
import { details, jsonLine, table } from './chaos/report.ts';
import { scenarios, scenariosNamed } from './chaos/scenarios/index.ts';

const usage = `usage: npm run chaos -- [--orders 300] [--seed 7] [--minutes 0.3] [--scenario all|NAME,NAME] [--keep]

${scenarios.map(({ letter, name, title }) => `  ${letter.padEnd(5)} ${name.padEnd(24)} ${title}`).join('\n')}`;

// Whatever a scenario that failed has left open must not keep the drill alive.
process.exit(await main());

async function main(): Promise<number> {
  const given = readArguments();
  if (given === null) return 2;
  const redisServer = await findExecutable(['redis-server', 'valkey-server'], process.env.PATH ?? '');
  if (redisServer === undefined) {
    console.error('The drill kills its Redis, so it needs a redis-server (or valkey-server) on the PATH.');
    return 2;
  }
  const stop = stopSignal();
  const outcomes: Outcome[] = [];
  const failures: string[] = [];
  for (const scenario of given.chosen) {
    if (stop.aborted) break;
    const say = (line: string) => console.log(`  ${clock()} ${line}`);
    console.log(`${clock()} ${scenario.name}: ${scenario.title}`);
    try {
      const outcome = await scenario.play({ ...given, redisServer, stop, say });
      outcomes.push(outcome);
      for (const line of details(outcome)) console.log(`  ${line}`);
    } catch (error) {
      failures.push(scenario.name);
      console.error(`  ${scenario.name} could not be played:`, error);
    }
  }
  console.log(`\n${table(outcomes)}\n`);
  const { orders, seed, minutes } = given;
  const facts = { orders, seed, minutes, version: packageVersion(), node: process.version, failures };
  console.log(jsonLine(outcomes, facts));
  if (stop.aborted) return 130;
  const allPlayed = failures.length === 0 && outcomes.length === given.chosen.length;
  return allPlayed && outcomes.every(({ passed }) => passed) ? 0 : 1;
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        orders: { type: 'string', default: '300' },
        seed: { type: 'string', default: '7' },
        minutes: { type: 'string', default: '0.3' },
        scenario: { type: 'string', default: 'all' },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const [orders, seed, minutes] = [values.orders, values.seed, values.minutes].map(Number);
    const chosen = scenariosNamed(values.scenario);
    const isGood =
      Number.isInteger(orders) && Number(orders) > 0 && Number.isInteger(seed) && Number(minutes) > 0;
    if (values.help || chosen === null || !isGood) throw new Error(usage);
    return {
      orders: Number(orders),
      seed: Number(seed),
      minutes: Number(minutes),
      keep: values.keep,
      chosen,
    };
  } catch (error) {
    console.error(error instanceof Error && error.message !== usage ? `${error.message}\n\n${usage}` : usage);
    return null;
  }
}

/** The first signal heals and cleans up; the second ends the drill at once, and its children with it. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort();
    });
  }
  return controller.signal;
}

function clock(): string {
  return new Date().toISOString().slice(11, 19);
}
