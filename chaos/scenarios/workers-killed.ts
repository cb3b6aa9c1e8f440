import type { Scenario } from '../scenario.ts';
import { pollsOf } from './progress.ts';
import { again } from './repeat.ts';

/** Workers die by SIGKILL all the time, and a supervisor starts them again. */
export const workersKilled: Scenario = {
  letter: 'a',
  name: 'workers-killed',
  title: 'a worker is killed with SIGKILL every second or two',
  boundMs: 30_000,
  leastKillsAMinute: 10,
  workers: 3,
  async injectFaults(stage) {
    const { world, random, killed } = stage;
    await again(stage, [1_000, 2_000], async () => {
      // One that has not polled yet has nothing in its hands, and on a slow machine none would ever get to work.
      const polls = await Promise.all(
        world.workers.map((worker) => (worker.isUp() ? pollsOf(worker) : null)),
      );
      const atWork = world.workers.filter((_, index) => (polls[index] ?? 0) > 0);
      if (atWork.length === 0) return;
      if ((await random.pick(atWork).signal('SIGKILL')) !== null) killed('workers');
    });
    await Promise.all(world.workers.map((worker) => worker.awaitUp(60_000)));
  },
};
