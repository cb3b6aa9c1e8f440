import { jobIdOf } from '../../src/jobs/queue.ts';
import type { Child, Ending } from '../../test/support/child.ts';
import { lockDurationMs, shutdownMs, stalledIntervalMs } from '../environment.ts';
import { watchOverdue } from '../overdue.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { again } from './repeat.ts';

const graceMs = 3_000;
/** Lock, two looks for stalled jobs, and what a busy machine adds. */
const lateBoundMs = lockDurationMs + 2 * stalledIntervalMs + 5_000;
const leastUp = 3;

interface End {
  readonly child: Child;
  readonly ending: Ending | null;
}

/** A rolling restart that never ends. */
export const sigtermStorm: Scenario = {
  letter: 'j',
  name: 'sigterm-storm',
  title: 'workers and the API are stopped with SIGTERM and started again all the time',
  boundMs: 30_000,
  leastKillsAMinute: 10,
  workers: 4,
  async injectFaults(stage) {
    const { world, random, killed, note, fail, allow } = stage;
    const endings: Promise<End>[] = [];
    const watch = watchOverdue(stage);
    await again(stage, [1_000, 2_000], async () => {
      const alive = world.workers.filter((worker) => worker.isUp());
      // As in a rolling restart, the others are there to take over: that some work is left behind must be the news.
      if (alive.length < leastUp) return;
      const child = random.chance(0.2) && world.api.isUp() ? world.api : random.pick(alive);
      killed(child === world.api ? 'API' : 'workers');
      endings.push(child.signal('SIGTERM').then((ending) => ({ child, ending })));
    });
    const ended = await Promise.all(endings);
    watch.close();
    const { worst } = watch;
    const slowestMs = Math.max(0, ...ended.map(({ ending }) => ending?.tookMs ?? 0));
    note('slowest stop (s)', (slowestMs / 1_000).toFixed(1));
    note('most overdue order (s)', `${(worst.lateMs / 1_000).toFixed(1)}, ${worst.orderId}`);
    note('open jobs that ever stalled', await stalledJobs(stage));
    for (const { child, ending } of ended) {
      if (ending === null || ending.code === 0) continue;
      const lastWords = child
        .log()
        .trim()
        .split('\n')
        .slice(-2)
        .map((line) => line.slice(0, 300))
        .join(' | ');
      fail(`${child.name} ended with ${ending.code ?? ending.signal}: ${lastWords}`);
    }
    if (slowestMs > shutdownMs + allow(graceMs)) fail('a process took longer to stop than SHUTDOWN_MS');
    if (worst.lateMs > allow(lateBoundMs))
      fail(`an order waited ${worst.lateMs} ms: longer than a lock lasts`);
    await Promise.all([world.api, ...world.workers].map((child) => child.awaitUp(60_000)));
  },
};

/**
 * Open jobs that ever lost their lock. A worker that is stopped in order leaves none behind, but one that gets no turn of
 * its core for as long as a lock lasts loses those that it has.
 */
async function stalledJobs({ world }: Stage): Promise<number> {
  const { reader, keys } = world;
  const open = await reader.zrange(keys.open, '0', '-1');
  const counts = await Promise.all(
    open.map(async (orderId) => {
      const account = await reader.hget(keys.order(orderId), 'account');
      return reader.hget(`${keys.queuePrefix(account ?? '')}:${account}:${jobIdOf(orderId)}`, 'stc');
    }),
  );
  return counts.filter((count) => Number(count ?? 0) > 0).length;
}
