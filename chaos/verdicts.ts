import { setTimeout as delay } from 'node:timers/promises';
import type { Reference } from '../src/domain/order.ts';
import { type LedgerEntry, simulatedProvider } from '../src/simulator/simulator.ts';
import type { Checkout, Handed } from './checkout.ts';
import { confirmAfterMs, orderDeadlineMs } from './environment.ts';
import { type ExpectedVerdict, expectedByStatement, expectedVerdictOf } from './expected.ts';
import { type Case, differenceOf, type PublishedVerdict, readEntry } from './judge.ts';
import { type Occasion, occasionsOf } from './occasions.ts';
import { orderKey, verdictKey } from './order-key.ts';
import { dividePayments } from './payments.ts';
import type { WorkloadOrder } from './workload.ts';
import type { World } from './world.ts';

/** One order with the verdict that is expected of it. */
export interface Known {
  readonly handed: Handed;
  readonly expected: ExpectedVerdict;
  readonly occasions: readonly Occasion[];
  /** When its last verdict could be known at the earliest. */
  readonly dueAt: number;
  readonly deadlineAt: number;
  /** The payment that the verdict is about, by the provider's own name; `null` when no money comes. */
  readonly payment: string | null;
}

/** How long to wait for the last verdicts, and what cuts it short. */
export interface Patience {
  readonly faultsEndedAt: number;
  /** As it is at the moment. */
  boundMs(): number;
  readonly stop: AbortSignal;
  say(line: string): void;
}

/** How long after the end of the faults the last verdicts came. */
export interface TimesToVerdict {
  /** Orders whose last verdict came after the faults; the others had theirs before. */
  readonly orders: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const lookMs = 500;
const printEveryMs = 5_000;

/** Waits until the expected verdict of every accepted order is on the stream, or the bound has passed. */
export async function awaitVerdicts(world: World, checkout: Checkout, patience: Patience): Promise<Known[]> {
  const { faultsEndedAt, boundMs, stop, say } = patience;
  await Promise.race([checkout.done, delay(boundMs(), undefined, { ref: false })]);
  const known = await learnExpected(world, checkout);
  const cases = casesOf(known);
  const latestAt = known.reduce((latest, { dueAt }) => Math.max(latest, dueAt), faultsEndedAt);
  const publishedSoFar = followVerdicts(world);
  for (let printedAt = 0; ; ) {
    const left = withoutVerdict(cases, await publishedSoFar());
    if (left === 0 || Date.now() > latestAt + boundMs() || stop.aborted) return known;
    if (Date.now() - printedAt > printEveryMs) {
      printedAt = Date.now();
      say(`${left} orders still without their last verdict`);
    }
    await delay(lookMs);
  }
}

/** Everything on the stream so far. After the faults nothing is taken back: each entry is read once. */
function followVerdicts(world: World): () => Promise<readonly PublishedVerdict[]> {
  const published: PublishedVerdict[] = [];
  let from = '-';
  return async () => {
    published.push(...(await world.results(from)).map(readEntry));
    const last = published.at(-1)?.streamId;
    if (last !== undefined) from = `(${last}`;
    return published;
  };
}

async function learnExpected({ simulator }: World, { handed }: Checkout): Promise<Known[]> {
  const entries = await simulator.ledger();
  const ledger = new Map(entries.map((entry) => [`${entry.provider} ${entry.reference}`, entry]));
  const entryOf = ({ provider, simulated, orderId }: WorkloadOrder): LedgerEntry => {
    const entry = ledger.get(`${provider} ${simulated.reference}`);
    if (entry === undefined) throw new Error(`The simulator has forgotten ${orderId}.`);
    return entry;
  };
  const byReceipt = Map.groupBy(handed.values(), ({ order }) => receiptKey(order));
  return [...handed.values()].map((one): Known => {
    const { simulated, provider, statement, sharing } = one.order;
    const entry = entryOf(one.order);
    const said = expectedVerdictOf(simulated, entry);
    const deadlineAt = one.createdAt + orderDeadlineMs;
    // Asked by a receipt that several payments carry, the provider may answer with any of them.
    const answered =
      sharing === 'receipt as reference' ? (byReceipt.get(receiptKey(one.order)) ?? [one]) : [one];
    const occasions = answered.flatMap(({ order }) =>
      occasionsOf(order.simulated, entryOf(order), deadlineAt),
    );
    const dueAt = said.reason === 'deadline' ? deadlineAt : entry.finalAt + confirmAfterMs;
    const known = { handed: one, dueAt, deadlineAt };
    if (statement !== null) {
      const expected = expectedByStatement(statement, simulated.amount);
      const paid: Occasion = {
        ...{ status: 'paid', reason: null, fromAt: one.createdAt, untilAt: Number.POSITIVE_INFINITY },
      };
      return {
        ...known,
        expected,
        occasions: [...occasions, paid],
        payment: `${provider} ${statement.receipt}`,
      };
    }
    const payment = said.status === 'paid' ? paymentOf(entry) : null;
    return { ...known, expected: said, occasions, payment };
  });
}

function receiptKey({ provider, simulated }: WorkloadOrder): string {
  return `${provider} ${simulated.receipt ?? simulated.reference}`;
}

/** Daraja's STK query never gives the receipt: there the reference stands for the payment. */
function paymentOf({ provider, reference, receipt }: LedgerEntry): string {
  return `${provider} ${simulatedProvider(provider).traits.receipt ? receipt : reference}`;
}

/** How many accepted orders have another last verdict than the expected one, or none. */
function withoutVerdict(cases: readonly Case[], published: readonly PublishedVerdict[]): number {
  const last = new Map(
    published.flatMap(({ event }) => (event === null ? [] : [[verdictKey(event), event]])),
  );
  return dividePayments(cases, published).filter((one) => {
    if (!one.isOurs) return false;
    const event = last.get(orderKey(one));
    return event === undefined || differenceOf(event, one.expected) !== null;
  }).length;
}

/** Kopo Kopo answers with the address of a payment. An order may be submitted with it, and is known by the id at its end. */
function publishedAs(reference: Reference): Reference {
  return typeof reference === 'string'
    ? (/^https?:\/\/.*\/([^/]+)$/.exec(reference)?.[1] ?? reference)
    : reference;
}

/** What the judge needs to know of each order. */
export function casesOf(known: readonly Known[]): Case[] {
  return known.map(({ handed, expected, occasions, payment }) => {
    const { orderId, provider, simulated, input } = handed.order;
    const { amount: amountExpected } = simulated;
    const { metadata = {} } = input;
    const reference = publishedAs(input.reference);
    const createdAt = new Date(handed.createdAt).toISOString();
    const facts = {
      ...{ orderId, account: provider, provider, reference, amountExpected },
      ...{ currency: 'KES', createdAt, metadata },
    };
    const { oursSince, refusedFor } = handed;
    return { orderId, isOurs: oursSince !== null, facts, expected, occasions, payment, refusedFor };
  });
}

/**
 * How long after the end of the faults the last verdicts came, over the orders whose last verdict came after it. Counted from when the order
 * was accepted and its verdict could be known, if that was later. The clock is that of the stream: when a verdict was
 * thought of is not when it could be read.
 */
export function timesToVerdict(
  known: readonly Known[],
  faultsEndedAt: number,
  published: readonly PublishedVerdict[],
): TimesToVerdict {
  const lastAt = new Map(
    published.map(({ event, streamId }) => [event && verdictKey(event), Number.parseInt(streamId, 10)]),
  );
  const times = known.flatMap(({ handed, dueAt }) => {
    const at = lastAt.get(keyOf(handed));
    if (at === undefined || at < faultsEndedAt) return [];
    return [Math.max(0, at - Math.max(faultsEndedAt, dueAt, handed.oursSince ?? 0))];
  });
  times.sort((a, b) => a - b);
  const share = (part: number) => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
  return { orders: times.length, p50: share(0.5), p99: share(0.99), max: times.at(-1) ?? 0 };
}

function keyOf({ order, createdAt }: Handed): string {
  return orderKey({ orderId: order.orderId, facts: { createdAt: new Date(createdAt).toISOString() } });
}
