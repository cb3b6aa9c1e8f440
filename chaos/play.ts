import { setTimeout as delay } from 'node:timers/promises';
import { createRandom } from '../test/support/random.ts';
import type { ChaosRedis } from '../test/support/redis-topology.ts';
import { nameOf, openCheckout } from './checkout.ts';
import { orderDeadlineMs } from './environment.ts';
import { type Judgement, judge, readEntry } from './judge.ts';
import { mendedBySweeper } from './logs.ts';
import { watchMachine } from './machine.ts';
import { startSingleRedis } from './redis-single.ts';
import type { Scenario, Stage } from './scenario.ts';
import { openStorms } from './storms.ts';
import { awaitVerdicts, casesOf, type TimesToVerdict, timesToVerdict } from './verdicts.ts';
import { writeWorkload } from './workload.ts';
import { makeFolder, startWorld } from './world.ts';

/** How big a run is to be. */
export interface ChaosOptions {
  readonly orders: number;
  readonly seed: number;
  readonly minutes: number;
  readonly redisServer: string;
  /** Leave the folder with logs and data where it is. */
  readonly keep: boolean;
  readonly stop: AbortSignal;
  say(line: string): void;
}

/** What one scenario came to. */
export interface Outcome {
  readonly scenario: string;
  readonly orders: number;
  readonly acknowledged: number;
  readonly judgement: Judgement;
  readonly kills: Readonly<Record<string, number>>;
  /** From the end of the faults, or from when the verdict could be known, to when it could be read. */
  readonly verdictMs: TimesToVerdict;
  readonly boundMs: number;
  readonly tookMs: number;
  readonly notes: Readonly<Record<string, string | number>>;
  /** Promises of the scenario's own that were broken, and anything else that must not be. */
  readonly violations: readonly string[];
  readonly passed: boolean;
}

const usualWorkers = 2;
const quietMs = 2_000;
const shownRefusals = 5;
/** Arrivals end so long before the faults do: the last orders are open during them, and get their last verdict afterwards. */
const lastArrivalMs = 2_500;

/** Plays one scenario from an empty Redis to the verdict on it. */
export async function play<Server extends ChaosRedis>(
  scenario: Scenario<Server>,
  options: ChaosOptions,
): Promise<Outcome> {
  const startedAt = Date.now();
  const faultsMs = Math.max(scenario.leastFaultsMs ?? 0, options.minutes * 60_000);
  const spanMs = Math.max(faultsMs / 2, faultsMs - lastArrivalMs);
  const script = writeWorkload({
    seed: options.seed,
    orders: options.orders,
    spanMs,
    deadlineMs: orderDeadlineMs,
    ...scenario.script,
  });
  const folder = await makeFolder();
  const closing: (() => Promise<unknown>)[] = [];
  try {
    const machine = watchMachine();
    closing.push(() => machine.close());
    const random = createRandom(options.seed).fork(scenario.name);
    const redis = await startRedis(scenario, options.redisServer, folder.dir);
    closing.push(() => redis.close());
    const workers = scenario.workers ?? usualWorkers;
    const world = await startWorld({ dir: folder.dir, redis, workers, ...scenario.world?.(random) });
    closing.push(() => world.close());
    const record = openRecord();
    const { note, kills } = record;
    const { stop, say } = options;
    const allow = (ms: number) => Math.round(ms * machine.slowdown);
    const isEnough = () => killedIn(kills) >= leastKillsOf(scenario, faultsMs);
    const share = Math.min(1, faultsMs / 60_000);
    const others = (await scenario.prepare?.({ world, share, note, say })) ?? [];
    say(`${script.length} orders arrive over ${Math.round(spanMs / 1_000)} s`);
    const checkout = openCheckout({
      script,
      places: world.places,
      simulator: world.simulator,
      stop,
      ...checkoutOf(scenario),
    });
    closing.push(() => checkout.close());
    const storms = openStorms(checkout, world.places, stop);
    closing.push(() => storms.close());
    const stage = {
      world,
      checkout,
      script,
      random,
      faultsMs,
      stop,
      others,
      say,
      allow,
      isEnough,
      ...record,
    };
    const { cases, verdictMs } = await live(scenario, stage);
    const judgement = judge(cases, await world.results());
    for (const why of commonViolations(scenario, stage, record.kills)) record.fail(why);
    const boundMs = allow(boundOf(scenario, script.length));
    if (machine.slowdown > 1)
      note('slowed down by other work', `${machine.slowdown.toFixed(1)} ×, and so the bounds`);
    if (verdictMs.max > boundMs) record.fail('the time to the last verdict is over its bound');
    const mended = mendedBySweeper(folder.dir);
    if (mended !== '') note('mended by the sweeper', mended);
    const { notes, violations } = record;
    const isClean = judgement.counts.match > 0 && judgement.problems.length === 0 && violations.length === 0;
    return {
      scenario: scenario.name,
      orders: script.length,
      acknowledged: checkout.acknowledged,
      ...{
        judgement,
        kills,
        verdictMs,
        boundMs,
        tookMs: Date.now() - startedAt,
      },
      ...{ notes, violations, passed: isClean && !stop.aborted },
    };
  } finally {
    for (const close of closing.toReversed()) await close();
    if (options.keep) options.say(`logs and data are kept in ${folder.dir}`);
    else await folder.remove();
  }
}

/** Faults, their end, the last verdicts, and whatever else the scenario promises. */
async function live<Server extends ChaosRedis>(scenario: Scenario<Server>, stage: Stage<Server>) {
  const { world, checkout, script, stop, say, allow } = stage;
  await scenario.injectFaults(stage);
  const faultsEndedAt = Date.now();
  say(`the faults are over; ${checkout.acknowledged} of ${script.length} orders acknowledged`);
  const boundMs = () => allow(boundOf(scenario, script.length));
  const known = await awaitVerdicts(world, checkout, { faultsEndedAt, boundMs, stop, say });
  await scenario.check?.(stage, casesOf(known), known);
  // Long enough for a second verdict to show, if any process were to publish one.
  await delay(quietMs);
  const published = (await world.results()).map(readEntry);
  return { cases: casesOf(known), verdictMs: timesToVerdict(known, faultsEndedAt, published) };
}

/**
 * What has piled up takes its time on two slow cores: a thousand orders get five seconds more. The bound of a scenario
 * holds a step of the watch too (at most 20 s two minutes after a verdict): an order that became unresolved while its
 * provider was away is asked about again at the next one.
 */
function boundOf({ boundMs }: Pick<Scenario, 'boundMs'>, orders: number): number {
  return boundMs + orders * 5;
}

/** Where a scenario writes down what it did and found. */
function openRecord() {
  const notes: Record<string, string | number> = {};
  const kills: Record<string, number> = {};
  const violations: string[] = [];
  return {
    ...{ notes, kills, violations },
    note: (name: string, value: string | number) => {
      notes[name] = value;
    },
    killed: (what: string) => {
      kills[what] = (kills[what] ?? 0) + 1;
    },
    fail: (why: string) => {
      violations.push(why);
    },
  };
}

function checkoutOf({ except, sendsAgainOn }: Pick<Scenario, 'except' | 'sendsAgainOn'>) {
  return { ...(except && { except }), ...(sendsAgainOn && { sendsAgainOn }) };
}

/** What must never be, whatever the scenario. */
function commonViolations<Server extends ChaosRedis>(
  scenario: Scenario<Server>,
  { script, checkout, world, faultsMs }: Stage<Server>,
  kills: Readonly<Record<string, number>>,
): string[] {
  const violations = checkout.refusals.slice(0, shownRefusals);
  const left = script.filter((order) => {
    if (scenario.except?.(order, script.length) === true) return false;
    const one = checkout.handed.get(nameOf(order));
    return one?.acknowledgedAt == null && one?.refusedFor == null;
  });
  if (left.length > 0) violations.push(`${left.length} orders were never acknowledged`);
  for (const { name, surprises } of world.children) {
    if (surprises > 0) violations.push(`${name} ended ${surprises} times though nobody asked it to`);
  }
  const [killed, leastKills] = [killedIn(kills), leastKillsOf(scenario, faultsMs)];
  if (killed < leastKills)
    violations.push(`there were too few faults: ${killed} kills where ${leastKills} were due`);
  return violations;
}

function killedIn(kills: Readonly<Record<string, number>>): number {
  return Object.values(kills).reduce((sum, count) => sum + count, 0);
}

function leastKillsOf(
  { leastKillsAMinute = 0 }: Pick<Scenario, 'leastKillsAMinute'>,
  faultsMs: number,
): number {
  return leastKillsAMinute === 0 ? 0 : Math.max(1, Math.ceil((leastKillsAMinute * faultsMs) / 60_000));
}

function startRedis<Server extends ChaosRedis>(
  { redis, appendfsync }: Scenario<Server>,
  executable: string,
  dir: string,
): Promise<Server> {
  if (redis !== undefined) return redis(executable, dir);
  // A scenario without a Redis of its own is one that was written for a single server.
  return startSingleRedis(executable, dir, appendfsync) as Promise<ChaosRedis> as Promise<Server>;
}
