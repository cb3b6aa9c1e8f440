import { randomBytes } from 'node:crypto';
import type { Order } from '../domain/order.ts';
import { eventFields, type ResultEvent } from '../domain/result-event.ts';
import { createBatcher } from '../redis/batcher.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';
import {
  canonicalReference,
  newRecordFields,
  orderFields,
  parseRecord,
  progressFields,
  queryField,
} from './codec.ts';
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
import { unresolvedEntry } from './unresolved.ts';
import { usedEntry } from './used-payments.ts';

const openScript = loadScript('open', import.meta.url);
const readScript = loadScript('read', import.meta.url);
const settleScript = loadScript('settle-batch', import.meta.url);

const dayMs = 86_400_000;
/** Callbacks are minutes, seldom hours late; a hint for an older order has nothing left to promote. */
const namesLifeMs = 8 * dayMs;
const statisticsLifeMs = 8 * dayMs;
/** Orders in one script at most, so that no other client waits long for Redis. */
const batchLimit = 50;

/**
 * What became of an order handed in. `nextPollAt` is `null` when it is closed already; `sharing` are some open orders under
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

/** One step of an order, decided on the given record. */
export interface Transition extends RecordUpdate {
  readonly record: OrderRecord;
  readonly nextPollAt: number | null;
  readonly event: ResultEvent | null;
  /** The entry of the inbox that the reading came from, and that leaves it with this step; `null` for a poll. */
  readonly entry: string | null;
  /** How far the account's payments are told apart. Default: within the account. */
  readonly payments?: PaymentRules;
}

/**
 * `used`: the order `usedBy` was paid by the payment that this step rests on; nothing was written.
 * `settled`: `nextPollAt` may be earlier than asked for, somebody wanted a poll meanwhile; `neglected` says which list or
 * figure could not be written, and why. `taken`: another process has settled this entry of the inbox. `stale`: read and
 * decide again.
 */
export type SettleResult =
  | { readonly outcome: 'settled'; readonly nextPollAt: number | null; readonly neglected?: string }
  | { readonly outcome: 'taken'; readonly nextPollAt: number | null }
  | { readonly outcome: 'used'; readonly usedBy: string }
  | { readonly outcome: 'stale' | 'gone' };

/** What a script says of one order: an outcome, and the time of its next poll or why it failed. */
type Reply<Outcome> = readonly [outcome: Outcome | 'failed', detail: string | undefined, more?: string];

/**
 * The three steps of every order (accepted, read, moved), each for many orders in one script: what happens to one of them
 * in Redis is still all or nothing, and none hinders another.
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
      attempt(() => parseRecord(orderIds[index] as string, fieldsOf(stored))),
    );
  }

  const openBatched = createBatcher<Opening, Reply<OpenResult['outcome']>>(
    async (openings) =>
      (await openScript.run(
        redis,
        [keys.open, keys.asking, ...openings.flatMap((opening) => keysOf(opening, keys))],
        openings.flatMap((opening) => [keysOf(opening, keys).length, ...counted(openingArgs(opening))]),
      )) as Reply<OpenResult['outcome']>[],
    batchLimit,
  );

  /** Where nothing is published, nothing is counted. */
  const noStatistics = keys.statistics('-');

  function settlingOf(step: Transition): { readonly keys: string[]; readonly args: (string | number)[] } {
    const { record, event } = step;
    const { order } = record;
    const owning = owningOf(order, step, event, step.payments ?? paymentsWithin(order.account), keys);
    return {
      keys: [
        keys.order(order.orderId),
        keys.inbox(order.orderId),
        event === null ? noStatistics : keys.statistics(hourOf(Date.parse(event.time))),
        ...(owning?.keys ?? []),
      ],
      args: settling(step, owning, retentionMs),
    };
  }

  const settleBatched = createBatcher<Transition, Reply<SettleResult['outcome']>>(async (steps) => {
    const settlings = steps.map((step) => settlingOf(step));
    return (await settleScript.run(
      redis,
      [
        keys.open,
        keys.results,
        keys.unresolved,
        keys.asking,
        keys.used,
        ...settlings.flatMap(({ keys }) => keys),
      ],
      settlings.flatMap(({ keys, args }) => [keys.length, ...counted(args)]),
    )) as Reply<SettleResult['outcome']>[];
  }, batchLimit);

  return { open: openBatched, read: createBatcher(readBatch, batchLimit), settle: settleBatched };
}

/** A new order on its way to its record. */
interface Opening {
  readonly order: Order;
  readonly nextPollAt: number;
  readonly names: readonly string[];
  readonly payments: ReferenceRules;
}

function keysOf({ order, names, payments }: Opening, keys: Keys): string[] {
  const { orderId, account, reference } = order;
  const name = referenceName(reference);
  return [
    keys.order(orderId),
    keys.paid(payments.references, name),
    ...[...new Set([name, ...names])].map((each) => keys.reference(account, each)),
  ];
}

/** What an order hands to the script. */
function openingArgs({ order, nextPollAt, payments }: Opening): (string | number)[] {
  const { orderId, createdAt, schedule, account, reference, amountMinor, currency } = order;
  return [
    ...[orderId, nextPollAt, createdAt, schedule.deadlineMs + namesLifeMs, payments.isShared ? 1 : ''],
    ...[account, canonicalReference(reference), amountMinor, currency],
    ...Object.entries(newRecordFields(order, nextPollAt)).flat(),
  ];
}

/** What a step hands to the script. */
function settling(
  { record, nextPollAt, event, entry, ...movement }: Transition,
  owning: Owning | null,
  retentionMs: number,
) {
  const { order, revision, hints } = record;
  const fields = changedFields(record, movement, owning);
  return [
    ...[order.orderId, revision, nextPollAt ?? '', retentionMs, hints, entry ?? '', owning?.text ?? ''],
    ...[fields.length, ...fields],
    ...(event === null ? [] : publishing(event, order)),
  ];
}

/** The fields that a step writes. Nobody else has changed them since, or the step is stale. */
function changedFields(record: OrderRecord, movement: RecordUpdate, owning: Owning | null): string[] {
  return Object.entries({
    // First, where the script looks for it. A client sends a script again when its connection was lost before the reply came:
    // by this, the step is told from somebody else's.
    step: randomBytes(6).toString('base64url'),
    ...progressFields(movement),
    ...(record.query !== movement.query && queryField(movement.query)),
    ...(record.isOldForm && orderFields(record.order)),
    // For the sweeper: should one of these keys be deleted, it is made again.
    ...(owning?.text.startsWith('take') && { owns: JSON.stringify(owning.keys) }),
  }).flat() as string[];
}

/** What a publishing step hands to the script besides the record's fields. */
function publishing(event: ResultEvent, order: Order): (string | number)[] {
  const unresolved = event.data.status === 'unresolved' ? unresolvedEntry(order, Date.parse(event.time)) : '';
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

function counted(args: readonly (string | number)[]): (string | number)[] {
  return [args.length, ...args];
}

/** The fields of a hash and their values in turn, or why it could not be read. An empty list is {} in Lua's JSON. */
type Stored = readonly string[] | string | Record<string, never>;

/** @throws when it is the error of reading it */
function fieldsOf(stored: Stored): Fields {
  if (typeof stored === 'string') throw new Error(stored);
  const fields: { [name: string]: string } = {};
  if (!Array.isArray(stored)) return fields;
  for (let nth = 0; nth < stored.length; nth += 2) fields[stored[nth]] = stored[nth + 1];
  return fields;
}

/** What the work gives, or its error. */
function attempt<T>(work: () => T): T | Error {
  try {
    return work();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
