import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { type Child, startChild } from '../../test/support/child.ts';
import { freePorts } from '../../test/support/ports.ts';
import type { Contender, Load, Place } from '../contenders/contender.ts';
import { cpuMs, othersCpuMs } from '../support/cpu-time.ts';
import { type GatewayChild, startGatewayChild } from '../support/gateway-child.ts';
import type { Store } from '../support/store.ts';

/** How one run is played. */
export interface Run extends Load {
  readonly concurrency: number;
  /** Worker processes. */
  readonly processes: number;
  readonly warmUpMs: number;
  readonly windowMs: number;
  /** One answer in so many is final. */
  readonly finalEvery: number;
}

/** What one run showed. µs are of CPU time, per poll. */
export interface Measured {
  readonly pollsPerSecond: number;
  readonly workerMicros: number;
  readonly storeMicros: number;
  readonly gatewayMicros: number;
  /** Final answers given, and those that the contender had written down when it had stopped in order. */
  readonly final: number;
  readonly published: number;
  /** Load average before the run. */
  readonly load: number;
  /** What processes other than the benchmark's took meanwhile, in % of a core. */
  readonly othersPercent: number;
}

const upMs = 60_000;
const firstPollsMs = 30_000;

/** Plays one run of a contender on a store of its own: prepare, start, warm up, count for a while, stop in order. */
export async function measure(
  contender: Contender,
  run: Run,
  store: Store,
  logDir: string,
): Promise<Measured> {
  const gateway = await startGatewayChild({ finalEvery: run.finalEvery });
  const workers: Child[] = [];
  try {
    const ports = await freePorts(run.processes);
    const places = ports.map((port): Place => ({ gatewayUrl: gateway.url, storeUrl: store.url, port }));
    const [place] = places as [Place];
    await contender.prepare(place, run);
    const load = loadavg()[0] ?? Number.NaN;
    for (const [index, each] of places.entries()) {
      const child = contender.worker(each, run, run.concurrency);
      workers.push(startChild({ ...child, name: `worker-${index + 1}`, logDir, supervised: false }));
    }
    await Promise.all(workers.map((worker) => worker.awaitUp(upMs)));
    await awaitPolls(gateway);
    await delay(run.warmUpMs);
    const counted = await countWindow(gateway, workers, store, run.windowMs);
    await Promise.all(workers.map((worker) => worker.close()));
    const { final } = await gateway.answered();
    return { ...counted, final, published: await contender.published(place), load };
  } finally {
    await Promise.all(workers.map((worker) => worker.close()));
    await gateway.close();
  }
}

async function awaitPolls(gateway: GatewayChild): Promise<void> {
  const giveUpAt = Date.now() + firstPollsMs;
  while ((await gateway.answered()).polls === 0) {
    if (Date.now() > giveUpAt) throw new Error(`No poll came within ${firstPollsMs / 1_000} s.`);
    await delay(20);
  }
}

async function countWindow(gateway: GatewayChild, workers: readonly Child[], store: Store, windowMs: number) {
  const pids = workers.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  const look = async () => ({
    at: performance.now(),
    polls: (await gateway.answered()).polls,
    workers: cpuMs(pids),
    store: cpuMs(store.pids),
    gateway: cpuMs([gateway.pid]),
    others: othersCpuMs(),
  });
  const before = await look();
  await delay(windowMs);
  const after = await look();
  const polls = after.polls - before.polls;
  const micros = (part: 'workers' | 'store' | 'gateway') => ((after[part] - before[part]) * 1_000) / polls;
  return {
    pollsPerSecond: (polls * 1_000) / (after.at - before.at),
    workerMicros: micros('workers'),
    storeMicros: micros('store'),
    gatewayMicros: micros('gateway'),
    // The clock ticks are coarse: what is nothing may come out as less.
    othersPercent: Math.max(0, (100 * (after.others - before.others)) / (after.at - before.at)),
  };
}
