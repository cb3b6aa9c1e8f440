import type { Child } from '../child.ts';
import { prepareEarlierVersion } from '../earlier-version.ts';
import type { Scenario } from '../scenario.ts';
import { again } from './misery.ts';

/** A rolling upgrade that takes as long as the drill. */
export const twoVersions: Scenario = {
  letter: 'i',
  name: 'two-versions',
  title: 'workers of an earlier version run beside those of this one, and both are killed now and then',
  boundMs: 45_000,
  workers: 2,
  async misery({ world, random, miseryMs, stop, killed, note, say }) {
    const earlier = prepareEarlierVersion(world.dir);
    say(`beside it runs ${earlier.name}`);
    note('beside it', earlier.name);
    const old: Child[] = [];
    for (const name of ['earlier-1', 'earlier-2']) {
      const { env, port } = await world.environment();
      old.push(world.start({ name, script: earlier.script, args: ['start', '--role', 'worker'], env, port }));
    }
    await Promise.all(old.map((child) => child.awaitUp(60_000)));
    await again(miseryMs, [2_000, 4_000], random, stop, async () => {
      const alive = [...world.workers, ...old].filter((child) => child.isUp());
      if (alive.length === 0) return;
      const signal = random.pick(['SIGKILL', 'SIGTERM'] as const);
      if ((await random.pick(alive).signal(signal)) !== null) killed('workers');
    });
    await Promise.all([...world.workers, ...old].map((child) => child.awaitUp(60_000)));
    const surprises = old.reduce((sum, child) => sum + child.surprises, 0);
    note('earlier version ended by itself', surprises);
  },
};
