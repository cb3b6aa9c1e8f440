import type { Child } from '../../test/support/child.ts';
import { prepareEarlierVersion } from '../earlier-version.ts';
import type { Scenario } from '../scenario.ts';
import { pollsOf } from './progress.ts';
import { again } from './repeat.ts';

const upMs = 60_000;

/** A rolling upgrade that takes as long as the chaos test. */
export const twoVersions: Scenario = {
  letter: 'i',
  name: 'two-versions',
  title: 'workers of an earlier version run beside those of this one, and both are killed now and then',
  boundMs: 30_000,
  leastKillsAMinute: 6,
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
  async injectFaults(stage) {
    const { world, others, random, killed, note, fail } = stage;
    const all = [...world.workers, ...others];
    const polls = { this: 0, other: 0 };
    const count = async (child: Child) => {
      const done = (await pollsOf(child)) ?? 0;
      polls[others.includes(child) ? 'other' : 'this'] += done;
      return done;
    };
    await again(stage, [2_000, 4_000], async () => {
      const child = random.pick(all);
      if (!child.isUp() || (await count(child)) === 0) return;
      const ending = await child.signal(random.pick(['SIGKILL', 'SIGTERM'] as const));
      if (ending !== null) killed('workers');
    });
    await Promise.all(all.map((child) => child.awaitUp(upMs).then(() => count(child))));
    note('polls at least, by this version and the other', `${polls.this} and ${polls.other}`);
    if (Math.min(polls.this, polls.other) === 0) fail('one of the versions did not poll at all');
  },
};
