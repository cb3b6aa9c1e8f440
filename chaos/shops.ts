import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ResultEvent } from '../src/domain/result-event.ts';
import type { Child } from '../test/support/child.ts';
import type { DrillRedis } from '../test/support/redis-topology.ts';
import { readEntry } from './judge.ts';
import type { Stage } from './scenario.ts';
import type { World } from './world.ts';

/** What shops made of the results. */
export interface Account {
  /** Told, never handled, and no newer result of the same order was. */
  readonly skipped: readonly string[];
  /** Handled after a newer result of the same order. */
  readonly stepsBack: readonly string[];
  /** Handled, and never told. */
  readonly invented: readonly string[];
  /** Handled again. */
  readonly repeats: number;
}

const catchUpMs = 60_000;
const shownIds = 3;

/** Starts a shop: a subscriber of the results, in one consumer group with the others. */
export function openShop({ start, places, dir }: World, name: string): Child {
  return start({
    name,
    script: join(import.meta.dirname, 'subscriber.ts'),
    env: {
      REDIS_URL: places.redisUrl,
      PREFIX: places.prefix,
      CONSUMER: name,
      HANDLED_FILE: handledFile(dir, name),
    },
  });
}

/** How many results one shop has handled. */
export function handledBy({ dir }: Pick<World, 'dir'>, shop: string): number {
  return readHandled(dir, [shop]).length;
}

/** Waits until the shops have handled everything, and notes what they did with it. */
export async function checkShops<Server extends DrillRedis>(
  { world, note, fault, stop }: Stage<Server>,
  shops: readonly string[],
): Promise<void> {
  const giveUpAt = Date.now() + catchUpMs;
  for (;;) {
    const events = (await world.results()).map((entry) => readEntry(entry).event);
    const told = events.flatMap((event) => (event === null ? [] : [handledId(event)]));
    const found = accountOf(told, readHandled(world.dir, shops));
    if (found.skipped.length > 0 && Date.now() < giveUpAt && !stop.aborted) {
      await delay(500);
      continue;
    }
    note('results', told.length);
    note('handled again', found.repeats);
    const faults = (ids: readonly string[], what: string) => {
      if (ids.length > 0) fault(`${ids.length} results ${what} (${ids.slice(0, shownIds)})`);
    };
    faults(found.skipped, 'were never handled');
    faults(found.stepsBack, 'were handled after newer ones');
    faults(found.invented, 'were handled that are not on the stream');
    const parked = await world.reader.xlen(world.keys.parked('shop'));
    if (parked > 0) fault(`${parked} results were parked though no handler failed`);
    return;
  }
}

/** The id of a result, with the time at which its order was created: an id of an order may be used again. */
export function handledId({ id, data }: Pick<ResultEvent, 'id' | 'data'>): string {
  return `${Date.parse(data.createdAt)}/${id}`;
}

/** Holds what was handled, in the order of time, against what was told. Pure. */
export function accountOf(told: readonly string[], handled: readonly string[]): Account {
  const newest = new Map<string, number>();
  const stepsBack: string[] = [];
  for (const id of handled) {
    const { orderId, version } = parseId(id);
    if (version < (newest.get(orderId) ?? 0)) stepsBack.push(id);
    newest.set(orderId, Math.max(version, newest.get(orderId) ?? 0));
  }
  const [done, known] = [new Set(handled), new Set(told)];
  const skipped = told.filter((id) => {
    const { orderId, version } = parseId(id);
    return !done.has(id) && version >= (newest.get(orderId) ?? 0);
  });
  const invented = [...done].filter((id) => !known.has(id));
  return { skipped, stepsBack, invented, repeats: handled.length - done.size };
}

function handledFile(dir: string, shop: string): string {
  return join(dir, `${shop}.handled`);
}

/** The ids that any of the shops handled, in the order of time. */
function readHandled(dir: string, shops: readonly string[]): string[] {
  const lines = shops.flatMap((shop) => {
    try {
      return readFileSync(handledFile(dir, shop), 'utf8').split('\n');
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
