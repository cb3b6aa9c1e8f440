import type { Order } from '../domain/order.ts';
import type { Progress } from '../domain/progress.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';
import { addToTally, emptyTally, type UnresolvedMoney, type UnresolvedTally } from './unresolved-tally.ts';

const forgetScript = loadScript('forget-unresolved', import.meta.url);

/** Entries per HSCAN. Small, because each blocks Redis and this process' event loop. */
const stepSize = 1_000;
/** HSCAN steps per call of `walkUnresolved`; the next call continues from there. */
const stepsPerCall = 100;
/** Up to this many entries are counted on every read; beyond it, reads return the totals of the last complete scan. */
const countedAtOnce = 1_000;

/**
 * Whether an order's last verdict leaves money to account for. A withdrawn order does only if money was seen: otherwise the
 * checkout has said that it expects none.
 */
export function isUnresolvedMoney({ verdict, moneySeen }: Pick<Progress, 'verdict' | 'moneySeen'>): boolean {
  return verdict?.status === 'unresolved' && (verdict.reason !== 'withdrawn' || moneySeen);
}

/** The value stored for an unresolved order: verdict time, amount, currency and account. */
export function unresolvedEntry(order: Order, at: number): string {
  return [at, order.amountMinor, order.currency, order.account].join(' ');
}

/** Parses a value of `unresolvedEntry`; `null` if it has another form. */
function parseEntry(orderId: string, entry: string): UnresolvedMoney | null {
  const [, at, amountMinor, currency = '', account = ''] =
    /^(\d{1,15}) (\d{1,15}) ([A-Z]{3}) (\S{1,64})$/.exec(entry) ?? [];
  if (at === undefined) return null;
  return { orderId, at: Number(at), amountMinor: Number(amountMinor), currency, account };
}

/**
 * Totals of all orders whose last verdict is unresolved. Few orders are counted at once; for many, the totals are from the
 * sweeper's last complete scan. `null`: there are many, and no scan is complete yet.
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

/** Of each account, the order that has been unresolved for longest. Scans all unresolved orders. */
export async function oldestUnresolved(
  redis: Redis,
  keys: Keys,
): Promise<Map<string, { readonly orderId: string; readonly since: number; readonly currency: string }>> {
  const oldest = new Map<
    string,
    { readonly orderId: string; readonly since: number; readonly currency: string }
  >();
  let cursor = '0';
  do {
    const [next, found] = await redis.hscan(keys.unresolved, cursor, 'COUNT', stepSize);
    for (let nth = 0; nth + 1 < found.length; nth += 2) {
      const money = parseEntry(found[nth] as string, found[nth + 1] as string);
      if (money === null || money.at >= (oldest.get(money.account)?.since ?? Number.POSITIVE_INFINITY))
        continue;
      oldest.set(money.account, { orderId: money.orderId, since: money.at, currency: money.currency });
    }
    cursor = next;
  } while (cursor !== '0');
  return oldest;
}

/** The ids of an account's unresolved orders. */
export async function* unresolvedOf(redis: Redis, keys: Keys, account: string): AsyncGenerator<string> {
  let cursor = '0';
  do {
    const [next, found] = await redis.hscan(keys.unresolved, cursor, 'COUNT', stepSize);
    for (let nth = 0; nth + 1 < found.length; nth += 2) {
      const money = parseEntry(found[nth] as string, found[nth + 1] as string);
      if (money?.account === account) yield money.orderId;
    }
    cursor = next;
  } while (cursor !== '0');
}

/** The state of a scan: the HSCAN cursor, and the totals so far. */
interface Walk {
  readonly cursor: string;
  readonly tally: UnresolvedTally;
}

/**
 * Continues the scan over the unresolved orders, a bounded number per call: adds up the totals for `readUnresolved`, and removes
 * entries older than `forgetBefore` (epoch ms) whose record is gone. HSCAN may return an entry twice while the hash shrinks;
 * the next scan corrects that.
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

/** Parses the state of a scan; an invalid one restarts the scan. */
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
