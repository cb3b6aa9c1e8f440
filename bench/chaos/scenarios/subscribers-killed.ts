import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Child } from '../child.ts';
import { readEntry } from '../judge.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { again } from './misery.ts';

const shops = ['shop-1', 'shop-2', 'shop-3'];
const catchUpMs = 60_000;

/** Those who read the results die all the time. */
export const subscribersKilled: Scenario = {
  letter: 'k',
  name: 'subscribers-killed',
  title: 'subscribers are killed with SIGKILL every second or two and started again',
  boundMs: 45_000,
  workers: 2,
  async misery(stage) {
    const { random, miseryMs, stop, killed } = stage;
    const children = shops.map((name) => startShop(stage, name));
    await again(miseryMs, [1_000, 2_000], random, stop, async () => {
      if ((await random.pick(children).signal('SIGKILL')) !== null) killed('subscribers');
    });
  },
  async check({ world, note, fault, stop }) {
    const giveUpAt = Date.now() + catchUpMs;
    for (;;) {
      const told = (await world.results())
        .map(readEntry)
        .flatMap(({ event }) => (event === null ? [] : [event.id]));
      const handled = readHandled(world.dir);
      const { skipped, stepsBack, repeats } = account(told, handled);
      const isOver = skipped.length === 0 || Date.now() > giveUpAt || stop.aborted;
      if (!isOver) {
        await delay(500);
        continue;
      }
      note('results', told.length);
      note('handled again after a crash', repeats);
      if (skipped.length > 0) fault(`${skipped.length} results were never handled (${skipped.slice(0, 3)})`);
      if (stepsBack.length > 0)
        fault(`stale results were handled after newer ones: ${stepsBack.slice(0, 3)}`);
      const parked = await world.reader.xlen(world.keys.parked('shop'));
      if (parked > 0) fault(`${parked} results were parked though no handler failed`);
      return;
    }
  },
};

function startShop({ world }: Stage, name: string): Child {
  return world.start({
    name,
    script: join(import.meta.dirname, '..', 'subscriber.ts'),
    env: {
      REDIS_URL: world.places.redisUrl,
      PREFIX: world.places.prefix,
      CONSUMER: name,
      HANDLED_FILE: handledFile(world.dir, name),
    },
  });
}

function handledFile(dir: string, shop: string): string {
  return join(dir, `${shop}.handled`);
}

/** The ids that any shop handled, in the order of time. */
function readHandled(dir: string): string[] {
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

/** Holds what was handled against what was told. A result may be passed over only when a newer one of its order was handled. */
export function account(told: readonly string[], handled: readonly string[]) {
  const newest = new Map<string, number>();
  const stepsBack: string[] = [];
  for (const id of handled) {
    const { orderId, version } = parseId(id);
    if (version < (newest.get(orderId) ?? 0)) stepsBack.push(id);
    newest.set(orderId, Math.max(version, newest.get(orderId) ?? 0));
  }
  const done = new Set(handled);
  const skipped = told.filter((id) => {
    const { orderId, version } = parseId(id);
    return !done.has(id) && version >= (newest.get(orderId) ?? 0);
  });
  return { skipped, stepsBack, repeats: handled.length - done.size };
}

function parseId(id: string): { readonly orderId: string; readonly version: number } {
  const at = id.lastIndexOf(':');
  return { orderId: id.slice(0, at), version: Number(id.slice(at + 1)) };
}
