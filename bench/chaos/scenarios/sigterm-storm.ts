import type { Ending } from '../child.ts';
import { lockDurationMs, shutdownMs, stalledIntervalMs } from '../environment.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { again } from './misery.ts';

const graceMs = 3_000;
/** Lock, two looks for stalled jobs, and what a busy machine takes to start a process. */
const lateBoundMs = lockDurationMs + 2 * stalledIntervalMs + 5_000;
const lookMs = 200;

/** A rolling restart that never ends. */
export const sigtermStorm: Scenario = {
  letter: 'j',
  name: 'sigterm-storm',
  title: 'workers and the API are stopped with SIGTERM and started again all the time',
  boundMs: 45_000,
  workers: 4,
  async misery(stage) {
    const { world, random, miseryMs, stop, killed, note, fault } = stage;
    const endings: Promise<Ending | null>[] = [];
    let worstLateMs = 0;
    const watch = setInterval(() => {
      void latenessMs(stage).then((ms) => {
        worstLateMs = Math.max(worstLateMs, ms);
      });
    }, lookMs);
    await again(miseryMs, [1_000, 2_000], random, stop, async () => {
      const alive = [...world.workers, ...(random.chance(0.2) ? [world.api] : [])].filter((child) =>
        child.isUp(),
      );
      if (alive.length === 0) return;
      const child = random.pick(alive);
      killed(child === world.api ? 'API' : 'workers');
      endings.push(child.signal('SIGTERM'));
    });
    const ended = (await Promise.all(endings)).filter((ending) => ending !== null);
    clearInterval(watch);
    const slowestMs = Math.max(0, ...ended.map(({ tookMs }) => tookMs));
    note('slowest stop (s)', (slowestMs / 1_000).toFixed(1));
    note('most overdue order (s)', (worstLateMs / 1_000).toFixed(1));
    const unclean = ended.filter(({ code }) => code !== 0);
    if (unclean.length > 0) fault(`${unclean.length} processes did not end with exit code 0`);
    if (slowestMs > shutdownMs + graceMs) fault('a process took longer to stop than SHUTDOWN_MS');
    if (worstLateMs > lateBoundMs) fault(`an order waited ${worstLateMs} ms: longer than a lock lasts`);
    await Promise.all([world.api, ...world.workers].map((child) => child.awaitUp(60_000)));
  },
};

/** How long the most overdue order has been due. */
async function latenessMs({ world }: Stage): Promise<number> {
  const [, dueAt] = await world.reader.zrange(world.keys.open, '0', '0', 'WITHSCORES');
  return dueAt === undefined ? 0 : Math.max(0, Date.now() - Number(dueAt));
}
