/**
 * The chaos test: plays a seeded workload while faults are injected, then compares the results stream with the simulator's
 * ledger. See docs/reliability.md.
 */
import { parseArgs } from 'node:util';
import { findExecutable } from '../src/embedded/executables.ts';
import { factsOf } from '../test/support/machine-facts.ts';
import { writeLastRun } from './last-run.ts';
import type { Outcome } from './play.ts';
import { details, jsonLine, summary, table } from './report.ts';
import { type Playable, scenarios, scenariosNamed } from './scenarios/index.ts';
import { playSideBySide } from './side-by-side.ts';

const usage = `usage: npm run chaos -- [--orders 300] [--seed 7] [--minutes M] [--scenario all|NAME,NAME] [--short]
                        [--at-once 2] [--markdown FILE] [--keep]

  --minutes M      how long faults are injected; default a minute for 2 500 orders, at least 0.3
  --short          what CI plays: ${shortRun().scenario} with few orders, unless given otherwise
  --at-once N      how many scenarios share the machine, each with a Redis and processes of its own
  --markdown FILE  writes the outcome into the page FILE, in place of its last one
  --keep           leaves the folder with logs and data behind
  POLL_BACKEND=bullmq in the environment plays it with BullMQ's own back end, SCHEDULE=adaptive with the adaptive schedule

${scenarios.map(({ letter, name, title }) => `  ${letter.padEnd(5)} ${name.padEnd(24)} ${title}`).join('\n')}`;

// Whatever a scenario that failed has left open must not keep the chaos test alive.
process.exit(await main());

async function main(): Promise<number> {
  const given = readArguments();
  if (given === null) return 2;
  const redisServer = await findExecutable(['redis-server', 'valkey-server'], process.env.PATH ?? '');
  if (redisServer === undefined) {
    console.error(
      'The chaos test kills its Redis, so it needs a redis-server (or valkey-server) on the PATH.',
    );
    return 2;
  }
  const stop = stopSignal();
  const outcomes: Outcome[] = [];
  const failures: string[] = [];
  // The short run prints a line for each scenario, and more only of those that failed.
  const print = given.short ? () => {} : (line: string) => console.log(line);
  const play = async (scenario: Playable) => {
    const { name, title } = scenario;
    const say = (line: string) => print(`  ${clock()} ${name}: ${line}`);
    print(`${clock()} ${name}: ${title}`);
    try {
      const outcome = await scenario.play({ ...given, redisServer, stop, say });
      outcomes.push(outcome);
      console.log(`${clock()} ${summary(outcome)}`);
      for (const line of details(outcome)) (outcome.passed ? print : console.log)(`  ${line}`);
    } catch (error) {
      failures.push(name);
      console.error(`${clock()} ${name}: FAILED, it could not be played:`, error);
    }
  };
  await playSideBySide(given.chosen, given.atOnce, stop, play);
  const allPlayed = failures.length === 0 && outcomes.length === given.chosen.length && !stop.aborted;
  const passed = allPlayed && outcomes.every((outcome) => outcome.passed);
  // In the order of the list, whichever ended first.
  const place = ({ scenario }: Outcome) => given.chosen.findIndex(({ name }) => name === scenario);
  outcomes.sort((a, b) => place(a) - place(b));
  console.log(`\n${table(outcomes)}\n`);
  const { orders, seed, minutes, atOnce, markdown } = given;
  const line = jsonLine(outcomes, {
    ...factsOf(redisServer),
    orders,
    seed,
    minutes,
    atOnce,
    passed,
    failures,
  });
  console.log(line);
  if (markdown !== undefined) writeLastRun(markdown, [line]);
  if (stop.aborted) return 130;
  return passed ? 0 : 1;
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        orders: { type: 'string' },
        seed: { type: 'string', default: '7' },
        minutes: { type: 'string' },
        scenario: { type: 'string' },
        'at-once': { type: 'string', default: '2' },
        short: { type: 'boolean', default: false },
        markdown: { type: 'string' },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const usual = values.short ? shortRun() : { orders: 300, minutes: undefined, scenario: 'all' };
    const orders = Number(values.orders ?? usual.orders);
    const seed = Number(values.seed);
    const minutes = Number(values.minutes ?? usual.minutes ?? Math.max(0.3, orders / 2_500));
    const chosen = scenariosNamed(values.scenario ?? usual.scenario);
    const atOnce = Number(values['at-once']);
    const isGood = isCount(orders) && Number.isInteger(seed) && minutes > 0 && isCount(atOnce);
    if (values.help || chosen === null || !isGood) throw new Error(usage);
    const { keep, short, markdown } = values;
    return { orders, seed, minutes, atOnce, keep, short, chosen, markdown };
  } catch (error) {
    console.error(error instanceof Error && error.message !== usage ? `${error.message}\n\n${usage}` : usage);
    return null;
  }
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value > 0;
}

/** A function, since the text of the usage comes first. */
function shortRun() {
  return { orders: 150, minutes: 0.2, scenario: 'a,b,c,f,g,h,m,q' };
}

/** The first signal ends the faults and cleans up; the second ends the chaos test at once, and its children with it. */
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
