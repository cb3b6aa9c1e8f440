import type { Scenario } from '../scenario.ts';
import { checkShops, handledBy, openShop } from '../shops.ts';
import { again } from './misery.ts';

const shops = ['shop-1', 'shop-2', 'shop-3'];

/** Those who read the results die all the time. */
export const subscribersKilled: Scenario = {
  letter: 'k',
  name: 'subscribers-killed',
  title: 'subscribers are killed with SIGKILL every second or two and started again',
  boundMs: 30_000,
  leastKillsAMinute: 10,
  async misery(stage) {
    const { world, random, killed } = stage;
    const children = shops.map((name) => ({ child: openShop(world, name), name, handled: 0 }));
    await again(stage, [1_000, 2_000], async () => {
      // One that has handled nothing since it started would never get to work on a slow machine.
      const atWork = children.filter((shop) => handledBy(world, shop.name) > shop.handled);
      if (atWork.length === 0) return;
      const shop = random.pick(atWork);
      if ((await shop.child.signal('SIGKILL')) !== null) killed('subscribers');
      shop.handled = handledBy(world, shop.name);
    });
  },
  check: (stage) => checkShops(stage, shops),
};
