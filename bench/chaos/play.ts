import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Checkout, type Handed, openCheckout } from './checkout.ts';
import { confirmAfterMs, drillDeadlineMs } from './environment.ts';
import { type Truth, truthOf } from './expected.ts';
import { type Case, differenceOf, type Judgement, judge, readEntry } from './judge.ts';
import { createRandom } from './random.ts';
import { startSingleRedis } from './redis-single.ts';
import type { DrillRedis } from './redis-topology.ts';
import type { Scenario, Stage } from './scenario.ts';
import { writeScript } from './script.ts';
import { makeFolder, startWorld, type World } from './world.ts';

/** How big a drill is to be. */
export interface DrillOptions {
  readonly orders: number;
  readonly seed: number;
  readonly minutes: number;
  readonly redisServer: string;
  /** Leave the folder with logs and data where it is. Default false. */
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
  /** Ends of processes that nobody asked for. */
  readonly surprises: number;
  /** From healing, or from when the truth was there to be had, to its word on the stream. */
  readonly truthMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly boundMs: number;
  readonly tookMs: number;
  readonly notes: Readonly<Record<string, string | number>>;
  /** Promises of the scenario's own that were broken, and anything else that must not be. */
  readonly faults: readonly string[];
  readonly passed: boolean;
}

const quietMs = 2_000;
const lookMs = 500;
/** Arrivals end before the misery does, so that the last orders live through it too. */
const arrivalShare = 0.85;

/** Plays one scenario from an empty Redis to the verdict on it. */
export async function play<Server extends DrillRedis>(
  scenario: Scenario<Server>,
  options: DrillOptions,
): Promise<Outcome> {
  const startedAt = Date.now();
  const random = createRandom(options.seed).fork(scenario.name);
  const miseryMs = Math.max(scenario.leastMiseryMs ?? 0, options.minutes * 60_000);
  const script = writeScript({
    seed: options.seed,
    orders: options.orders,
    spanMs: miseryMs * arrivalShare,
    deadlineMs: drillDeadlineMs,
    ...scenario.script,
  });
  const notes: Record<string, string | number> = {};
  const kills: Record<string, number> = {};
  const faults: string[] = [];
  const folder = await makeFolder();
  let redis: Server | null = null;
  let world: World<Server> | null = null;
  let checkout: Checkout | null = null;
  try {
    redis = await startRedis(scenario, options.redisServer, folder.dir);
    world = await startWorld<Server>({
      dir: folder.dir,
      redis,
      workers: scenario.workers ?? 3,
      ...scenario.world?.(random),
    });
    const note = (name: string, value: string | number) => {
      notes[name] = value;
    };
    const share = Math.min(1, miseryMs / 60_000);
    const others = (await scenario.prepare?.({ world, share, note, say: options.say })) ?? [];
    options.say(`${script.length} orders arrive over ${seconds(miseryMs * arrivalShare)}`);
    checkout = openCheckout({
      script,
      places: world.places,
      desk: world.desk,
      stop: options.stop,
      ...(scenario.except && { except: scenario.except }),
    });
    const stage: Stage<Server> = {
      world,
      checkout,
      script,
      random,
      miseryMs,
      stop: options.stop,
      others,
      killed: (what) => {
        kills[what] = (kills[what] ?? 0) + 1;
      },
      note,
      fault: (why) => faults.push(why),
      say: options.say,
    };
    await scenario.misery(stage);
    const healedAt = Date.now();
    options.say(`healed; ${checkout.acknowledged} of ${script.length} orders acknowledged`);
    const truth = await awaitTruth(world, checkout, healedAt, scenario.boundMs, options);
    await scenario.check?.(stage);
    await delay(quietMs);
    const mended = mendedBySweeper(folder.dir);
    if (mended !== '') note('mended by the sweeper', mended);
    const judgement = judge(casesOf(truth), await world.results());
    const surprises = [world.api, ...world.workers, ...others].reduce(
      (sum, child) => sum + child.surprises,
      0,
    );
    faults.push(...checkout.refusals.slice(0, 5));
    if (checkout.acknowledged < truth.length) {
      const left = truth.filter(({ handed }) => handed.acknowledgedAt === null).length;
      if (scenario.except === undefined) faults.push(`${left} orders were never acknowledged`);
    }
    const truthMs = timesToTruth(truth, healedAt, await world.results());
    if (truthMs.max > scenario.boundMs) faults.push('the time to truth is over its bound');
    const counts = judgement.counts;
    const isClean = counts.match > 0 && judgement.faults.length === 0 && faults.length === 0;
    return {
      scenario: scenario.name,
      orders: script.length,
      acknowledged: checkout.acknowledged,
      judgement,
      kills,
      surprises,
      truthMs,
      boundMs: scenario.boundMs,
      tookMs: Date.now() - startedAt,
      notes,
      faults,
      passed: isClean && !options.stop.aborted,
    };
  } finally {
    await checkout?.close();
    await world?.close();
    await redis?.close();
    if (options.keep) options.say(`logs and data are kept in ${folder.dir}`);
    else await folder.remove();
  }
}

function startRedis<Server extends DrillRedis>(
  { redis, appendfsync }: Scenario<Server>,
  executable: string,
  dir: string,
): Promise<Server> {
  // A scenario without a Redis of its own is one that was written for a single server.
  return (
    redis?.(executable, dir) ??
    (startSingleRedis(executable, dir, appendfsync) as Promise<DrillRedis> as Promise<Server>)
  );
}

/** One order with its truth. */
interface Known {
  readonly handed: Handed;
  readonly truth: Truth;
  readonly paidAt: number | null;
  /** When its last word could be known at the earliest. */
  readonly truthAt: number;
}

/** Waits until every acknowledged order has its truth on the stream, or the bound has passed. */
async function awaitTruth(
  world: World,
  checkout: Checkout,
  healedAt: number,
  boundMs: number,
  { stop, say }: DrillOptions,
): Promise<Known[]> {
  await Promise.race([checkout.done, delay(boundMs, undefined, { ref: false })]);
  const known = await learnTruth(world, checkout);
  const latestAt = known.reduce((latest, { truthAt }) => Math.max(latest, truthAt), healedAt);
  const giveUpAt = latestAt + boundMs;
  for (let told = 0; ; ) {
    const left = await untold(world, known);
    if (left.length === 0 || Date.now() > giveUpAt || stop.aborted) return known;
    if (Date.now() - told > 5_000) {
      told = Date.now();
      say(`${left.length} orders still without their truth`);
    }
    await delay(lookMs);
  }
}

async function learnTruth({ desk }: World, { handed }: Checkout): Promise<Known[]> {
  const ledger = new Map(
    (await desk.ledger()).map((entry) => [`${entry.provider} ${entry.reference}`, entry]),
  );
  return [...handed.values()].map((one): Known => {
    const { simulated, provider } = one.order;
    const entry = ledger.get(`${provider} ${simulated.reference}`);
    if (entry === undefined) throw new Error(`The simulator has forgotten ${one.order.orderId}.`);
    const truth = truthOf(simulated, entry);
    const isDeadline = truth.reason === 'deadline';
    const truthAt = isDeadline ? one.createdAt + drillDeadlineMs : entry.finalAt + confirmAfterMs;
    return { handed: one, truth, paidAt: entry.paidAt, truthAt };
  });
}

/** The acknowledged orders whose last word is not yet the truth. */
async function untold(world: World, known: readonly Known[]): Promise<Known[]> {
  const lastWords = new Map<string, ReturnType<typeof readEntry>>();
  for (const entry of await world.results()) {
    const word = readEntry(entry);
    if (word.event !== null) lastWords.set(word.event.subject, word);
  }
  return known.filter(({ handed, truth }) => {
    if (handed.acknowledgedAt === null) return false;
    const event = lastWords.get(handed.order.orderId)?.event;
    return event == null || differenceOf(event, truth) !== null;
  });
}

function casesOf(known: readonly Known[]): Case[] {
  return known.map(({ handed, truth, paidAt }) => ({
    orderId: handed.order.orderId,
    acknowledged: handed.acknowledgedAt !== null,
    truth,
    paidAt,
  }));
}

/** Over the orders whose truth came after the healing, or should have. */
function timesToTruth(
  known: readonly Known[],
  healedAt: number,
  entries: Awaited<ReturnType<World['results']>>,
) {
  const byOrder = new Map(known.map((one) => [one.handed.order.orderId, one]));
  const lastAt = new Map<string, number>();
  for (const entry of entries) {
    const { event } = readEntry(entry);
    if (event !== null) lastAt.set(event.subject, Date.parse(event.time));
  }
  const times = [...lastAt].flatMap(([orderId, at]) => {
    const one = byOrder.get(orderId);
    if (one === undefined || at < healedAt) return [];
    return [Math.max(0, at - Math.max(healedAt, one.truthAt, one.handed.acknowledgedAt ?? 0))];
  });
  times.sort((a, b) => a - b);
  const share = (part: number) => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
  return { p50: share(0.5), p99: share(0.99), max: times.at(-1) ?? 0 };
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

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(0)} s`;
}
