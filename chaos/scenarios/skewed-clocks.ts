import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Random } from '../../test/support/random.ts';
import { confirmAfterMs } from '../environment.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { again } from './repeat.ts';

const preload = pathToFileURL(join(import.meta.dirname, '..', 'skewed-clock.ts')).href;
const minuteMs = 60_000;
const mostMinutes = 4;

/** Clocks that disagree by minutes and jump by minutes. That of Redis, and the chaos test's own, are right. */
export const skewedClocks: Scenario = {
  letter: 'l',
  name: 'skewed-clocks',
  title: 'the clocks of workers, API and provider are minutes off, each another way, and jump by minutes',
  boundMs: 40_000,
  leastFaultsMs: 24_000,
  leastKillsAMinute: 10,
  workers: 3,
  world: (random) => ({
    clockOffMs: skew(random),
    env: { NODE_OPTIONS: `--import=${preload}` },
    envOf: (name, _, dir) => ({ CLOCK_FILE: clockFile(dir, name) }),
  }),
  async injectFaults(stage) {
    const { world, random, killed, note } = stage;
    const clocks = [world.api, ...world.workers];
    const turn = (name: string, offMs: number) => writeFileSync(clockFile(world.dir, name), String(offMs));
    for (const { name } of clocks) turn(name, skew(random));
    await again(stage, [1_000, 3_000], async () => {
      turn(random.pick(clocks).name, random.chance(0.3) ? 0 : skew(random));
      killed('jumps');
    });
    for (const { name } of clocks) turn(name, 0);
    note('soft verdicts wait (s)', confirmAfterMs / 1_000);
  },
};

/** Up to some minutes, ahead or behind. */
function skew(random: Random): number {
  return random.between(minuteMs, mostMinutes * minuteMs) * (random.chance(0.5) ? 1 : -1);
}

function clockFile(dir: Stage['world']['dir'], name: string): string {
  return join(dir, `${name}.clock`);
}
