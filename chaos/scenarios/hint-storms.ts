import { settingsOfAll } from '../environment.ts';
import { readEntry } from '../judge.ts';
import type { Scenario } from '../scenario.ts';
import { timesToTruth } from '../truth.ts';
import { pause } from './misery.ts';

/** Slow enough that due orders wait for their turn, which is where a hint can do harm. */
const ratePerSecond = 3;
/** More of them would wait for minutes. */
const orders = 90;
/** How much later than its neighbours an order may hear its truth that everybody asks about. */
const laterMs = 3_000;

/** Shoppers and gateways that ask about a few orders every second. */
export const hintStorms: Scenario = {
  letter: 'q',
  name: 'hint-storms',
  title: 'poll requests and callbacks come every second for some orders, at accounts that are at their limit',
  boundMs: 60_000,
  leastMiseryMs: 24_000,
  script: {
    orders,
    stormy: 0.2,
    bad: 0,
    shared: 0,
    faulty: 0,
    pushed: 0,
    providers: ['jenga', 'lipia', 'tanda'],
  },
  world: () => ({
    env: settingsOfAll({
      ...{ ratePerSecond, initialIntervalMs: 3_000, maxIntervalMs: 3_000, minHintIntervalMs: 2_000 },
    }),
  }),
  misery: ({ miseryMs, stop }) => pause(miseryMs, stop),
  async check({ world, note, fault, allow }, _, known) {
    const words = (await world.results()).map(readEntry);
    const ours = known.filter(({ handed }) => handed.oursSince !== null);
    const stormy = timesToTruth(
      ours.filter(({ handed }) => handed.order.storm !== null),
      0,
      words,
    );
    const calm = timesToTruth(
      ours.filter(({ handed }) => handed.order.storm === null),
      0,
      words,
    );
    const seconds = ({ p50, p99 }: typeof calm) => `${(p50 / 1_000).toFixed(1)}/${(p99 / 1_000).toFixed(1)}`;
    note('time to truth p50/p99 (s), in a storm and beside it', `${seconds(stormy)} and ${seconds(calm)}`);
    if (stormy.p50 > calm.p50 + allow(laterMs) || stormy.p99 > calm.p99 + allow(laterMs))
      fault('orders that everybody asked about heard their truth later than their neighbours');
  },
};
