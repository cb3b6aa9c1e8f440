import type { Child } from '../child.ts';
import { prepareEarlierVersion } from '../earlier-version.ts';
import type { Scenario } from '../scenario.ts';
import { again } from './misery.ts';

const upMs = 60_000;

/** A rolling upgrade that takes as long as the drill. */
export const twoVersions: Scenario = {
  letter: 'i',
  name: 'two-versions',
  title: 'workers of an earlier version run beside those of this one, and both are killed now and then',
  boundMs: 45_000,
  workers: 2,
  async prepare({ world, note, say }) {
    const earlier = prepareEarlierVersion(world.dir);
    say(`beside it runs ${earlier.name}`);
    note('beside it', earlier.name);
    const others: Child[] = [];
    for (const name of ['earlier-1', 'earlier-2']) {
      const { env, port } = await world.environment();
      others.push(
        world.start({ name, script: earlier.script, args: ['start', '--role', 'worker'], env, port }),
      );
    }
    await Promise.all(others.map((child) => child.awaitUp(upMs)));
    return others;
  },
  async misery({ world, others, random, miseryMs, stop, killed }) {
    const all = [...world.workers, ...others];
    await again(miseryMs, [2_000, 4_000], random, stop, async () => {
      const alive = all.filter((child) => child.isUp());
      if (alive.length === 0) return;
      const signal = random.pick(['SIGKILL', 'SIGTERM'] as const);
      if ((await random.pick(alive).signal(signal)) !== null) killed('workers');
    });
    await Promise.all(all.map((child) => child.awaitUp(upMs)));
  },
};
