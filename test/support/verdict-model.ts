import type { Policy } from '../../src/domain/decide.ts';
import { isAnswered, type Order, type Reading, type Verdict } from '../../src/domain/order.ts';

/**
 * What the contract makes of a whole history of readings, written without states: every question is answered by looking
 * back over the readings and the events so far. It is slow and short, and shares nothing with `decide` but the vocabulary.
 */

/** An event as `<status>/<reason>`, `paid/null` for paid. */
export type Told = `${Verdict['status']}/${Verdict['reason']}`;

export interface Past {
  /** In the order in which they were decided on. */
  readonly readings: readonly Reading[];
  /** What was published at each of the readings, `null` for nothing. */
  readonly told: readonly (Told | null)[];
  /** When each was decided on: the provider had said it by then. */
  readonly decidedAt: readonly number[];
}

export const noPast: Past = { readings: [], told: [], decidedAt: [] };

/** The past with one more reading, and what must be published at it. */
export function tell(past: Past, reading: Reading, order: Order, policy: Policy, now: number): Past {
  return {
    readings: [...past.readings, reading],
    told: [...past.told, toPublish(past, reading, order, policy, now)],
    decidedAt: [...past.decidedAt, now],
  };
}

const hourMs = 3_600_000;

/**
 * The latest time of the next poll after the last reading, where the contract names one: an unanswered poll of the watch is
 * repeated within the hour, unless the provider asked for more time.
 */
export function askAgainBy(past: Past, now: number): number {
  const reading = past.readings.at(-1);
  if (reading === undefined || eventsOf(past).length === 0 || isAnswered(reading))
    return Number.POSITIVE_INFINITY;
  const asked = reading.kind === 'unavailable' ? now + (reading.retryAfterMs ?? 0) : 0;
  return Math.max(now + hourMs, asked, awaitedUntil(reading));
}

function awaitedUntil(reading: Reading): number {
  return reading.kind === 'pending' ? (reading.awaitedUntil ?? 0) : 0;
}

export function eventsOf(past: Past): Told[] {
  return past.told.filter((one) => one !== null);
}

function toPublish(past: Past, reading: Reading, order: Order, policy: Policy, now: number): Told | null {
  const last = eventsOf(past).at(-1) ?? null;
  if (last === 'paid/null') return null;
  const word = wordOf(past.readings, reading);
  if (word !== null && isNews(last, word, reading) && isBelieved(past, word, reading, policy)) return word;
  const deadline = order.createdAt + order.schedule.deadlineMs;
  if (last !== null || !isAskedSince(deadline, reading)) return null;
  return isWaitingForAnswer(past, reading, deadline, now) ? null : 'unresolved/deadline';
}

/** A poll, or the answer to a query, that was sent after that time. */
function isAskedSince(time: number, { source, at, askedAt = 0 }: Reading): boolean {
  return (source === 'poll' ? at : askedAt) >= time;
}

/** The first query after the deadline was only taken: its answer is waited for, five minutes at most. */
function isWaitingForAnswer(past: Past, reading: Reading, deadline: number, now: number): boolean {
  const isFirst = !past.readings.some(({ source, at }) => source === 'poll' && at >= deadline);
  return isFirst && Math.min(awaitedUntil(reading), reading.at + 300_000) > now;
}

/** The conclusion from the reading. */
function wordOf(earlier: readonly Reading[], reading: Reading): Told | null {
  if (reading.kind === 'paid') return reading.doubt === null ? 'paid/null' : `unresolved/${reading.doubt}`;
  if (reading.kind !== 'failed' && reading.kind !== 'expired') return null;
  return earlier.some(sawOurMoney) ? 'unresolved/contradiction' : `${reading.kind}/${reading.reason}`;
}

function sawOurMoney(reading: Reading): boolean {
  return reading.kind === 'paid' && !['reference-mismatch', 'wrong-direction'].includes(`${reading.doubt}`);
}

function isNews(last: Told | null, word: Told, reading: Reading): boolean {
  if (last === null) return true;
  // An answer about another payment, or about money that went out, takes back nothing that was said about ours.
  if (/reference-mismatch|wrong-direction/.test(word)) return last === 'unresolved/deadline';
  const [was, is] = [statusOf(last), statusOf(word)];
  if (was === is) return is === 'unresolved' && last !== word;
  const turnsUnpaidIntoUnpaid = was !== 'unresolved' && is !== 'unresolved' && is !== 'paid';
  return !turnsUnpaidIntoUnpaid || ('certainty' in reading && reading.certainty === 'firm');
}

function statusOf(told: Told): string {
  return told.split('/')[0] ?? '';
}

/** Firm words at once, and so are contradictions; soft ones when one that was heard long enough before the question said the same. */
function isBelieved(past: Past, word: Told, reading: Reading, policy: Policy): boolean {
  if (!isSoft(reading) || (reading.kind !== 'paid' && word === 'unresolved/contradiction')) return true;
  for (let i = past.readings.length - 1; i >= 0; i -= 1) {
    const earlier = past.readings[i] as Reading;
    const told = past.told[i] ?? null;
    if (told !== null && told !== 'unresolved/deadline') return false;
    if (!isAnswered(earlier)) continue;
    if (earlier.kind !== reading.kind || !isSoft(earlier)) return false;
    const { readings, told: published, decidedAt } = past;
    const before = {
      readings: readings.slice(0, i),
      told: published.slice(0, i),
      decidedAt: decidedAt.slice(0, i),
    };
    const wordThen = wordOf(before.readings, earlier);
    if (wordThen === null) return false;
    if (!isNews(eventsOf(before).at(-1) ?? null, wordThen, earlier)) {
      // It only said what was said already: no first reading, and where it was a second one, the matter is settled.
      if (isBelieved(before, wordThen, earlier, policy)) return false;
      continue;
    }
    if (isAskedSince((decidedAt[i] ?? 0) + policy.confirmAfterMs, reading)) return true;
  }
  return false;
}

function isSoft(reading: Reading): boolean {
  return 'certainty' in reading && reading.certainty === 'soft';
}
