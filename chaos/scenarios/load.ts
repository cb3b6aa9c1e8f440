import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { residentMb } from '../resident.ts';
import type { Scenario, Stage } from '../scenario.ts';
import type { World } from '../world.ts';
import { pollsOf } from './progress.ts';

const fullOpen = 200_000;
const perSecond = 2_000;
const apiP99Ms = 100;
const probeMs = 50;
const probeAnswerMs = 30_000;
/** No process of the service may grow beyond this, however many orders are open. */
const mostResidentMb = 512;

/** Many open orders, many new ones, and a checkout that wants its answers all the same. `--minutes 1` is the full size. */
export const load: Scenario = {
  letter: 'load',
  name: 'load',
  title: '200 000 open orders, 2 000 new ones a second for a minute, polling goes on',
  isAlone: true,
  boundMs: 60_000,
  workers: 2,
  world: () => ({ env: { SWEEP_INTERVAL_MS: '60000' } }),
  async prepare({ world, share, say }) {
    const open = Math.round(fullOpen * share);
    const loaded = await produce(world, 'load-before', { COUNT: open, FIRST: 0, PER_SECOND: 0 });
    say(`${loaded.acknowledged} open orders, enqueued at ${loaded.perSecond}/s`);
    return [];
  },
  async injectFaults(stage) {
    const { world, faultsMs, note, fail, checkout, stop } = stage;
    const share = Math.min(1, faultsMs / 60_000);
    const count = Math.round(perSecond * 60 * share);
    const before = await allPolls(world);
    const startedAt = Date.now();
    const producing = produce(world, 'load-during', {
      COUNT: count,
      FIRST: Math.round(fullOpen * share),
      PER_SECOND: perSecond,
    });
    const reads = await probe(stage, producing);
    const produced = await producing;
    const seconds = (Date.now() - startedAt) / 1_000;
    const due = Math.round(fullOpen * share) + count;
    const open = await loadedOrders(world);
    note('open orders at the end', open);
    if (open !== due) fail(`${due} orders of the load were submitted, and ${open} are open`);
    note('enqueued per second', produced.perSecond);
    note('polls per second', Math.round(((await allPolls(world)) - before) / seconds));
    const writes = checkout.latenciesMs;
    note('API POST p50/p99 (ms)', `${part(writes, 0.5)}/${part(writes, 0.99)}`);
    note('API GET p50/p99 (ms)', `${part(reads, 0.5)}/${part(reads, 0.99)}`);
    const residents = [world.api, ...world.workers].map((child) => ({
      name: child.name,
      mb: residentMb(child),
    }));
    note('resident (MB)', residents.map(({ name, mb }) => `${name} ${mb ?? '?'}`).join(', '));
    for (const { name, mb } of residents)
      if ((mb ?? 0) > mostResidentMb) fail(`${name} has grown to ${mb} MB`);
    const memory = /^used_memory:(\d+)/m.exec(await world.reader.info('memory'))?.[1];
    note('Redis memory (MB)', Math.round(Number(memory) / 1_048_576));
    if (stop.aborted) return;
    if (Math.max(part(writes, 0.99), part(reads, 0.99)) > apiP99Ms)
      fail(`the API's p99 is over ${apiP99Ms} ms`);
    if (produced.perSecond < perSecond * 0.95)
      fail(`fewer than ${perSecond} orders a second could be enqueued`);
  },
};

interface Produced {
  readonly acknowledged: number;
  readonly perSecond: number;
}

/** Enqueues in a process of its own, so that the chaos test's own clock stays true. */
async function produce(world: World, name: string, numbers: { [name: string]: number }): Promise<Produced> {
  const { redisUrl, prefix } = world.places;
  const env = Object.fromEntries(Object.entries(numbers).map(([key, value]) => [key, String(value)]));
  const child = world.start({
    name,
    script: join(import.meta.dirname, '..', 'load-producer.ts'),
    env: { REDIS_URL: redisUrl, PREFIX: prefix, ...env },
    supervised: false,
  });
  const { code } = await child.awaitEnd();
  if (code !== 0) throw new Error(`The orders of the load could not be enqueued: ${child.log()}`);
  return JSON.parse(child.log().trim().split('\n').at(-1) ?? '') as Produced;
}

/**
 * Asks the API for orders until the work is done, at a steady rate: an answer that is late does not hold back the next
 * question. Returns how long each answer took; one that never came counts as long as it was waited for.
 */
async function probe({ world, checkout, random, stop }: Stage, work: Promise<unknown>): Promise<number[]> {
  const { apiPort, apiKey } = world.places;
  const answers: Promise<number>[] = [];
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  void work.then(over, over);
  while (!isOver && !stop.aborted) {
    await delay(probeMs);
    const known = [...checkout.handed.keys()];
    if (known.length === 0) continue;
    answers.push(answerMs(`http://127.0.0.1:${apiPort}/v1/orders/${random.pick(known)}`, apiKey));
  }
  return Promise.all(answers);
}

async function answerMs(url: string, apiKey: string): Promise<number> {
  const at = performance.now();
  try {
    const headers = { authorization: `Bearer ${apiKey}` };
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(probeAnswerMs) });
    await answer.arrayBuffer();
    return answer.status < 500 ? performance.now() - at : probeAnswerMs;
  } catch {
    // No answer at all.
    return probeAnswerMs;
  }
}

async function allPolls({ workers }: World): Promise<number> {
  const polls = await Promise.all(workers.map(pollsOf));
  return polls.reduce<number>((sum, each) => sum + (each ?? 0), 0);
}

function part(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}

/** Orders of the load that are still to be asked about. */
async function loadedOrders({ reader, keys }: World): Promise<number> {
  let count = 0;
  for (let cursor = '0'; ; ) {
    const [next, entries] = await reader.zscan(keys.open, cursor, 'COUNT', 2_000);
    count += entries.filter((entry, index) => index % 2 === 0 && entry.startsWith('load:')).length;
    if (next === '0') return count;
    cursor = next;
  }
}
