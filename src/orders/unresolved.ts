import type { Order } from '../domain/order.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';
import { addToTally, emptyTally, type UnresolvedMoney, type UnresolvedTally } from './unresolved-tally.ts';

const forgetScript = loadScript('forget-unresolved', import.meta.url);

/** Entries read by one command: other clients of Redis wait for it, and so does this process' event loop. */
const stepSize = 1_000;
/** Commands of one call of `walkUnresolved`; with more entries than that, the next call goes on. */
const stepsPerCall = 100;
/** So many entries are counted anew for every reader; the sums of more are those of the last walk. */
const countedAtOnce = 1_000;

/** The money of an order whose verdict is unresolved, as one string. */
export function unresolvedEntry(order: Order, at: number): string {
  return [at, order.amountMinor, order.currency, order.account].join(' ');
}

/** What `unresolvedEntry` wrote; `null` when it was something else. */
function parseEntry(orderId: string, entry: string): UnresolvedMoney | null {
  const [, at, amountMinor, currency = '', account = ''] =
    /^(\d{1,15}) (\d{1,15}) ([A-Z]{3}) (\S{1,64})$/.exec(entry) ?? [];
  if (at === undefined) return null;
  return { orderId, at: Number(at), amountMinor: Number(amountMinor), currency, account };
}

/**
 * The money of all orders whose last verdict is unresolved. A few are counted now; the sums of many are as old as the
 * sweeper's last walk over them. `null`: there are many, and no walk has come to its end yet.
 */
export async function readUnresolved(redis: Redis, keys: Keys, now: number): Promise<UnresolvedTally | null> {
  if ((await redis.hlen(keys.unresolved)) > countedAtOnce) {
    return parseTally(await redis.hget(keys.unresolvedWalk, 'tally'));
  }
  let walk: Walk = { cursor: '0', tally: emptyTally };
  do walk = (await takeStep(redis, keys, walk, now)).walk;
  while (walk.cursor !== '0' && walk.tally.orders <= 2 * countedAtOnce);
  return walk.tally;
}

/** How far a walk has come: the cursor of Redis, and the sums of what lies behind it. */
interface Walk {
  readonly cursor: string;
  readonly tally: UnresolvedTally;
}

/**
 * Goes on with the walk over the unresolved money, a bounded number of entries a call: sums it up for `readUnresolved`, and
 * forgets the entries older than `forgetBefore` (epoch ms) of orders whose record is gone. Redis may show an entry twice
 * while the hash shrinks; the next walk counts it once.
 */
export async function walkUnresolved(
  redis: Redis,
  keys: Keys,
  now: number,
  forgetBefore: number,
): Promise<void> {
  let walk = parseWalk(await redis.hget(keys.unresolvedWalk, 'walk'));
  for (let steps = 0; steps < stepsPerCall; steps += 1) {
    const step = await takeStep(redis, keys, walk, now);
    walk = step.walk;
    await forget(redis, keys, step.entries, forgetBefore);
    if (walk.cursor === '0') {
      await redis.hset(keys.unresolvedWalk, 'tally', JSON.stringify(walk.tally));
      walk = { cursor: '0', tally: emptyTally };
      break;
    }
  }
  await redis.hset(keys.unresolvedWalk, 'walk', JSON.stringify(walk));
}

type Entries = readonly { readonly money: UnresolvedMoney; readonly entry: string }[];

async function takeStep(redis: Redis, keys: Keys, { cursor, tally }: Walk, now: number) {
  const [next, found] = await redis.hscan(keys.unresolved, cursor, 'COUNT', stepSize);
  const entries: { money: UnresolvedMoney; entry: string }[] = [];
  for (let nth = 0; nth + 1 < found.length; nth += 2) {
    const entry = found[nth + 1] as string;
    const money = parseEntry(found[nth] as string, entry);
    if (money !== null) entries.push({ money, entry });
  }
  const more = entries.map(({ money }) => money);
  const walk: Walk = { cursor: next, tally: addToTally(tally, more, now) };
  return { walk, entries: entries as Entries };
}

async function forget(redis: Redis, keys: Keys, entries: Entries, before: number): Promise<void> {
  const old = entries.filter(({ money }) => money.at < before);
  for (let from = 0; from < old.length; from += stepSize) {
    const some = old.slice(from, from + stepSize);
    await forgetScript.run(
      redis,
      [keys.unresolved, ...some.map(({ money }) => keys.order(money.orderId))],
      some.flatMap(({ money, entry }) => [money.orderId, entry]),
    );
  }
}

/** A walk that cannot be read begins anew. */
function parseWalk(text: string | null): Walk {
  const start = { cursor: '0', tally: emptyTally };
  const { cursor, tally } = (fromJson(text) ?? {}) as { cursor?: unknown; tally?: unknown };
  if (typeof cursor !== 'string' || !/^\d{1,20}$/.test(cursor)) return start;
  return { cursor, tally: isTally(tally) ? tally : emptyTally };
}

function parseTally(text: string | null): UnresolvedTally | null {
  const tally = fromJson(text);
  return isTally(tally) ? tally : null;
}

function isTally(value: unknown): value is UnresolvedTally {
  const { orders, currencies, oldest } = (value ?? {}) as Partial<UnresolvedTally>;
  return typeof orders === 'number' && Array.isArray(currencies) && Array.isArray(oldest);
}

function fromJson(text: string | null): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return null;
  }
}
