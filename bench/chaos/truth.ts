import { setTimeout as delay } from 'node:timers/promises';
import type { Checkout, Handed } from './checkout.ts';
import { confirmAfterMs, drillDeadlineMs } from './environment.ts';
import { type Truth, truthOf } from './expected.ts';
import { type Case, differenceOf, readEntry, type Word } from './judge.ts';
import type { World } from './world.ts';

/** One order with its truth. */
export interface Known {
  readonly handed: Handed;
  readonly truth: Truth;
  readonly paidAt: number | null;
  /** When its last word could be known at the earliest. */
  readonly truthAt: number;
}

/** How long to wait for the truth, and who may cut it short. */
export interface Patience {
  readonly healedAt: number;
  readonly boundMs: number;
  readonly stop: AbortSignal;
  say(line: string): void;
}

const lookMs = 500;
const tellMs = 5_000;

/** Waits until every acknowledged order has its truth on the stream, or the bound has passed. */
export async function awaitTruth(world: World, checkout: Checkout, patience: Patience): Promise<Known[]> {
  const { healedAt, boundMs, stop, say } = patience;
  await Promise.race([checkout.done, delay(boundMs, undefined, { ref: false })]);
  const known = await learnTruth(world, checkout);
  const latestAt = known.reduce((latest, { truthAt }) => Math.max(latest, truthAt), healedAt);
  const words = createReader(world);
  for (let told = 0; ; ) {
    const left = untold(known, await words());
    if (left === 0 || Date.now() > latestAt + boundMs || stop.aborted) return known;
    if (Date.now() - told > tellMs) {
      told = Date.now();
      say(`${left} orders still without their truth`);
    }
    await delay(lookMs);
  }
}

/** Reads the whole stream every time, and each of its entries once. */
function createReader(world: World): () => Promise<Word[]> {
  const read = new Map<string, Word>();
  return async () =>
    (await world.results()).map((entry) => {
      const word = read.get(entry.streamId) ?? readEntry(entry);
      read.set(entry.streamId, word);
      return word;
    });
}

async function learnTruth({ desk }: World, { handed }: Checkout): Promise<Known[]> {
  const entries = await desk.ledger();
  const ledger = new Map(entries.map((entry) => [`${entry.provider} ${entry.reference}`, entry]));
  return [...handed.values()].map((one): Known => {
    const { simulated, provider, orderId } = one.order;
    const entry = ledger.get(`${provider} ${simulated.reference}`);
    if (entry === undefined) throw new Error(`The simulator has forgotten ${orderId}.`);
    const truth = truthOf(simulated, entry);
    const isDeadline = truth.reason === 'deadline';
    const truthAt = isDeadline ? one.createdAt + drillDeadlineMs : entry.finalAt + confirmAfterMs;
    return { handed: one, truth, paidAt: entry.paidAt, truthAt };
  });
}

/** How many acknowledged orders have another last word than the truth, or none. */
function untold(known: readonly Known[], words: readonly Word[]): number {
  const lastWords = new Map(words.map(({ event }) => [event?.subject, event]));
  return known.filter(({ handed, truth }) => {
    if (handed.acknowledgedAt === null) return false;
    const event = lastWords.get(handed.order.orderId);
    return event == null || differenceOf(event, truth) !== null;
  }).length;
}

/** What the judge needs to know of each order. */
export function casesOf(known: readonly Known[]): Case[] {
  return known.map(({ handed, truth, paidAt }) => ({
    orderId: handed.order.orderId,
    acknowledged: handed.acknowledgedAt !== null,
    truth,
    paidAt,
  }));
}

/**
 * How long after healing the last words came, over the orders whose last word came after it. Counted from when the order
 * was in our hands and its truth there to be had, if that was later.
 */
export function timesToTruth(known: readonly Known[], healedAt: number, words: readonly Word[]) {
  const lastAt = new Map(words.map(({ event }) => [event?.subject, Date.parse(event?.time ?? '')]));
  const times = known.flatMap(({ handed, truthAt }) => {
    const at = lastAt.get(handed.order.orderId);
    if (at === undefined || at < healedAt) return [];
    return [Math.max(0, at - Math.max(healedAt, truthAt, handed.acknowledgedAt ?? 0))];
  });
  times.sort((a, b) => a - b);
  const share = (part: number) => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
  return { p50: share(0.5), p99: share(0.99), max: times.at(-1) ?? 0 };
}
