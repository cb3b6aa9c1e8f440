import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ResultEvent } from '../src/domain/result-event.ts';
import type { Child } from '../test/support/child.ts';
import type { ChaosRedis } from '../test/support/redis-topology.ts';
import { readEntry } from './judge.ts';
import type { Stage } from './scenario.ts';
import type { World } from './world.ts';

/** What consumers did with the results. */
export interface Delivery {
  /** Published, never handled, and no newer result of the same order was. */
  readonly skipped: readonly string[];
  /** Handled after a newer result of the same order. */
  readonly stepsBack: readonly string[];
  /** Handled, and never published. */
  readonly invented: readonly string[];
  /** Handled again. */
  readonly repeats: number;
}

const catchUpMs = 60_000;
const shownIds = 3;

/** Starts a consumer: a subscriber of the results, in one consumer group with the others. */
export function startConsumer({ start, places, dir }: World, name: string): Child {
  return start({
    name,
    script: join(import.meta.dirname, 'consumer-process.ts'),
    env: {
      REDIS_URL: places.redisUrl,
      PREFIX: places.prefix,
      CONSUMER: name,
      HANDLED_FILE: handledFile(dir, name),
    },
  });
}

/** How many results one consumer has handled. */
export function handledBy({ dir }: Pick<World, 'dir'>, consumer: string): number {
  return readHandled(dir, [consumer]).length;
}

/** Waits until the consumers have handled everything, and notes what they did with it. */
export async function checkConsumers<Server extends ChaosRedis>(
  { world, note, fail, stop, allow }: Stage<Server>,
  consumers: readonly string[],
): Promise<void> {
  const startedAt = Date.now();
  for (;;) {
    const events = (await world.results()).map((entry) => readEntry(entry).event);
    const published = events.flatMap((event) => (event === null ? [] : [handledId(event)]));
    const found = deliveryOf(published, readHandled(world.dir, consumers));
    if (found.skipped.length > 0 && Date.now() < startedAt + allow(catchUpMs) && !stop.aborted) {
      await delay(500);
      continue;
    }
    note('results', published.length);
    note('handled again', found.repeats);
    const faults = (ids: readonly string[], what: string) => {
      if (ids.length > 0) fail(`${ids.length} results ${what} (${ids.slice(0, shownIds)})`);
    };
    faults(found.skipped, 'were never handled');
    faults(found.stepsBack, 'were handled after newer ones');
    faults(found.invented, 'were handled that are not on the stream');
    const parked = await world.reader.xlen(world.keys.parked('shop'));
    if (parked > 0) fail(`${parked} results were parked though no handler failed`);
    return;
  }
}

/** The id of a result, with the time at which its order was created: an id of an order may be used again. */
export function handledId({ id, data }: Pick<ResultEvent, 'id' | 'data'>): string {
  return `${Date.parse(data.createdAt)}/${id}`;
}

/** Holds what was handled, in the order of time, against what was published. Pure. */
export function deliveryOf(published: readonly string[], handled: readonly string[]): Delivery {
  const newest = new Map<string, number>();
  const stepsBack: string[] = [];
  for (const id of handled) {
    const { orderId, version } = parseId(id);
    if (version < (newest.get(orderId) ?? 0)) stepsBack.push(id);
    newest.set(orderId, Math.max(version, newest.get(orderId) ?? 0));
  }
  const [done, known] = [new Set(handled), new Set(published)];
  const skipped = published.filter((id) => {
    const { orderId, version } = parseId(id);
    return !done.has(id) && version >= (newest.get(orderId) ?? 0);
  });
  const invented = [...done].filter((id) => !known.has(id));
  return { skipped, stepsBack, invented, repeats: handled.length - done.size };
}

function handledFile(dir: string, consumer: string): string {
  return join(dir, `${consumer}.handled`);
}

/** The ids that any of the consumers handled, in the order of time. */
function readHandled(dir: string, consumers: readonly string[]): string[] {
  const lines = consumers.flatMap((consumer) => {
    try {
      return readFileSync(handledFile(dir, consumer), 'utf8').split('\n');
    } catch {
      // It has handled nothing yet.
      return [];
    }
  });
  return lines
    .map((line) => line.split(' '))
    .filter(([at, id]) => at !== '' && id !== undefined)
    .sort(([a = ''], [b = '']) => (BigInt(a) < BigInt(b) ? -1 : 1))
    .map(([, id = '']) => id);
}

function parseId(id: string): { readonly orderId: string; readonly version: number } {
  const at = id.lastIndexOf(':');
  return { orderId: id.slice(0, at), version: Number(id.slice(at + 1)) };
}
