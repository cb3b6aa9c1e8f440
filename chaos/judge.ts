import { isDeepStrictEqual } from 'node:util';
import { parseEvent, type ResultEvent } from '../src/domain/result-event.ts';
import type { ExpectedVerdict } from './expected.ts';
import { groundless, type Occasion } from './occasions.ts';
import { orderKey, verdictKey } from './order-key.ts';
import { dividePayments, refusalFault, type Shared, sharingFault } from './payments.ts';

/** One entry of the results stream, as Redis holds it. */
export interface StreamEntry {
  readonly streamId: string;
  readonly fields: readonly string[];
}

/** What was submitted, and every verdict about the order repeats. */
export type Facts = Pick<
  ResultEvent['data'],
  'orderId' | 'account' | 'provider' | 'reference' | 'amountExpected' | 'currency' | 'createdAt' | 'metadata'
>;

/** What is to be accounted for. */
export interface Case {
  readonly orderId: string;
  /** The API acknowledged the order, or the order's record is known to have been written. */
  readonly isOurs: boolean;
  readonly facts: Facts;
  readonly expected: ExpectedVerdict;
  /** Every verdict that may ever be published. */
  readonly occasions: readonly Occasion[];
  /** Orders with the same one speak of one payment, which can pay only one of them; `null` when no money comes. */
  readonly payment: string | null;
  /** The order that the refusal of this one named as paid by the same reference; `null` when it was not refused. */
  readonly refusedFor: string | null;
}

/**
 * - `match`: the last verdict is the expected one, and every verdict before it was in order.
 * - `mismatch`: the last verdict is another one.
 * - `missing`: the order was accepted, and its expected verdict is not on the stream: nothing at all, or only that the deadline passed.
 * - `duplicate`: one id twice.
 * - `conflicting`: one version with two contents, a gap or a step back in the versions, a verdict after paid, a verdict for
 *   which there was no ground when it was said, a verdict about other facts, an entry nobody can read; paid by a payment that
 *   another order has; refused for the sake of an order that was not paid.
 */
export const classes = ['match', 'mismatch', 'missing', 'duplicate', 'conflicting'] as const;
export type Class = (typeof classes)[number];

/** What became of one order. */
export interface Finding {
  readonly orderId: string;
  readonly class: Class;
  /** What is wrong, for people; empty for a match. */
  readonly why: string;
}

export interface Judgement {
  readonly counts: Readonly<Record<Class, number>>;
  /** Everything but the matches. */
  readonly problems: readonly Finding[];
  /** Orders that are not known to be ours and are on the stream all the same: allowed, and worth knowing. */
  readonly publishedUnasked: number;
}

/** An entry of the stream, read; `event` is `null` when it is none of ours. */
export interface PublishedVerdict extends StreamEntry {
  readonly event: ResultEvent | null;
}

/** Reads an entry without ever throwing. */
export function readEntry(entry: StreamEntry): PublishedVerdict {
  try {
    return { ...entry, event: parseEvent(entry.fields) };
  } catch {
    return { ...entry, event: null };
  }
}

/** Holds the whole stream against what is expected. Pure. */
export function judge(all: readonly Case[], entries: readonly StreamEntry[]): Judgement {
  const published = entries.map(readEntry);
  const cases = dividePayments(all, published);
  const byOrder = Map.groupBy(published, ({ event }) =>
    event === null ? 'an entry that cannot be read' : verdictKey(event),
  );
  const known = new Set(cases.map(orderKey));
  const strangers = [...byOrder].filter(([key]) => !known.has(key));
  const findings = [
    ...cases
      .filter((one) => one.isOurs || one.refusedFor !== null || byOrder.has(orderKey(one)))
      .map((one) => {
        const said = byOrder.get(orderKey(one)) ?? [];
        return one.refusedFor === null ? judgeOrder(one, said) : judgeRefusal(one, said, cases, published);
      }),
    ...strangers.map(([orderId, found]): Finding => {
      return { orderId, class: 'conflicting', why: `${found.length} entries about an order that nobody has` };
    }),
  ];
  const counts = { match: 0, mismatch: 0, missing: 0, duplicate: 0, conflicting: 0 };
  for (const { class: name } of findings) counts[name] += 1;
  return {
    counts,
    problems: findings.filter(({ class: name }) => name !== 'match'),
    publishedUnasked: cases.filter((one) => !one.isOurs && byOrder.has(orderKey(one))).length,
  };
}

/** An order that was refused is none of ours, and the one that it was refused for was paid. */
function judgeRefusal(
  one: Shared,
  said: readonly PublishedVerdict[],
  cases: readonly Case[],
  published: readonly PublishedVerdict[],
): Finding {
  const why = said.length > 0 ? 'refused, and published all the same' : refusalFault(one, cases, published);
  return { orderId: one.orderId, class: why === null ? 'match' : 'conflicting', why: why ?? '' };
}

/** What became of one order. The worst thing that is wrong names the class. */
function judgeOrder(one: Shared, published: readonly PublishedVerdict[]): Finding {
  const { orderId, expected } = one;
  const events = published.map(({ event }) => event).filter((event) => event !== null);
  const conflict =
    conflictIn(published) ?? orderFault(events) ?? sharingFault(one, published) ?? unfounded(one, published);
  if (conflict !== null) return { orderId, class: 'conflicting', why: conflict };
  const repeated = firstRepeated(events.map(({ id }) => id));
  if (repeated !== null) return { orderId, class: 'duplicate', why: `${repeated} twice` };
  const last = events.at(-1);
  if (last === undefined) return { orderId, class: 'missing', why: 'nothing on the stream' };
  const difference = differenceOf(last, expected);
  if (difference === null) return { orderId, class: 'match', why: '' };
  const isOnlyDeadline = last.data.reason === 'deadline' && expected.reason !== 'deadline';
  return { orderId, class: isOnlyDeadline ? 'missing' : 'mismatch', why: difference };
}

/** One id, two contents. */
function conflictIn(published: readonly PublishedVerdict[]): string | null {
  const contents = new Map<string | undefined, string>();
  for (const { fields, event } of published) {
    const content = fields.join('\n');
    const earlier = contents.get(event?.id);
    if (earlier !== undefined && earlier !== content) return `${event?.id} twice with different content`;
    contents.set(event?.id, content);
  }
  return null;
}

/** Versions go 1, 2, 3, each names the one before it, and nothing follows paid. */
function orderFault(events: readonly ResultEvent[]): string | null {
  const distinct = events.filter(({ id }, index) => events.findIndex((other) => other.id === id) === index);
  for (const [index, event] of distinct.entries()) {
    const version = index + 1;
    const { id, stateversion, supersedes, subject, type, data } = event;
    if (stateversion !== version) return `version ${stateversion} where ${version} was due`;
    if (id !== `${subject}:${version}` || type !== `payment.${data.status}`)
      return `${id} is at odds with itself`;
    if (supersedes !== (version === 1 ? undefined : `${subject}:${version - 1}`))
      return `${id} supersedes ${supersedes}`;
    if (distinct[index - 1]?.data.status === 'paid') return `${data.status} after paid`;
  }
  return null;
}

/** The first verdict about other facts, or without a ground when it was said. */
export function unfounded(
  { facts, occasions }: Case,
  published: readonly Pick<PublishedVerdict, 'event' | 'streamId'>[],
): string | null {
  for (const { event, streamId } of published) {
    if (event === null) continue;
    const { id, source, data } = event;
    const names = Object.keys(facts) as (keyof Facts)[];
    const wrong = names.find((name) => !isDeepStrictEqual(data[name], facts[name]));
    if (wrong !== undefined) return `${id} is about another ${wrong}: ${JSON.stringify(data[wrong])}`;
    if (source !== `payment-poller/${facts.account}`) return `${id} comes from ${source}`;
    const why = groundless(data, occasions, Number.parseInt(streamId, 10));
    if (why !== null) return `${id} says ${why}`;
  }
  return null;
}

function firstRepeated(ids: readonly string[]): string | null {
  return ids.find((id, index) => ids.indexOf(id) !== index) ?? null;
}

/** How the last verdict differs from the expected one, `null` when it does not. */
export function differenceOf({ data }: ResultEvent, expected: ExpectedVerdict): string | null {
  const textOf = (one: ExpectedVerdict | typeof data) =>
    `${one.status}/${one.reason}, receipt ${one.receipt}, received ${one.amountReceived}` +
    `${one.amountVerified ? '' : ' unverified'}`;
  return textOf(data) === textOf(expected) ? null : `${textOf(data)} where ${textOf(expected)} was expected`;
}
