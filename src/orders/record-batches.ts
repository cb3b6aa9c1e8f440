import type { Order, Reading } from '../domain/order.ts';
import type { Progress } from '../domain/progress.ts';
import { eventFields, type ResultEvent } from '../domain/result-event.ts';
import { createBatcher } from '../redis/batcher.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';
import {
  canonicalReference,
  newRecordFields,
  newRevision,
  parseRecord,
  progressFields,
  queryField,
} from './codec.ts';
import { type IndexEntry, rangeOf, receiptEntriesOf } from './lookup-index.ts';
import {
  type Owning,
  owningOf,
  type PaymentRules,
  paymentsWithin,
  type ReferenceRules,
  referenceName,
} from './ownership.ts';
import type { Fields, OrderRecord, RecordUpdate } from './record.ts';
import { countersOf, hourOf } from './statistics.ts';
import { isUnresolvedMoney, unresolvedEntry } from './unresolved.ts';
import { usedEntry } from './used-payments.ts';

const openScript = loadScript('open', import.meta.url);
const readScript = loadScript('read', import.meta.url);
const settleScript = loadScript('settle-batch', import.meta.url);

const dayMs = 86_400_000;
const statisticsLifeMs = 8 * dayMs;
/** Most orders in one script, so that it does not block Redis for long. */
const batchLimit = 50;

/**
 * Outcome of `OrderStore.open`. `nextPollAt` is `null` if the order is already closed; `sharing` lists some open orders with
 * the same reference. `in-use`: the order `usedBy` was paid under this reference.
 */
export type OpenResult =
  | {
      readonly outcome: 'new' | 'same';
      readonly nextPollAt: number | null;
      readonly sharing?: readonly string[];
    }
  | { readonly outcome: 'in-use'; readonly usedBy: string }
  | { readonly outcome: 'conflict' };

/** One change of an order, decided on the given record. */
export interface Transition extends RecordUpdate {
  readonly record: OrderRecord;
  readonly nextPollAt: number | null;
  readonly event: ResultEvent | null;
  /** The inbox entry that the reading came from, which is removed with this transition; `null` for a poll. */
  readonly entry: string | null;
  /** The reading with the doubt `receipt-used` on which this rests. If no order owns its payment any more: `stale`. */
  readonly used?: Reading | null;
  /** The account's rules on which payments are the same. Default: payments are distinguished within the account. */
  readonly payments?: PaymentRules;
}

/**
 * `used`: the order `usedBy` has claimed the payment that this transition is based on; nothing was written.
 * `settled`: `nextPollAt` is earlier than decided if a poll was requested meanwhile; `neglected` says which sorted set or
 * statistic could not be written, and why. `taken`: another process has settled this inbox entry. `stale`: read and
 * decide again.
 */
export type SettleResult =
  | { readonly outcome: 'settled'; readonly nextPollAt: number | null; readonly neglected?: string }
  | { readonly outcome: 'taken'; readonly nextPollAt: number | null }
  | { readonly outcome: 'used'; readonly usedBy: string }
  | { readonly outcome: 'stale' | 'gone' };

/** A script's reply for one order: the outcome, then the time of the next poll or the error. */
type Reply<Outcome> = readonly [outcome: Outcome | 'failed', detail: string | undefined, more?: string];

/**
 * The three operations on every order (open, read, settle), each for a batch of orders in one script. Every order still
 * succeeds or fails as a whole, and independently of the others.
 */
export function createRecordBatches({
  redis,
  keys,
  retentionMs,
}: {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly retentionMs: number;
}) {
  async function readBatch(orderIds: readonly string[]): Promise<(OrderRecord | null | Error)[]> {
    const reply = await readScript.run(redis, orderIds.map(keys.order), []);
    return (JSON.parse(reply as string) as Stored[]).map((stored, index) =>
      resultOrError(() => parseRecord(orderIds[index] as string, fieldsOf(stored))),
    );
  }

  const openBatched = createBatcher<Opening, Reply<OpenResult['outcome']>>(
    async (openings) =>
      (await openScript.run(
        redis,
        [keys.open, keys.asking, ...openings.flatMap((opening) => keysOf(opening, keys))],
        openings.flatMap((opening) => [keysOf(opening, keys).length, ...withCount(openArgs(opening, keys))]),
      )) as Reply<OpenResult['outcome']>[],
    batchLimit,
  );

  /** The script needs a key in this place, but does not touch it when nothing is published. */
  const noStatistics = keys.statistics('-');

  function settleCallOf(step: Transition): { readonly keys: string[]; readonly args: (string | number)[] } {
    const { record, event } = step;
    const { order } = record;
    const rules = step.payments ?? paymentsWithin(order.account);
    const owning = owningOf(order, step, event, step.used ?? null, rules, keys);
    const entries = receiptEntriesOf(keys, order, step.history, record.history);
    return {
      keys: [
        keys.order(order.orderId),
        keys.inbox(order.orderId),
        event === null ? noStatistics : keys.statistics(hourOf(Date.parse(event.time))),
        ...(owning?.keys ?? []),
        ...entries.map(({ key }) => key),
      ],
      args: settleArgs(step, owning, entries, retentionMs),
    };
  }

  const settleBatched = createBatcher<Transition, Reply<SettleResult['outcome']>>(async (steps) => {
    const calls = steps.map((step) => settleCallOf(step));
    return (await settleScript.run(
      redis,
      [
        keys.open,
        keys.results,
        keys.unresolved,
        keys.asking,
        keys.used,
        keys.settled,
        ...calls.flatMap(({ keys }) => keys),
      ],
      calls.flatMap(({ keys, args }) => [keys.length, ...withCount(args)]),
    )) as Reply<SettleResult['outcome']>[];
  }, batchLimit);

  return { open: openBatched, read: createBatcher(readBatch, batchLimit), settle: settleBatched };
}

/** The arguments of `OrderStore.open`. */
interface Opening {
  readonly order: Order;
  readonly nextPollAt: number;
  readonly entries: readonly IndexEntry[];
  readonly payments: ReferenceRules;
}

function keysOf({ order, entries, payments }: Opening, keys: Keys): string[] {
  return [
    keys.order(order.orderId),
    keys.paid(payments.references, referenceName(order.reference)),
    ...entries.map(({ key }) => key),
  ];
}

/** The arguments of `open.lua` for one order. */
function openArgs({ order, nextPollAt, entries, payments }: Opening, keys: Keys): (string | number)[] {
  const { orderId, createdAt, account, reference, amountMinor, currency } = order;
  const { prefix } = rangeOf(keys, { kind: 'reference', value: referenceName(reference) }, account);
  return [
    ...[orderId, nextPollAt, createdAt, prefix, payments.isShared ? 1 : ''],
    ...[account, canonicalReference(reference), amountMinor, currency],
    ...entries.map(({ member }) => member),
    ...Object.entries(newRecordFields(order, nextPollAt)).flat(),
  ];
}

/** The arguments of `settle-batch.lua` for one order. */
function settleArgs(
  { record, nextPollAt, event, entry, ...update }: Transition,
  owning: Owning | null,
  entries: readonly IndexEntry[],
  retentionMs: number,
) {
  const { order, revision, hints } = record;
  const fields = changedFields(record, update, owning);
  return [
    ...[order.orderId, revision, nextPollAt ?? '', retentionMs, hints, entry ?? '', owning?.text ?? ''],
    ...[entries.map(({ member }) => member).join(' ')],
    ...[fields.length, ...fields],
    ...(event === null ? [] : publishArgs(event, order, update.progress)),
  ];
}

/** The fields that a transition writes. */
function changedFields(record: OrderRecord, update: RecordUpdate, owning: Owning | null): string[] {
  return Object.entries({
    // Must come first: the script reads it by position. ioredis resends a script whose reply was lost; the revision shows the
    // script that the change it finds is the same transition, not another process' one.
    revision: newRevision(),
    ...progressFields(update),
    ...(record.query !== update.query && queryField(update.query)),
    // From these fields the sweeper restores claims that were deleted.
    ...(owning?.text.startsWith('take') && {
      owns: JSON.stringify(owning.keys),
      shares: owning.text.endsWith('shared') ? 1 : '',
    }),
  }).flat() as string[];
}

/** The further arguments of `settle.lua` when a verdict is published. */
function publishArgs(event: ResultEvent, order: Order, progress: Progress): (string | number)[] {
  const unresolved = isUnresolvedMoney(progress) ? unresolvedEntry(order, Date.parse(event.time)) : '';
  const counters = countersOf(event);
  return [
    unresolved,
    usedEntry(event),
    statisticsLifeMs,
    counters.length,
    ...counters,
    ...eventFields(event),
  ];
}

/** Arguments preceded by their number. */
function withCount(args: readonly (string | number)[]): (string | number)[] {
  return [args.length, ...args];
}

/** Alternating fields and values of a hash, or the error of reading it. Lua's JSON encodes an empty list as {}. */
type Stored = readonly string[] | string | Record<string, never>;

/** @throws when the hash could not be read */
function fieldsOf(stored: Stored): Fields {
  if (typeof stored === 'string') throw new Error(stored);
  const fields: { [name: string]: string } = {};
  if (!Array.isArray(stored)) return fields;
  for (let nth = 0; nth < stored.length; nth += 2) fields[stored[nth]] = stored[nth + 1];
  return fields;
}

/** Returns the error instead of throwing it, so that one unreadable record does not fail its batch. */
function resultOrError<T>(work: () => T): T | Error {
  try {
    return work();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
