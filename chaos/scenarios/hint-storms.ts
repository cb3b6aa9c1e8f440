import { settingsOfAll } from '../environment.ts';
import { readEntry } from '../judge.ts';
import type { Scenario } from '../scenario.ts';
import { timesToVerdict } from '../verdicts.ts';
import { pause } from './repeat.ts';

/** Slow enough that due orders wait for their turn, which is where a hint can do harm. */
const ratePerSecond = 3;
/** More of them would wait for minutes. */
const orders = 90;
/** How much later than the others an order in a storm may get its verdict. */
const laterMs = 3_000;

/** Shoppers and gateways that ask about a few orders every second. */
export const hintStorms: Scenario = {
  letter: 'q',
  name: 'hint-storms',
  title: 'poll requests and callbacks come every second for some orders, at accounts that are at their limit',
  boundMs: 60_000,
  leastFaultsMs: 24_000,
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
  injectFaults: ({ faultsMs, stop }) => pause(faultsMs, stop),
  async check({ world, note, fail, allow }, _, known) {
    const published = (await world.results()).map(readEntry);
    const ours = known.filter(({ handed }) => handed.oursSince !== null);
    const stormy = timesToVerdict(
      ours.filter(({ handed }) => handed.order.storm !== null),
      0,
      published,
    );
    const calm = timesToVerdict(
      ours.filter(({ handed }) => handed.order.storm === null),
      0,
      published,
    );
    const seconds = ({ p50, p99 }: typeof calm) => `${(p50 / 1_000).toFixed(1)}/${(p99 / 1_000).toFixed(1)}`;
    note('time to verdict p50/p99 (s), in a storm and beside it', `${seconds(stormy)} and ${seconds(calm)}`);
    if (stormy.p50 > calm.p50 + allow(laterMs) || stormy.p99 > calm.p99 + allow(laterMs))
      fail('orders in a storm got their verdicts later than the others');
  },
};
