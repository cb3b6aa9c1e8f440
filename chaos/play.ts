import { setTimeout as delay } from 'node:timers/promises';
import { createRandom } from '../test/support/random.ts';
import type { DrillRedis } from '../test/support/redis-topology.ts';
import { nameOf, openCheckout } from './checkout.ts';
import { drillDeadlineMs } from './environment.ts';
import { type Judgement, judge, readEntry } from './judge.ts';
import { mendedBySweeper } from './logs.ts';
import { watchMachine } from './machine.ts';
import { startSingleRedis } from './redis-single.ts';
import type { Scenario, Stage } from './scenario.ts';
import { writeScript } from './script.ts';
import { openStorms } from './storms.ts';
import { awaitTruth, casesOf, type TimesToTruth, timesToTruth } from './truth.ts';
import { makeFolder, startWorld } from './world.ts';

/** How big a drill is to be. */
export interface DrillOptions {
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
  /** From healing, or from when the truth was there to be had, to its word on the stream. */
  readonly truthMs: TimesToTruth;
  readonly boundMs: number;
  readonly tookMs: number;
  readonly notes: Readonly<Record<string, string | number>>;
  /** Promises of the scenario's own that were broken, and anything else that must not be. */
  readonly faults: readonly string[];
  readonly passed: boolean;
}

const usualWorkers = 2;
const quietMs = 2_000;
const shownRefusals = 5;
/** Arrivals end so long before the misery does: the last orders live through it, and have their truth to come after it. */
const lastArrivalMs = 2_500;

/** Plays one scenario from an empty Redis to the verdict on it. */
export async function play<Server extends DrillRedis>(
  scenario: Scenario<Server>,
  options: DrillOptions,
): Promise<Outcome> {
  const startedAt = Date.now();
  const miseryMs = Math.max(scenario.leastMiseryMs ?? 0, options.minutes * 60_000);
  const spanMs = Math.max(miseryMs / 2, miseryMs - lastArrivalMs);
  const script = writeScript({
    seed: options.seed,
    orders: options.orders,
    spanMs,
    deadlineMs: drillDeadlineMs,
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
    const book = openBook();
    const { note, kills } = book;
    const { stop, say } = options;
    const allow = (ms: number) => Math.round(ms * machine.slowdown);
    const isEnough = () => killedIn(kills) >= leastKillsOf(scenario, miseryMs);
    const share = Math.min(1, miseryMs / 60_000);
    const others = (await scenario.prepare?.({ world, share, note, say })) ?? [];
    say(`${script.length} orders arrive over ${Math.round(spanMs / 1_000)} s`);
    const checkout = openCheckout({
      script,
      places: world.places,
      desk: world.desk,
      stop,
      ...checkoutOf(scenario),
    });
    closing.push(() => checkout.close());
    const storms = openStorms(checkout, world.places, stop);
    closing.push(() => storms.close());
    const stage = { world, checkout, script, random, miseryMs, stop, others, say, allow, isEnough, ...book };
    const { cases, truthMs } = await live(scenario, stage);
    const judgement = judge(cases, await world.results());
    for (const fault of commonFaults(scenario, stage, book.kills)) book.fault(fault);
    const boundMs = allow(boundOf(scenario, script.length));
    if (machine.slowdown > 1)
      note('slowed down by other work', `${machine.slowdown.toFixed(1)} ×, and so the bounds`);
    if (truthMs.max > boundMs) book.fault('the time to truth is over its bound');
    const mended = mendedBySweeper(folder.dir);
    if (mended !== '') note('mended by the sweeper', mended);
    const { notes, faults } = book;
    const isClean = judgement.counts.match > 0 && judgement.faults.length === 0 && faults.length === 0;
    return {
      scenario: scenario.name,
      orders: script.length,
      acknowledged: checkout.acknowledged,
      ...{
        judgement,
        kills,
        truthMs,
        boundMs,
        tookMs: Date.now() - startedAt,
      },
      ...{ notes, faults, passed: isClean && !stop.aborted },
    };
  } finally {
    for (const close of closing.toReversed()) await close();
    if (options.keep) options.say(`logs and data are kept in ${folder.dir}`);
    else await folder.remove();
  }
}

/** Misery, healing, truth, and whatever else the scenario promises. */
async function live<Server extends DrillRedis>(scenario: Scenario<Server>, stage: Stage<Server>) {
  const { world, checkout, script, stop, say, allow } = stage;
  await scenario.misery(stage);
  const healedAt = Date.now();
  say(`healed; ${checkout.acknowledged} of ${script.length} orders acknowledged`);
  const boundMs = () => allow(boundOf(scenario, script.length));
  const known = await awaitTruth(world, checkout, { healedAt, boundMs, stop, say });
  await scenario.check?.(stage, casesOf(known), known);
  // Long enough for a second word to show, if anybody wanted to say one.
  await delay(quietMs);
  const words = (await world.results()).map(readEntry);
  return { cases: casesOf(known), truthMs: timesToTruth(known, healedAt, words) };
}

/**
 * What has piled up takes its time on two slow cores: a thousand orders get five seconds more. The bound of a scenario
 * holds a step of the watch too (at most 20 s two minutes after a verdict): an order that was told as unresolved while its
 * provider was away is asked about again at the next one.
 */
function boundOf({ boundMs }: Pick<Scenario, 'boundMs'>, orders: number): number {
  return boundMs + orders * 5;
}

/** Where a scenario writes down what it did and found. */
function openBook() {
  const notes: Record<string, string | number> = {};
  const kills: Record<string, number> = {};
  const faults: string[] = [];
  return {
    ...{ notes, kills, faults },
    note: (name: string, value: string | number) => {
      notes[name] = value;
    },
    killed: (what: string) => {
      kills[what] = (kills[what] ?? 0) + 1;
    },
    fault: (why: string) => {
      faults.push(why);
    },
  };
}

function checkoutOf({ except, sendsAgainOn }: Pick<Scenario, 'except' | 'sendsAgainOn'>) {
  return { ...(except && { except }), ...(sendsAgainOn && { sendsAgainOn }) };
}

/** What must never be, whatever the scenario. */
function commonFaults<Server extends DrillRedis>(
  scenario: Scenario<Server>,
  { script, checkout, world, miseryMs }: Stage<Server>,
  kills: Readonly<Record<string, number>>,
): string[] {
  const faults = checkout.refusals.slice(0, shownRefusals);
  const left = script.filter((order) => {
    if (scenario.except?.(order, script.length) === true) return false;
    const one = checkout.handed.get(nameOf(order));
    return one?.acknowledgedAt == null && one?.refusedFor == null;
  });
  if (left.length > 0) faults.push(`${left.length} orders were never acknowledged`);
  for (const { name, surprises } of world.children) {
    if (surprises > 0) faults.push(`${name} ended ${surprises} times though nobody asked it to`);
  }
  const [killed, leastKills] = [killedIn(kills), leastKillsOf(scenario, miseryMs)];
  if (killed < leastKills) faults.push(`it was no misery: ${killed} kills where ${leastKills} were due`);
  return faults;
}

function killedIn(kills: Readonly<Record<string, number>>): number {
  return Object.values(kills).reduce((sum, count) => sum + count, 0);
}

function leastKillsOf(
  { leastKillsAMinute = 0 }: Pick<Scenario, 'leastKillsAMinute'>,
  miseryMs: number,
): number {
  return leastKillsAMinute === 0 ? 0 : Math.max(1, Math.ceil((leastKillsAMinute * miseryMs) / 60_000));
}

function startRedis<Server extends DrillRedis>(
  { redis, appendfsync }: Scenario<Server>,
  executable: string,
  dir: string,
): Promise<Server> {
  if (redis !== undefined) return redis(executable, dir);
  // A scenario without a Redis of its own is one that was written for a single server.
  return startSingleRedis(executable, dir, appendfsync) as Promise<DrillRedis> as Promise<Server>;
}
