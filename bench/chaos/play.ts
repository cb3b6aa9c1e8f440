import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Checkout, openCheckout } from './checkout.ts';
import { drillDeadlineMs } from './environment.ts';
import { type Judgement, judge, readEntry } from './judge.ts';
import { createRandom } from './random.ts';
import { startSingleRedis } from './redis-single.ts';
import type { DrillRedis } from './redis-topology.ts';
import type { Scenario, Stage } from './scenario.ts';
import { type DrillOrder, writeScript } from './script.ts';
import { awaitTruth, casesOf, timesToTruth } from './truth.ts';
import { makeFolder, startWorld, type World } from './world.ts';

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
  readonly truthMs: { readonly p50: number; readonly p99: number; readonly max: number };
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
/** Arrivals end before the misery does, so that the last orders live through it too. */
const arrivalShare = 0.85;

/** Plays one scenario from an empty Redis to the verdict on it. */
export async function play<Server extends DrillRedis>(
  scenario: Scenario<Server>,
  options: DrillOptions,
): Promise<Outcome> {
  const startedAt = Date.now();
  const miseryMs = Math.max(scenario.leastMiseryMs ?? 0, options.minutes * 60_000);
  const script = writeScript({
    seed: options.seed,
    orders: options.orders,
    spanMs: miseryMs * arrivalShare,
    deadlineMs: drillDeadlineMs,
    ...scenario.script,
  });
  const folder = await makeFolder();
  const closing: (() => Promise<unknown>)[] = [];
  try {
    const random = createRandom(options.seed).fork(scenario.name);
    const redis = await startRedis(scenario, options.redisServer, folder.dir);
    closing.push(() => redis.close());
    const workers = scenario.workers ?? usualWorkers;
    const world = await startWorld({ dir: folder.dir, redis, workers, ...scenario.world?.(random) });
    closing.push(() => world.close());
    const book = openBook();
    const { note } = book;
    const { stop, say } = options;
    const share = Math.min(1, miseryMs / 60_000);
    const others = (await scenario.prepare?.({ world, share, note, say })) ?? [];
    say(`${script.length} orders arrive over ${Math.round((miseryMs * arrivalShare) / 1_000)} s`);
    const checkout = openCheckout({
      script,
      places: world.places,
      desk: world.desk,
      stop,
      ...exceptOf(scenario),
    });
    closing.push(() => checkout.close());
    const stage = { world, checkout, script, random, miseryMs, stop, others, say, ...book };
    const { cases, truthMs } = await live(scenario, stage);
    const judgement = judge(cases, await world.results());
    const children = [world.api, ...world.workers, ...others];
    for (const fault of commonFaults(script, checkout, scenario, children)) book.fault(fault);
    if (truthMs.max > boundOf(scenario, script.length)) book.fault('the time to truth is over its bound');
    const mended = mendedBySweeper(folder.dir);
    if (mended !== '') note('mended by the sweeper', mended);
    const { kills, notes, faults } = book;
    const isClean = judgement.counts.match > 0 && judgement.faults.length === 0 && faults.length === 0;
    return {
      scenario: scenario.name,
      orders: script.length,
      acknowledged: checkout.acknowledged,
      ...{
        judgement,
        kills,
        truthMs,
        boundMs: boundOf(scenario, script.length),
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
  const { world, checkout, script, stop, say } = stage;
  await scenario.misery(stage);
  const healedAt = Date.now();
  say(`healed; ${checkout.acknowledged} of ${script.length} orders acknowledged`);
  const boundMs = boundOf(scenario, script.length);
  const known = await awaitTruth(world, checkout, { healedAt, boundMs, stop, say });
  await scenario.check?.(stage, casesOf(known));
  // Long enough for a second word to show, if anybody wanted to say one.
  await delay(quietMs);
  const words = (await world.results()).map(readEntry);
  return { cases: casesOf(known), truthMs: timesToTruth(known, healedAt, words) };
}

/** What has piled up takes its time, on two cores: a thousand orders get ten seconds more. */
function boundOf({ boundMs }: Pick<Scenario, 'boundMs'>, orders: number): number {
  return boundMs + orders * 10;
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

function exceptOf({ except }: Pick<Scenario, 'except'>) {
  return except === undefined ? {} : { except };
}

/** What must never be, whatever the scenario. */
function commonFaults(
  script: readonly DrillOrder[],
  checkout: Checkout,
  { except }: Pick<Scenario, 'except'>,
  children: World['workers'],
): string[] {
  const faults = checkout.refusals.slice(0, shownRefusals);
  const left = script.filter((order) => {
    if (except?.(order, script.length) === true) return false;
    return checkout.handed.get(order.orderId)?.acknowledgedAt == null;
  });
  if (left.length > 0) faults.push(`${left.length} orders were never acknowledged`);
  for (const { name, surprises } of children) {
    if (surprises > 0) faults.push(`${name} ended ${surprises} times though nobody asked it to`);
  }
  return faults;
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

/** What the sweeper says in the logs that it mended, by kind. */
function mendedBySweeper(dir: string): string {
  const lines = readdirSync(dir)
    .filter((file) => file.endsWith('.log'))
    .flatMap((file) => readFileSync(join(dir, file), 'utf8').split('\n'));
  const kinds = lines
    .filter((line) => line.includes('the sweeper mended an order'))
    .map((line) => /"kind":"([a-z-]+)"/.exec(line)?.[1] ?? 'unknown');
  return [...Map.groupBy(kinds, (kind) => kind)].map(([kind, all]) => `${all.length} ${kind}`).join(', ');
}
