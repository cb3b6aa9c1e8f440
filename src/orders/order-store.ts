import { createBatcher } from '../batcher.ts';
import type { Order, Reading } from '../order.ts';
import type { Redis } from '../redis.ts';
import { eventFields, type ResultEvent } from '../results/event.ts';
import type { Keys } from './keys.ts';
import {
  canonicalReference,
  type Movement,
  newRecordFields,
  type OrderRecord,
  type PendingQuery,
  parseRecord,
  progressFields,
  recordFieldNames,
} from './record.ts';
import { loadScript } from './script.ts';
import { countersOf, hourOf, unresolvedEntry } from './statistics.ts';

const openScript = loadScript('open');
const readScript = loadScript('read');
const settleScript = loadScript('settle');
const relistScript = loadScript('relist');
const hintScript = loadScript('hint');
const beginQueryScript = loadScript('begin-query');
const deliverScript = loadScript('deliver');

/** What became of an order handed in. `nextPollAt` is `null` when it is closed already. */
export type Opened =
  | { readonly outcome: 'new' | 'same'; readonly nextPollAt: number | null }
  | { readonly outcome: 'conflict' };

/** One step of an order, decided on the given record. */
export interface Step extends Movement {
  readonly record: OrderRecord;
  readonly nextPollAt: number | null;
  readonly event: ResultEvent | null;
  /** The entry of the inbox that the reading came from, and that leaves it with this step; `null` for a poll. */
  readonly entry: string | null;
}

/**
 * `settled`: `nextPollAt` may be earlier than asked for, somebody wanted a poll meanwhile. `taken`: another process has
 * settled this entry of the inbox. `stale`: read and decide again.
 */
export type Settled =
  | { readonly outcome: 'settled' | 'taken'; readonly nextPollAt: number | null }
  | { readonly outcome: 'stale' | 'gone' };

/** `wake`: poll at `at`. `waiting`: an earlier wish is still to be served. */
export type Hinted =
  | { readonly outcome: 'wake'; readonly at: number }
  | { readonly outcome: 'waiting' | 'closed' | 'gone' };

/** An answer that was pushed to us, waiting for a worker. */
export interface PushedReading {
  readonly queryId: string;
  readonly reading: Reading;
}

/** A pushed answer in the inbox of its order. `pushed` is `null` when the entry cannot be read. */
export interface InboxEntry {
  readonly entry: string;
  readonly pushed: PushedReading | null;
}

/**
 * The order records and the results stream: the only place that writes either. Each write is one script on one slot, so
 * a crash leaves the state before or after, never between.
 */
export interface OrderStore {
  /**
   * Records a new order. Accepting it twice changes nothing; other facts under the same id are a conflict.
   * `names` are the strings under which a callback may speak of it.
   */
  open(order: Order, nextPollAt: number, names: readonly string[]): Promise<Opened>;
  read(orderId: string): Promise<OrderRecord | null>;
  /** `stale`: another process moved the order since `step.record` was read; read and decide again. */
  settle(step: Step): Promise<Settled>;
  /** Makes the lists of open orders agree with the order's record. */
  relist(orderId: string): Promise<void>;
  /** Notes that somebody wants the order polled now; the caller then wakes its job. */
  hint(orderId: string, now: number, minIntervalMs: number): Promise<Hinted>;
  /** The orders that an account's provider knows by one of these names. */
  ordersNamed(account: string, names: readonly string[]): Promise<string[]>;
  /** Remembers a query before it is sent; nothing of an order that is gone. */
  beginQuery(orderId: string, query: PendingQuery): Promise<void>;
  /** The order that a query asked about, `''` when its token was used up lately, `null` for an unknown one. */
  orderOfQuery(queryId: string): Promise<string | null>;
  /** Takes in a pushed answer. `usesUp`: no further answer under this token is awaited. */
  deliver(
    orderId: string,
    pushed: PushedReading,
    usesUp: boolean,
    now: number,
  ): Promise<'delivered' | 'unknown' | 'gone'>;
  /** Pushed answers that no step has taken yet, oldest first. */
  inbox(orderId: string): Promise<InboxEntry[]>;
  /** Drops an entry of the inbox that cannot be read: it would stand before all others for ever. */
  drop(orderId: string, entry: string): Promise<void>;
}

export interface OrderStoreParts {
  readonly redis: Redis;
  readonly keys: Keys;
  /** How long a closed record is kept. */
  readonly retentionMs: number;
}

const dayMs = 86_400_000;
/** Callbacks are minutes, seldom hours late; a hint for an older order has nothing left to hasten. */
const namesLifeMs = 8 * dayMs;
/** A late answer of a query that counts as lost is still evidence. */
const queryLifeMs = 3 * dayMs;
const inboxLifeMs = 30 * dayMs;
const inboxLimit = 20;
const statisticsLifeMs = 8 * dayMs;

/** Orders in one script at most, so that no other client waits long for Redis. */
const batchLimit = 50;

export function createOrderStore({ redis, keys, retentionMs }: OrderStoreParts): OrderStore {
  async function readBatch(orderIds: readonly string[]): Promise<(OrderRecord | null | Error)[]> {
    const reply = await readScript.run(redis, orderIds.map(keys.order), recordFieldNames);
    return (JSON.parse(reply as string) as ((string | false)[] | string)[]).map((values, index) =>
      attempt(() => parseRecord(orderIds[index] as string, fieldsOf(values))),
    );
  }

  /** Where nothing is published, nothing is counted. */
  const noStatistics = keys.statistics('-');

  const settleBatched = createBatcher<Step, [Settled['outcome'] | 'failed', string | undefined]>(
    async (steps) =>
      (await settleScript.run(
        redis,
        [
          ...[keys.open, keys.results, keys.unresolved, keys.asking],
          ...steps.flatMap(({ record: { order }, event }) => [
            keys.order(order.orderId),
            keys.inbox(order.orderId),
            event === null ? noStatistics : keys.statistics(hourOf(Date.parse(event.time))),
          ]),
        ],
        steps.flatMap((step) => counted(settling(step, retentionMs))),
      )) as [Settled['outcome'], string | undefined][],
    batchLimit,
  );

  return {
    async open(order, nextPollAt, names) {
      const facts = [order.account, canonicalReference(order.reference), order.amountMinor, order.currency];
      const index = names.map((name) => keys.reference(order.account, name));
      const fields = Object.entries(newRecordFields(order, nextPollAt)).flat();
      const reply = await openScript.run(
        redis,
        [keys.order(order.orderId), keys.open, keys.asking, ...index],
        [order.orderId, nextPollAt, order.schedule.deadlineMs + namesLifeMs, ...facts, ...fields],
      );
      const [outcome, at] = reply as ['new' | 'same' | 'conflict', string];
      return outcome === 'conflict' ? { outcome } : { outcome, nextPollAt: at === '' ? null : Number(at) };
    },

    read: createBatcher(readBatch, batchLimit),

    async settle(step) {
      const reply = await settleBatched(step);
      const [outcome, detail] = reply;
      if (outcome === 'failed')
        throw new Error(`Order ${step.record.order.orderId} was not settled: ${detail}`);
      if (outcome === 'stale' || outcome === 'gone') return { outcome };
      return { outcome, nextPollAt: detail ? Number(detail) : null };
    },

    async relist(orderId) {
      await relistScript.run(redis, [keys.order(orderId), keys.open, keys.asking], [orderId]);
    },

    async hint(orderId, now, minIntervalMs) {
      const reply = await hintScript.run(redis, [keys.order(orderId)], [now, minIntervalMs]);
      const [outcome, at] = reply as [Hinted['outcome'], string | undefined];
      return outcome === 'wake' ? { outcome, at: Number(at) } : { outcome };
    },

    async ordersNamed(account, names) {
      return names.length === 0 ? [] : redis.sunion(names.map((name) => keys.reference(account, name)));
    },

    async beginQuery(orderId, query) {
      await beginQueryScript.run(
        redis,
        [keys.query(query.id), keys.order(orderId)],
        [orderId, queryLifeMs, JSON.stringify(query)],
      );
    },

    orderOfQuery: (queryId) => redis.get(keys.query(queryId)),

    async deliver(orderId, pushed, usesUp, now) {
      const reply = await deliverScript.run(
        redis,
        [keys.query(pushed.queryId), keys.order(orderId), keys.inbox(orderId), keys.open],
        [orderId, now, JSON.stringify(pushed), usesUp ? 1 : 0, inboxLimit, inboxLifeMs],
      );
      return reply as 'delivered' | 'unknown' | 'gone';
    },

    async inbox(orderId) {
      const entries = await redis.lrange(keys.inbox(orderId), 0, -1);
      return entries.map((entry) => ({ entry, pushed: parsePushed(entry) }));
    },

    async drop(orderId, entry) {
      await redis.lrem(keys.inbox(orderId), 1, entry);
    },
  };
}

/** What a step hands to the script. */
function settling({ record, nextPollAt, event, entry, ...movement }: Step, retentionMs: number) {
  const { order, revision, hints } = record;
  const fields = changedFields(record, movement);
  return [
    ...[order.orderId, revision, nextPollAt ?? '', retentionMs, hints, entry ?? ''],
    ...[fields.length, ...fields],
    ...(event === null ? [] : publishing(event, order)),
  ];
}

/** The fields that a step changes: nobody else has changed them since, or the step is stale. */
function changedFields(record: OrderRecord, movement: Movement): string[] {
  const before = progressFields({ ...record, history: [] });
  return Object.entries(progressFields(movement))
    .filter(([name, value]) => before[name] !== value)
    .flat();
}

function parsePushed(entry: string): PushedReading | null {
  try {
    const pushed = JSON.parse(entry) as Partial<PushedReading> | null;
    const { queryId, reading } = pushed ?? {};
    return typeof queryId === 'string' && typeof reading?.kind === 'string' ? { queryId, reading } : null;
  } catch {
    return null;
  }
}

/** What a publishing step hands to the script besides the record's fields. */
function publishing(event: ResultEvent, order: Order): (string | number)[] {
  const unresolved = event.data.status === 'unresolved' ? unresolvedEntry(order, Date.parse(event.time)) : '';
  const counters = countersOf(event);
  return [unresolved, statisticsLifeMs, counters.length, ...counters, ...eventFields(event)];
}

function counted(args: readonly (string | number)[]): (string | number)[] {
  return [args.length, ...args];
}

/** @throws when the values are the error of reading them */
function fieldsOf(values: readonly (string | false)[] | string): { [name: string]: string } {
  if (typeof values === 'string') throw new Error(values);
  const fields: { [name: string]: string } = {};
  values.forEach((value, index) => {
    if (value !== false) fields[recordFieldNames[index] as string] = value;
  });
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
