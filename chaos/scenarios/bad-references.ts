import { badReference } from '../behaviours.ts';
import { settingsOfAll } from '../environment.ts';
import { type PublishedVerdict, readEntry } from '../judge.ts';
import { orderKey, verdictKey } from '../order-key.ts';
import type { Scenario } from '../scenario.ts';
import { type Known, timesToVerdict } from '../verdicts.ts';
import { pause } from './repeat.ts';

/** The whole provider is away for longer than the time to the deadline, so that orders meet it while nobody is asked. */
const failing = 'vexora';
const outage = { fromMs: 3_000, untilMs: 15_000 };
/** How long after an order's deadline its first verdict may come. */
const firstVerdictBoundMs = 6_000;
/** How late a good order at a healthy provider may get its verdict. */
const goodBoundMs = 6_000;
const shown = 3;

/** One order's trouble is its own: dozens of references that no provider answers, beside good orders. */
export const badReferences: Scenario = {
  letter: 'q',
  name: 'bad-references',
  title: 'most references are bad (400, 422) beside good ones, and one provider is away past deadlines',
  boundMs: 30_000,
  leastFaultsMs: 20_000,
  script: { bad: 0.6, badKinds: ['http-400', 'http-422'] },
  // A circuit breaker as in life, where it is open for long once it is open.
  world: () => ({
    env: settingsOfAll({ breakerFailures: 5, breakerPauseMs: 2_000, breakerMaxPauseMs: 30_000 }),
  }),
  async injectFaults({ world, faultsMs, stop }) {
    await world.simulator.outage({ provider: failing, kind: 'http-503', ...outage });
    await pause(faultsMs, stop);
  },
  async check(stage, _, known) {
    const { script, note, fail, allow } = stage;
    const published = (await stage.world.results()).map(readEntry);
    const moreMs = script.length * 5;
    const late = lateVerdicts(known, published);
    const worst = Math.max(0, ...late.map(({ lateMs }) => lateMs));
    note('latest first verdict after its deadline (s)', (worst / 1_000).toFixed(1));
    const tooLate = late.filter(({ lateMs }) => lateMs > allow(firstVerdictBoundMs + moreMs));
    if (tooLate.length > 0) {
      const names = tooLate.slice(0, shown).map(({ name, lateMs }) => `${name} ${lateMs} ms`);
      fail(`${tooLate.length} orders had no verdict long after their deadline (${names})`);
    }
    const good = known.filter(({ handed: { order } }) => {
      return order.behaviour !== badReference.name && order.provider !== failing;
    });
    const { p50, max } = timesToVerdict(good, 0, published);
    note(
      'expected of good orders, p50 and max (s)',
      `${(p50 / 1_000).toFixed(1)} and ${(max / 1_000).toFixed(1)}`,
    );
    if (max > allow(goodBoundMs + moreMs)) fail('good orders waited for the bad ones');
  },
};

/** How long after its deadline each order had its first verdict. */
function lateVerdicts(known: readonly Known[], published: readonly PublishedVerdict[]) {
  const firstAt = new Map<string, number>();
  for (const { event, streamId } of published) {
    if (event !== null && !firstAt.has(verdictKey(event)))
      firstAt.set(verdictKey(event), Number.parseInt(streamId, 10));
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
