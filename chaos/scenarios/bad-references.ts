import { settingsOfAll } from '../environment.ts';
import { readEntry, type Word } from '../judge.ts';
import { orderKey, wordKey } from '../lives.ts';
import type { Scenario } from '../scenario.ts';
import { badReference } from '../stories.ts';
import { type Known, timesToTruth } from '../truth.ts';
import { pause } from './misery.ts';

/** The whole provider is away for longer than the time to the deadline, so that orders meet it while nobody is asked. */
const sick = 'vexora';
const outage = { fromMs: 3_000, untilMs: 15_000 };
/** How long after an order's deadline its first word may come. */
const wordBoundMs = 6_000;
/** How late a good order at a provider that is well may hear its truth. */
const goodBoundMs = 6_000;
const shown = 3;

/** One order's trouble is its own: dozens of references that no provider answers, beside good orders. */
export const badReferences: Scenario = {
  letter: 'q',
  name: 'bad-references',
  title: 'most references are bad (400, 422) beside good ones, and one provider is away past deadlines',
  boundMs: 30_000,
  leastMiseryMs: 20_000,
  script: { bad: 0.6, badKinds: ['http-400', 'http-422'] },
  // A circuit breaker as in life, where it is open for long once it is open.
  world: () => ({
    env: settingsOfAll({ breakerFailures: 5, breakerPauseMs: 2_000, breakerMaxPauseMs: 30_000 }),
  }),
  async misery({ world, miseryMs, stop }) {
    await world.desk.outage({ provider: sick, kind: 'http-503', ...outage });
    await pause(miseryMs, stop);
  },
  async check(stage, _, known) {
    const { script, note, fault, allow } = stage;
    const words = (await stage.world.results()).map(readEntry);
    const moreMs = script.length * 5;
    const late = lateWords(known, words);
    const worst = Math.max(0, ...late.map(({ lateMs }) => lateMs));
    note('latest first word after its deadline (s)', (worst / 1_000).toFixed(1));
    const tooLate = late.filter(({ lateMs }) => lateMs > allow(wordBoundMs + moreMs));
    if (tooLate.length > 0) {
      const names = tooLate.slice(0, shown).map(({ name, lateMs }) => `${name} ${lateMs} ms`);
      fault(`${tooLate.length} orders had no word long after their deadline (${names})`);
    }
    const good = known.filter(({ handed: { order } }) => {
      return order.story !== badReference.name && order.provider !== sick;
    });
    const { p50, max } = timesToTruth(good, 0, words);
    note(
      'truth of good orders, p50 and max (s)',
      `${(p50 / 1_000).toFixed(1)} and ${(max / 1_000).toFixed(1)}`,
    );
    if (max > allow(goodBoundMs + moreMs)) fault('good orders waited for the bad ones');
  },
};

/** How long after its deadline each order had its first word. */
function lateWords(known: readonly Known[], words: readonly Word[]) {
  const firstAt = new Map<string, number>();
  for (const { event, streamId } of words) {
    if (event !== null && !firstAt.has(wordKey(event)))
      firstAt.set(wordKey(event), Number.parseInt(streamId, 10));
  }
  return known.flatMap(({ handed, deadlineAt }) => {
    const { oursSince, order, createdAt } = handed;
    if (oursSince === null) return [];
    const at = firstAt.get(orderKey({ orderId: order.orderId, facts: { createdAt: iso(createdAt) } }));
    return [{ name: order.orderId, lateMs: (at ?? Date.now()) - Math.max(oursSince, deadlineAt) }];
  });
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
