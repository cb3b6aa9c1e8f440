import { setTimeout as delay } from 'node:timers/promises';
import { jobIdOf } from '../../src/jobs/queue.ts';
import { chaosAccounts, lockDurationMs, settingsOfAll, stalledIntervalMs } from '../environment.ts';
import { watchOverdue } from '../overdue.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { again, pause } from './repeat.ts';

/** Lock, two looks for stalled jobs, a sweep and the look after it, and what a busy machine adds. */
const lateBoundMs = lockDurationMs + 2 * stalledIntervalMs + 2 * 1_000 + 5_000;
/** After the first steps the watch goes on in long ones: a job that waits for one of them has no business being late. */
const watchMs = [1, 2, 4, 24, 44, 64, 84, 104, 124, 144, 164, 184, 204, 240, 270, 300, 330, 360]
  .map((seconds) => seconds * 1_000)
  .join(',');
const settleMs = 15_000;
const laterMs = 600_000;
const leftLate = 3;

/** A machine that swaps, or a container that is paused: the worker wakes up believing that it still has its jobs. */
export const frozenWorkers: Scenario = {
  letter: 'n',
  name: 'frozen-workers',
  title: 'workers are frozen with SIGSTOP for longer than a lock lasts, and go on',
  boundMs: 50_000,
  leastKillsAMinute: 3,
  leastFaultsMs: 30_000,
  workers: 3,
  script: { flickering: 0.5 },
  world: () => ({ env: { SWEEP_INTERVAL_MS: '1000', ...settingsOfAll({ watchMs }) } }),
  async injectFaults(stage) {
    const { world, random, stop, killed, note, fail, allow } = stage;
    const { simulator } = world;
    const watch = watchOverdue(stage);
    await again(stage, [500, 1_500], async () => {
      const frozen = random.pick(world.workers);
      // What comes slowly is under way for longer, so that more of it is in the frozen worker's hands.
      const provider = random.pick(chaosAccounts);
      await simulator.outage({ provider, kind: 'slow', untilMs: 1_500 });
      await delay(random.between(200, 1_000));
      frozen.poke('SIGSTOP');
      killed('freezes');
      await pause(lockDurationMs + random.between(500, 4_000), stop);
      await leaveLate(stage);
      frozen.poke('SIGCONT');
    });
    await pause(settleMs, stop);
    watch.close();
    const { lateMs, orderId } = watch.worst;
    note('most overdue order (s)', `${(lateMs / 1_000).toFixed(1)}, ${orderId}`);
    if (lateMs > allow(lateBoundMs)) fail(`${orderId} was polled ${lateMs} ms after its record says`);
  },
};

/** What a worker that wakes up leaves now and then, made certain: jobs that wait for long after their records want a poll. */
async function leaveLate({ world, random }: Stage): Promise<void> {
  const { reader, keys } = world;
  const open = await reader.zrange(keys.open, '0', '-1');
  for (let left = Math.min(leftLate, open.length); left > 0; left -= 1) {
    const orderId = random.pick(open);
    const account = (await reader.hget(keys.order(orderId), 'account')) ?? '';
    const delayed = `${keys.queuePrefix(account)}:${account}:delayed`;
    // As BullMQ writes an instant: in the upper bits.
    await reader.zadd(delayed, 'XX', (Date.now() + laterMs) * 4_096, jobIdOf(orderId));
  }
}
