import type { Policy } from '../../src/jobs/decide.ts';
import { isAnswered, type Order, type Reading, type Verdict } from '../../src/order.ts';

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
}

export const noPast: Past = { readings: [], told: [] };

/** The past with one more reading, and what must be published at it. */
export function tell(past: Past, reading: Reading, order: Order, policy: Policy): Past {
  const readings = [...past.readings, reading];
  return { readings, told: [...past.told, toPublish(past, reading, order, policy)] };
}

export function eventsOf(past: Past): Told[] {
  return past.told.filter((one) => one !== null);
}

function toPublish(past: Past, reading: Reading, order: Order, policy: Policy): Told | null {
  const last = eventsOf(past).at(-1) ?? null;
  if (last === 'paid/null') return null;
  const word = wordOf(past.readings, reading);
  if (word !== null && isNews(last, word, reading) && isBelieved(past, word, reading, policy)) return word;
  const deadline = order.createdAt + order.schedule.deadlineMs;
  return last === null && reading.source === 'poll' && reading.at >= deadline ? 'unresolved/deadline' : null;
}

/** What the reading would have us say. */
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
  if (/mismatch|wrong-direction/.test(word)) return last === 'unresolved/deadline';
  const [was, is] = [statusOf(last), statusOf(word)];
  if (was === is) return is === 'unresolved' && last !== word;
  const turnsUnpaidIntoUnpaid = was !== 'unresolved' && is !== 'unresolved' && is !== 'paid';
  return !turnsUnpaidIntoUnpaid || ('certainty' in reading && reading.certainty === 'firm');
}

function statusOf(told: Told): string {
  return told.split('/')[0] ?? '';
}

/** Firm words at once, and so are contradictions; soft ones when an earlier one said the same, long enough before. */
function isBelieved(past: Past, word: Told, reading: Reading, policy: Policy): boolean {
  if (!isSoft(reading) || (reading.kind !== 'paid' && word === 'unresolved/contradiction')) return true;
  for (let i = past.readings.length - 1; i >= 0; i -= 1) {
    const earlier = past.readings[i] as Reading;
    const told = past.told[i] ?? null;
    if (told !== null && told !== 'unresolved/deadline') return false;
    if (!isAnswered(earlier)) continue;
    if (earlier.kind !== reading.kind || !isSoft(earlier)) return false;
    const before = { readings: past.readings.slice(0, i), told: past.told.slice(0, i) };
    const wordThen = wordOf(before.readings, earlier);
    if (wordThen === null) return false;
    if (!isNews(eventsOf(before).at(-1) ?? null, wordThen, earlier)) {
      // It only said what was said already: no first reading, and where it was a second one, the matter is settled.
      if (isBelieved(before, wordThen, earlier, policy)) return false;
      continue;
    }
    if (reading.at - earlier.at >= policy.confirmAfterMs) return true;
  }
  return false;
}

function isSoft(reading: Reading): boolean {
  return 'certainty' in reading && reading.certainty === 'soft';
}
