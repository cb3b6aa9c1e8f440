import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Handed } from '../checkout.ts';
import { type CrashPoint, crashPoints } from '../crash-points.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { launcher } from '../world.ts';
import { pause } from './repeat.ts';

const fullTimes = 20;
const slots = 2;
/** A new process, three steps of an order at most, and what a busy machine adds. */
const crashMs = 60_000;
const tries = 3;
const folder = join(import.meta.dirname, '..');

/** The process dies at every step of an order's life, one by one. While it lasts there are no other workers. */
export const crashPointsScenario: Scenario = {
  letter: 'h',
  name: 'crash-points',
  title: 'the process dies by SIGKILL at each named point, one by one',
  boundMs: 40_000,
  workers: 0,
  world: () => ({ env: { SWEEP_INTERVAL_MS: '1000' } }),
  // An order that may be refused, since another one has its payment, could not be one whose producer dies on it.
  script: { shared: 0 },
  except: ({ input }, count) => Number(input.metadata?.index) % Math.ceil(count / timesFor(count)) === 0,
  async injectFaults(stage) {
    const { world, script, stop, note } = stage;
    const times = timesFor(script.length);
    const turns = crashPoints.flatMap((point) => Array.from({ length: times }, () => point));
    const queue = stage.random.fork('turns');
    const reached = new Map<string, number>();
    const next = () => turns.splice(queue.between(0, turns.length - 1), 1)[0];
    const slot = async (name: string) => {
      while (turns.length > 0 && !stop.aborted) {
        const point = next();
        if (point !== undefined && (await crashAt(stage, point, name)))
          reached.set(point, (reached.get(point) ?? 0) + 1);
      }
    };
    await Promise.all([
      ...Array.from({ length: slots }, (_, index) => slot(`crash-worker-${index + 1}`)),
      crashProducers(stage).then((count) => reached.set('record-without-job', count)),
    ]);
    note('points', [...reached].map(([point, count]) => `${count} ${point}`).join(', '));
    for (const point of crashPoints) {
      if ((reached.get(point) ?? 0) < times) stage.fail(`${point} was not reached ${times} times`);
    }
    for (const name of ['worker-1', 'worker-2']) {
      const { env, port } = await world.environment();
      const worker = world.start({ name, script: launcher, args: ['start', '--role', 'worker'], env, port });
      await worker.awaitUp(60_000);
    }
  },
};

/** How often each point is reached: 20 times with 5 000 orders, fewer in a small run. */
function timesFor(orders: number): number {
  return Math.min(fullTimes, Math.max(2, Math.round(orders / 150)));
}

/** One process that dies at one point. */
async function crashAt(stage: Stage, point: CrashPoint, name: string): Promise<boolean> {
  const { world, random, stop } = stage;
  for (let attempt = 1; attempt <= tries && !stop.aborted; attempt += 1) {
    const { env } = await world.environment();
    const child = world.start({
      name,
      script: join(folder, 'crash-worker.ts'),
      env: { ...env, PORT: '0', CRASH_POINT: point, CRASH_ON: String(random.between(1, 3)) },
      supervised: false,
    });
    const damage = point === 'during-sweep' ? keepDamaging(stage, child.awaitEnd()) : Promise.resolve();
    const late = AbortSignal.any([stop, AbortSignal.timeout(crashMs)]);
    const end = await Promise.race([child.awaitEnd(), pause(crashMs, late).then(() => null)]);
    if (end === null) await child.signal('SIGKILL');
    await damage;
    if (end?.signal === 'SIGKILL') {
      stage.killed('workers');
      return true;
    }
    stage.say(`${point} was not reached (${JSON.stringify(end)})`);
  }
  return false;
}

/** Takes orders out of the list of open orders, so that the sweeper has something to mend. */
async function keepDamaging({ world, random }: Stage, ended: Promise<unknown>): Promise<void> {
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  while (!isOver) {
    const open = await world.reader.zrange(world.keys.open, '0', '-1');
    if (open.length > 0) await world.reader.zrem(world.keys.open, random.pick(open));
    await delay(300);
  }
}

/** Orders whose producer dies between record and job. Every second checkout hands its order in again. */
async function crashProducers({ world, checkout, script, stop, killed }: Stage): Promise<number> {
  const { redisUrl, prefix } = world.places;
  const wanted = script.filter((order) => crashPointsScenario.except?.(order, script.length));
  let count = 0;
  for (const [index, { orderId }] of wanted.entries()) {
    const one = await handedOver(orderId, checkout.handed, stop);
    if (one === null) break;
    const child = world.start({
      name: 'crash-producer',
      script: join(folder, 'crash-producer.ts'),
      env: {
        REDIS_URL: redisUrl,
        PREFIX: prefix,
        ORDER: JSON.stringify({ ...one.order.input, createdAt: one.createdAt }),
      },
      supervised: false,
    });
    const end = await child.awaitEnd();
    if (end.signal !== 'SIGKILL') throw new Error(`The crashing producer ended by itself: ${child.log()}`);
    killed('producers');
    count += 1;
    // It was never acknowledged, and yet it is accepted: its record is there, and the sweeper sees it.
    one.oursSince = Date.now();
    if (index % 2 === 0) await checkout.again([one]);
  }
  return count;
}

async function handedOver(
  orderId: string,
  handed: ReadonlyMap<string, Handed>,
  stop: AbortSignal,
): Promise<Handed | null> {
  while (!stop.aborted) {
    const one = handed.get(orderId);
    if (one !== undefined) return one;
    await delay(50);
  }
  return null;
}
