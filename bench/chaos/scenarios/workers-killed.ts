import type { Scenario } from '../scenario.ts';
import { again } from './misery.ts';

/** Workers die by SIGKILL all the time, and a supervisor starts them again. */
export const workersKilled: Scenario = {
  letter: 'a',
  name: 'workers-killed',
  title: 'a worker is killed with SIGKILL every second or two',
  boundMs: 45_000,
  workers: 3,
  async misery({ world, random, miseryMs, stop, killed }) {
    await again(miseryMs, [1_000, 2_000], random, stop, async () => {
      // One that is still starting has nothing in its hands.
      const alive = world.workers.filter((worker) => worker.isUp());
      if (alive.length === 0) return;
      if ((await random.pick(alive).signal('SIGKILL')) !== null) killed('workers');
    });
    await Promise.all(world.workers.map((worker) => worker.awaitUp(60_000)));
  },
};
