import type { Order, Reading } from '../domain/order.ts';
import { eventFields, type ResultEvent } from '../domain/result-event.ts';
import { isWrongType, type Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';
import type { Acknowledgement } from './acknowledgement.ts';
import { entriesOf } from './lookup-index.ts';
import { ordersNamed } from './orders-named.ts';
import { paymentsWithin, type ReferenceRules } from './ownership.ts';
import type { OrderRecord, PendingQuery } from './record.ts';
import {
  createRecordBatches,
  type OpenResult,
  type SettleResult,
  type Transition,
} from './record-batches.ts';
import { isUnresolvedMoney, unresolvedEntry } from './unresolved.ts';

const relistScript = loadScript('relist', import.meta.url);
const acknowledgeScript = loadScript('acknowledge', import.meta.url);
const hintScript = loadScript('hint', import.meta.url);
const beginQueryScript = loadScript('begin-query', import.meta.url);
const deliverScript = loadScript('deliver', import.meta.url);
const missingScript = loadScript('missing-results', import.meta.url);
const restoreClaimsScript = loadScript('restore-claims', import.meta.url);
const republishScript = loadScript('republish', import.meta.url);

export type { OpenResult, SettleResult, Transition };

/** `promote`: the order is to be polled at `at`. `waiting`: an earlier poll request is still pending. */
export type HintResult =
  | {
      readonly outcome: 'promote';
      readonly at: number;
      /** Redis' time, if no time was given. */
      readonly now?: number;
    }
  | { readonly outcome: 'waiting' | 'closed' | 'gone' };

/** A pushed answer that waits for a worker. */
export interface PushedReading {
  readonly queryId: string;
  /** Fingerprint of the credentials that sent the query. Earlier releases did not store it. */
  readonly credentials?: string;
  readonly reading: Reading;
}

/** An order whose last result is missing from the stream. `result` is the field of its record that says where it was. */
export interface MissingResult {
  readonly orderId: string;
  readonly result: string;
}

/** A pushed answer in the inbox of its order. `pushed` is `null` if the entry cannot be parsed. */
export interface InboxEntry {
  readonly entry: string;
  readonly pushed: PushedReading | null;
}

/**
 * The only writer of the order records and the results stream. Each write is one script on one slot, so a crash never leaves a
 * partial write.
 */
export interface OrderStore {
  /**
   * Records a new order. Idempotent; different facts under the same id are a conflict. An order whose reference is claimed by
   * a paid order is refused, unless its account lets orders share payments.
   *
   * @param names further names by which the provider may call the order, in callbacks for example
   * @param payments the account's rules on which payments are the same; default: distinguished within the account
   * @param metadataKeys metadata keys by which the order can be found; default: none
   */
  open(
    order: Order,
    nextPollAt: number,
    names: readonly string[],
    payments?: ReferenceRules,
    metadataKeys?: readonly string[],
  ): Promise<OpenResult>;
  read(orderId: string): Promise<OrderRecord | null>;
  /** Writes a transition. `stale`: the record has changed since it was read; read it and decide again. */
  settle(step: Transition): Promise<SettleResult>;
  /** Repairs the order's entries in the sorted sets of open orders from its record. */
  relist(orderId: string): Promise<void>;
  /**
   * Records a poll request; the caller then promotes the order's job.
   *
   * @param now `null` for Redis' own clock
   * @param callback SHA-256 of the body of the callback that requests it, hex: kept as evidence, also of a closed order.
   *   Default: a person requests it
   */
  hint(orderId: string, now: number | null, minIntervalMs: number, callback?: string): Promise<HintResult>;
  /**
   * Acknowledges the last verdict, so that it no longer counts as unresolved money; `null` takes that back. `stale`: the record
   * has changed since it was read.
   */
  acknowledge(
    record: OrderRecord,
    acknowledgement: Acknowledgement | null,
  ): Promise<'done' | 'stale' | 'gone'>;
  /** The orders that an account's provider knows by one of these names, at most 200 per name. */
  ordersNamed(account: string, names: readonly string[]): Promise<string[]>;
  /** Records a query before it is sent. Does nothing if the order is gone. */
  beginQuery(orderId: string, query: PendingQuery): Promise<void>;
  /** The order of a query, `''` if its token was recently used up, `null` for an unknown token. */
  orderOfQuery(queryId: string): Promise<string | null>;
  /** Stores a pushed answer in the inbox. `usesUp`: no further answer is accepted under this token. */
  deliver(
    orderId: string,
    pushed: PushedReading,
    usesUp: boolean,
    now: number,
  ): Promise<'delivered' | 'unknown' | 'gone'>;
  /** Pushed answers that have not been settled yet, oldest first. */
  inbox(orderId: string): Promise<InboxEntry[]>;
  /** Finds orders whose last result, not older than `before`, is missing from the stream. */
  missingResults(orderIds: readonly string[], before: number): Promise<MissingResult[]>;
  /** Restores deleted payment claims of paid orders. Returns how many were restored per order. */
  restoreClaims(
    orderIds: readonly string[],
  ): Promise<{ readonly orderId: string; readonly restored: number }[]>;
  /** Publishes a missing result again. False if the record has changed or another process was faster. */
  republish(record: OrderRecord, result: string, event: ResultEvent): Promise<boolean>;
  /** Removes an inbox entry that cannot be parsed: it would block the inbox. */
  drop(orderId: string, entry: string): Promise<void>;
}

export interface OrderStoreParts {
  readonly redis: Redis;
  readonly keys: Keys;
  /** How long a closed record is kept. */
  readonly retentionMs: number;
}

const dayMs = 86_400_000;
/** Long, because an answer is evidence even if its query was already considered lost. */
const queryLifeMs = 3 * dayMs;
const inboxLifeMs = 30 * dayMs;
const inboxLimit = 20;
/** Different callbacks noted per order; the oldest are dropped first. */
const callbacksKept = 10;

export function createOrderStore({ redis, keys, retentionMs }: OrderStoreParts): OrderStore {
  const batched = createRecordBatches({ redis, keys, retentionMs });

  return {
    async open(order, nextPollAt, names, payments = paymentsWithin(order.account), metadataKeys = []) {
      const entries = entriesOf(keys, order, names, metadataKeys);
      const [outcome, detail, sharing] = await batched.open({ order, nextPollAt, entries, payments });
      if (outcome === 'failed') throw replyError(detail);
      if (outcome === 'conflict') return { outcome };
      if (outcome === 'in-use') return { outcome, usedBy: detail ?? '' };
      const opened = { outcome, nextPollAt: detail ? Number(detail) : null };
      return sharing ? { ...opened, sharing: sharing.split(' ') } : opened;
    },

    read: batched.read,

    async settle(step) {
      const [outcome, detail, neglected] = await batched.settle(step);
      if (outcome === 'failed')
        throw new Error(`Order ${step.record.order.orderId} was not settled: ${detail}`);
      if (outcome === 'stale' || outcome === 'gone') return { outcome };
      if (outcome === 'used') return { outcome, usedBy: detail ?? '' };
      const nextPollAt = detail ? Number(detail) : null;
      return outcome === 'settled' && neglected
        ? { outcome, nextPollAt, neglected }
        : { outcome, nextPollAt };
    },

    async relist(orderId) {
      await relistScript.run(redis, [keys.order(orderId), keys.open, keys.asking, keys.settled], [orderId]);
    },

    async hint(orderId, now, minIntervalMs, callback) {
      const reply = await hintScript.run(
        redis,
        [keys.order(orderId), keys.unresolved],
        [now ?? '', minIntervalMs, orderId, shortHash(callback), callbacksKept],
      );
      const [outcome, at, redisNow] = reply as [
        HintResult['outcome'],
        string | undefined,
        string | undefined,
      ];
      if (outcome !== 'promote') return { outcome };
      return { outcome, at: Number(at), ...(now === null && { now: Number(redisNow) }) };
    },

    async acknowledge(record, acknowledgement) {
      const { order, progress, revision } = record;
      const entry =
        progress.verdict !== null && isUnresolvedMoney(progress)
          ? unresolvedEntry(order, progress.verdict.at)
          : '';
      const reply = await acknowledgeScript.run(
        redis,
        [keys.order(order.orderId), keys.unresolved],
        [order.orderId, revision, acknowledgement === null ? '' : JSON.stringify(acknowledgement), entry],
      );
      return reply as 'done' | 'stale' | 'gone';
    },

    ordersNamed: (account, names) => ordersNamed(redis, keys, account, names),

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
      const entries = await redis.lrange(keys.inbox(orderId), 0, inboxLimit - 1).catch(async (error) => {
        if (!isWrongType(error)) throw error;
        // A key of another type holds no answers, and would block its order forever.
        await redis.unlink(keys.inbox(orderId));
        return [];
      });
      return entries.map((entry) => ({ entry, pushed: parsePushed(entry) }));
    },

    async missingResults(orderIds, before) {
      if (orderIds.length === 0) return [];
      const all = [keys.results, ...orderIds.map(keys.order)];
      const found = (await missingScript.run(redis, all, [before])) as string[];
      return orderIds
        .map((orderId, nth) => ({ orderId, result: found[nth] ?? '' }))
        .filter(({ result }) => result !== '');
    },

    async restoreClaims(orderIds) {
      if (orderIds.length === 0) return [];
      const restored = (await restoreClaimsScript.run(redis, orderIds.map(keys.order), orderIds)) as number[];
      return orderIds.map((orderId, nth) => ({ orderId, restored: restored[nth] ?? 0 }));
    },

    async republish(record, result, event) {
      const published = await republishScript.run(
        redis,
        [keys.order(record.order.orderId), keys.results],
        [record.revision, result, ...eventFields(event)],
      );
      return published === 1;
    },

    async drop(orderId, entry) {
      await redis.lrem(keys.inbox(orderId), 1, entry);
    },
  };
}

function shortHash(sha256 = ''): string {
  return Buffer.from(sha256, 'hex').toString('base64url');
}

/** An error for one order of a batch, in the form that ioredis gives to an error reply. */
function replyError(message = ''): Error {
  const error = new Error(message);
  error.name = 'ReplyError';
  return error;
}

function parsePushed(entry: string): PushedReading | null {
  try {
    const pushed = JSON.parse(entry) as Partial<PushedReading> | null;
    const { queryId, credentials, reading } = pushed ?? {};
    if (typeof queryId !== 'string' || typeof reading?.kind !== 'string') return null;
    return { queryId, reading, ...(typeof credentials === 'string' && { credentials }) };
  } catch {
    return null;
  }
}
