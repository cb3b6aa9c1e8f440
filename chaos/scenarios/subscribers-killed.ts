import { checkConsumers, handledBy, startConsumer } from '../consumers.ts';
import type { Scenario } from '../scenario.ts';
import { again } from './repeat.ts';

const consumers = ['consumer-1', 'consumer-2', 'consumer-3'];

/** Those who read the results die all the time. */
export const subscribersKilled: Scenario = {
  letter: 'k',
  name: 'subscribers-killed',
  title: 'subscribers are killed with SIGKILL every second or two and started again',
  boundMs: 30_000,
  leastKillsAMinute: 10,
  async injectFaults(stage) {
    const { world, random, killed } = stage;
    const children = consumers.map((name) => ({ child: startConsumer(world, name), name, handled: 0 }));
    await again(stage, [1_000, 2_000], async () => {
      // One that has handled nothing since it started would never get to work on a slow machine.
      const atWork = children.filter((consumer) => handledBy(world, consumer.name) > consumer.handled);
      if (atWork.length === 0) return;
      const consumer = random.pick(atWork);
      if ((await consumer.child.signal('SIGKILL')) !== null) killed('subscribers');
      consumer.handled = handledBy(world, consumer.name);
    });
  },
  check: (stage) => checkConsumers(stage, consumers),
};
