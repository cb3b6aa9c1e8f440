import { setTimeout as delay } from 'node:timers/promises';
import type { LedgerEntry } from '../src/simulator/simulator.ts';
import type { Checkout, Handed } from './checkout.ts';
import { confirmAfterMs, drillDeadlineMs } from './environment.ts';
import { type Truth, truthOf } from './expected.ts';
import { type Case, differenceOf, readEntry, type Word } from './judge.ts';
import { orderKey, wordKey } from './lives.ts';
import { type Occasion, occasionsOf } from './occasions.ts';
import { dividePayments } from './payments.ts';
import type { World } from './world.ts';

/** One order with its truth. */
export interface Known {
  readonly handed: Handed;
  readonly truth: Truth;
  readonly occasions: readonly Occasion[];
  /** When its last word could be known at the earliest. */
  readonly truthAt: number;
  readonly deadlineAt: number;
  /** The payment that the truth is about, by the provider's own name; `null` when no money comes. */
  readonly payment: string | null;
}

/** How long to wait for the truth, and who may cut it short. */
export interface Patience {
  readonly healedAt: number;
  /** As it is at the moment. */
  boundMs(): number;
  readonly stop: AbortSignal;
  say(line: string): void;
}

/** How long after healing the last words came. */
export interface TimesToTruth {
  /** Orders whose last word came after the healing; the others had theirs before. */
  readonly orders: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const lookMs = 500;
const tellMs = 5_000;

/** Waits until every order of ours has its truth on the stream, or the bound has passed. */
export async function awaitTruth(world: World, checkout: Checkout, patience: Patience): Promise<Known[]> {
  const { healedAt, boundMs, stop, say } = patience;
  await Promise.race([checkout.done, delay(boundMs(), undefined, { ref: false })]);
  const known = await learnTruth(world, checkout);
  const cases = casesOf(known);
  const latestAt = known.reduce((latest, { truthAt }) => Math.max(latest, truthAt), healedAt);
  const wordsSoFar = followWords(world);
  for (let told = 0; ; ) {
    const left = untold(cases, await wordsSoFar());
    if (left === 0 || Date.now() > latestAt + boundMs() || stop.aborted) return known;
    if (Date.now() - told > tellMs) {
      told = Date.now();
      say(`${left} orders still without their truth`);
    }
    await delay(lookMs);
  }
}

/** Everything on the stream so far. After the healing nothing is taken back: each entry is read once. */
function followWords(world: World): () => Promise<readonly Word[]> {
  const words: Word[] = [];
  let from = '-';
  return async () => {
    words.push(...(await world.results(from)).map(readEntry));
    const last = words.at(-1)?.streamId;
    if (last !== undefined) from = `(${last}`;
    return words;
  };
}

async function learnTruth({ desk }: World, { handed }: Checkout): Promise<Known[]> {
  const entries = await desk.ledger();
  const ledger = new Map(entries.map((entry) => [`${entry.provider} ${entry.reference}`, entry]));
  return [...handed.values()].map((one): Known => {
    const { simulated, provider, orderId } = one.order;
    const entry = ledger.get(`${provider} ${simulated.reference}`);
    if (entry === undefined) throw new Error(`The simulator has forgotten ${orderId}.`);
    const truth = truthOf(simulated, entry);
    const deadlineAt = one.createdAt + drillDeadlineMs;
    const occasions = occasionsOf(simulated, entry, deadlineAt);
    const truthAt = truth.reason === 'deadline' ? deadlineAt : entry.finalAt + confirmAfterMs;
    const payment = truth.status === 'paid' ? paymentOf(entry) : null;
    return { handed: one, truth, occasions, truthAt, deadlineAt, payment };
  });
}

/** Daraja's STK query never tells the receipt: there the reference stands for the payment. */
function paymentOf({ provider, reference, receipt }: LedgerEntry): string {
  return `${provider} ${provider === 'daraja-stk' ? reference : receipt}`;
}

/** How many orders of ours have another last word than the truth, or none. */
function untold(cases: readonly Case[], words: readonly Word[]): number {
  const last = new Map(words.flatMap(({ event }) => (event === null ? [] : [[wordKey(event), event]])));
  return dividePayments(cases, words).filter((one) => {
    if (!one.isOurs) return false;
    const event = last.get(orderKey(one));
    return event === undefined || differenceOf(event, one.truth) !== null;
  }).length;
}

/** What the judge needs to know of each order. */
export function casesOf(known: readonly Known[]): Case[] {
  return known.map(({ handed, truth, occasions, payment }) => {
    const { orderId, provider, simulated, input } = handed.order;
    const { amount: amountExpected } = simulated;
    const { reference, metadata = {} } = input;
    const createdAt = new Date(handed.createdAt).toISOString();
    const facts = {
      ...{ orderId, account: provider, provider, reference, amountExpected },
      ...{ currency: 'KES', createdAt, metadata },
    };
    const { oursSince, refusedFor } = handed;
    return { orderId, isOurs: oursSince !== null, facts, truth, occasions, payment, refusedFor };
  });
}

/**
 * How long after healing the last words came, over the orders whose last word came after it. Counted from when the order
 * was in our hands and its truth there to be had, if that was later. The clock is that of the stream: when a word was
 * thought of is not when it could be read.
 */
export function timesToTruth(
  known: readonly Known[],
  healedAt: number,
  words: readonly Word[],
): TimesToTruth {
  const lastAt = new Map(
    words.map(({ event, streamId }) => [event && wordKey(event), Number.parseInt(streamId, 10)]),
  );
  const times = known.flatMap(({ handed, truthAt }) => {
    const at = lastAt.get(keyOf(handed));
    if (at === undefined || at < healedAt) return [];
    return [Math.max(0, at - Math.max(healedAt, truthAt, handed.oursSince ?? 0))];
  });
  times.sort((a, b) => a - b);
  const share = (part: number) => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
  return { orders: times.length, p50: share(0.5), p99: share(0.99), max: times.at(-1) ?? 0 };
}

function keyOf({ order, createdAt }: Handed): string {
  return orderKey({ orderId: order.orderId, facts: { createdAt: new Date(createdAt).toISOString() } });
}
