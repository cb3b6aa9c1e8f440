import { orderIdPattern, type VerdictStatus, verdictStatuses } from '../domain/order.ts';
import type { Keys } from '../redis/keys.ts';
import { isRedisFault } from '../redis/redis-fault.ts';
import { orderIdOfMember, rangeOf, tailOf, tailPattern } from './lookup-index.ts';
import { accountOf, canMatch, lookupOf, matches, type OrderFilter, type OrderState } from './order-filter.ts';
import type { OrderIndex, Place } from './order-index.ts';
import type { OrderRecord } from './record.ts';
import type { OrderStore } from './store.ts';

export interface SearchParts {
  readonly keys: Keys;
  readonly index: OrderIndex;
  readonly store: Pick<OrderStore, 'read'>;
  readonly indexedMetadata: readonly string[];
}

/** Some of the orders that match, latest first; with a lookup over several accounts, account by account. */
export interface FoundOrders {
  readonly records: readonly OrderRecord[];
  /**
   * The place to continue from; `null` at the end. A page may be short or empty and have one: one search examines a bounded
   * number of orders. Names an order that was examined, which the reader may not be allowed to see.
   */
  readonly next: string | null;
}

/** Thrown for a place that does not belong to a search of this kind. */
export class InvalidPlaceError extends Error {
  override readonly name = 'InvalidPlaceError';
}

/** Orders examined per search, and how long that may take, in ms. At least one batch is examined. */
const examinedLimit = 10_000;
const timeLimitMs = 40;
const batchSize = 500;
/** Records read at once: each is parsed whole. */
const readSize = 100;

/**
 * Finds orders. Values that are indexed are looked up; otherwise the orders are examined from the latest on.
 *
 * @param after `next` of the page before; `null` for the first page
 * @throws InvalidPlaceError when `after` comes from another search
 */
export async function searchOrders(
  parts: SearchParts,
  filter: OrderFilter,
  limit: number,
  after: string | null,
): Promise<FoundOrders> {
  const source = sourceOf(parts, filter, after);
  const startedAt = performance.now();
  const records: OrderRecord[] = [];
  let next = after;
  for (let examined = 0; ; ) {
    // Without a filter every order matches, and no more than a page of them is needed.
    const size = examined === 0 && source.mostMatch ? Math.min(limit, batchSize) : batchSize;
    const batch = await source.next(size);
    if (batch.length === 0) return { records, next: null };
    examined += batch.length;
    const possible = await possibleAmong(parts, filter, batch);
    for (let from = 0; from < possible.length; from += readSize) {
      const some = possible.slice(from, from + readSize);
      const found = await Promise.all(some.map(({ orderId }) => readIfPossible(parts, orderId)));
      for (const [nth, record] of found.entries()) {
        next = some[nth]?.position ?? next;
        if (record !== null && matches(filter, record)) records.push(record);
        if (records.length === limit) return { records, next };
      }
    }
    next = batch.at(-1)?.position ?? next;
    const isLate = performance.now() - startedAt > timeLimitMs;
    if (examined >= examinedLimit || isLate) return { records, next };
  }
}

/** An order to be examined, and the position after it. */
interface Candidate {
  readonly orderId: string;
  readonly position: string;
}

interface Source {
  /** True if most candidates will match. */
  readonly mostMatch: boolean;
  next(count: number): Promise<readonly Candidate[]>;
}

function sourceOf(parts: SearchParts, filter: OrderFilter, after: string | null): Source {
  const lookup = lookupOf(filter, parts.indexedMetadata);
  if (lookup === null) return byTime(parts, filter, after);
  const range = rangeOf(parts.keys, lookup, accountOf(filter));
  if (after !== null && !tailPattern.test(after)) throw new InvalidPlaceError('not a place in this search');
  let position = after;
  return {
    mostMatch: true,
    async next(count) {
      const members = await parts.index.inRange(range, position, count);
      position = members.length === 0 ? position : tailOf(members.at(-1) as string);
      return members.map((member) => ({ orderId: orderIdOfMember(member), position: tailOf(member) }));
    },
  };
}

function byTime({ index }: SearchParts, filter: OrderFilter, after: string | null): Source {
  const { status, phase, account, accounts, metadata = [], from = 0, to } = filter;
  // Before all ids of the time `to`, which is exclusive.
  let place: Place | null =
    after === null ? (to === undefined ? null : { createdAt: to, orderId: '' }) : placeOf(after);
  const isAsking = phase === 'asking' || status === 'none';
  const only = isAsking ? 'asking' : phase !== undefined || status !== undefined ? 'settled' : null;
  return {
    mostMatch: [status, phase, account, accounts ?? undefined, metadata[0]].every(
      (each) => each === undefined,
    ),
    async next(count) {
      const places = await index.latest(place, count, from, only);
      place = places.at(-1) ?? place;
      return places.map((each) => ({ orderId: each.orderId, position: textOf(each) }));
    },
  };
}

function textOf({ createdAt, orderId }: Place): string {
  return `${createdAt}.${orderId}`;
}

function placeOf(text: string): Place {
  const [, createdAt, orderId = ''] = /^(\d{1,15})\.(.+)$/.exec(text) ?? [];
  if (createdAt === undefined || !orderIdPattern.test(orderId))
    throw new InvalidPlaceError('not a place in this search');
  return { createdAt: Number(createdAt), orderId };
}

/** The candidates that can match by their state, which costs a tenth of reading their records. */
async function possibleAmong(
  { index }: SearchParts,
  filter: OrderFilter,
  batch: readonly Candidate[],
): Promise<readonly Candidate[]> {
  const { status, phase, account, accounts } = filter;
  if ([status, phase, account, accounts ?? undefined].every((each) => each === undefined)) return batch;
  const names = ['account', 'phase', 'progress', 'status'];
  const found = await index.fields(
    batch.map(({ orderId }) => orderId),
    names,
  );
  return batch.filter((_, nth) => {
    const state = stateOf(found[nth] ?? []);
    return state !== null && canMatch(filter, state);
  });
}

/** The state of an order from fields of its record; `null` if there is none. */
function stateOf([account, phase, progress, status]: readonly (string | null)[]): OrderState | null {
  if (account == null || phase == null) return null;
  // Records of earlier releases have a field for it.
  if (status != null) return { account, phase, status: asStatus(status) };
  return { account, phase, status: asStatus(/"status":"(\w+)"/.exec(progress ?? '')?.[1]) };
}

function asStatus(text: string | undefined): VerdictStatus | null {
  return verdictStatuses.find((status) => status === text) ?? null;
}

/** The record, or `null` if it is gone or cannot be read: one damaged record must not hide all others. */
async function readIfPossible({ store }: SearchParts, orderId: string): Promise<OrderRecord | null> {
  try {
    return await store.read(orderId);
  } catch (error) {
    if (isRedisFault(error)) throw error;
    return null;
  }
}
