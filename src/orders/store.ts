import type { Order, Reading } from '../domain/order.ts';
import { eventFields, type ResultEvent } from '../domain/result-event.ts';
import { isWrongType, type Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';
import { paymentsWithin, type ReferenceRules } from './ownership.ts';
import type { OrderRecord, PendingQuery } from './record.ts';
import {
  createRecordBatches,
  type OpenResult,
  type SettleResult,
  type Transition,
} from './record-batches.ts';

const relistScript = loadScript('relist', import.meta.url);
const hintScript = loadScript('hint', import.meta.url);
const beginQueryScript = loadScript('begin-query', import.meta.url);
const deliverScript = loadScript('deliver', import.meta.url);
const missingScript = loadScript('missing-results', import.meta.url);
const restoreClaimsScript = loadScript('restore-claims', import.meta.url);
const republishScript = loadScript('republish', import.meta.url);

export type { OpenResult, SettleResult, Transition };

/** `wake`: poll at `at`. `waiting`: an earlier wish is still to be served. */
export type HintResult =
  | {
      readonly outcome: 'wake';
      readonly at: number;
      /** Redis' own time, where none was given. */
      readonly now?: number;
    }
  | { readonly outcome: 'waiting' | 'closed' | 'gone' };

/** An answer that was pushed to us, waiting for a worker. */
export interface PushedReading {
  readonly queryId: string;
  /** Fingerprint of the credentials that sent the query; an earlier release did not say. */
  readonly credentials?: string;
  readonly reading: Reading;
}

/** An order whose last result is missing; `result` is what its record says of where that stood. */
export interface MissingResult {
  readonly orderId: string;
  readonly result: string;
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
   * `names` are the strings under which a callback may speak of it. An order whose reference a paid one owns is refused,
   * unless its account lets orders share payments.
   *
   * @param payments how far the account's payments are told apart; default: within the account
   */
  open(
    order: Order,
    nextPollAt: number,
    names: readonly string[],
    payments?: ReferenceRules,
  ): Promise<OpenResult>;
  read(orderId: string): Promise<OrderRecord | null>;
  /** `stale`: another process moved the order since `step.record` was read; read and decide again. */
  settle(step: Transition): Promise<SettleResult>;
  /** Makes the lists of open orders agree with the order's record. */
  relist(orderId: string): Promise<void>;
  /**
   * Notes that somebody wants the order polled now; the caller then wakes its job.
   *
   * @param now `null`: by Redis' own clock
   */
  hint(orderId: string, now: number | null, minIntervalMs: number): Promise<HintResult>;
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
  /** Those of the orders whose last result is missing from the stream, though it is not older than `before`. */
  missingResults(orderIds: readonly string[], before: number): Promise<MissingResult[]>;
  /** How many of the keys by which each order owns its payment had been deleted; they are there again. */
  restoreClaims(
    orderIds: readonly string[],
  ): Promise<{ readonly orderId: string; readonly restored: number }[]>;
  /** Publishes a missing result again. False: the order has moved, or somebody else was quicker. */
  republish(record: OrderRecord, result: string, event: ResultEvent): Promise<boolean>;
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
/** A late answer of a query that counts as lost is still evidence. */
const queryLifeMs = 3 * dayMs;
const inboxLifeMs = 30 * dayMs;
const inboxLimit = 20;

export function createOrderStore({ redis, keys, retentionMs }: OrderStoreParts): OrderStore {
  const batched = createRecordBatches({ redis, keys, retentionMs });

  return {
    async open(order, nextPollAt, names, payments = paymentsWithin(order.account)) {
      const [outcome, detail, sharing] = await batched.open({ order, nextPollAt, names, payments });
      if (outcome === 'failed') throw refusal(detail);
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
      await relistScript.run(redis, [keys.order(orderId), keys.open, keys.asking], [orderId]);
    },

    async hint(orderId, now, minIntervalMs) {
      const reply = await hintScript.run(redis, [keys.order(orderId)], [now ?? '', minIntervalMs]);
      const [outcome, at, redisNow] = reply as [
        HintResult['outcome'],
        string | undefined,
        string | undefined,
      ];
      if (outcome !== 'wake') return { outcome };
      return { outcome, at: Number(at), ...(now === null && { now: Number(redisNow) }) };
    },

    async ordersNamed(account, names) {
      const known = await Promise.all(names.map((name) => someFields(redis, keys.reference(account, name))));
      return [...new Set(known.flat())];
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
      const entries = await redis.lrange(keys.inbox(orderId), 0, inboxLimit - 1).catch(async (error) => {
        if (!isWrongType(error)) throw error;
        // It holds no answers, and would keep its order from being asked about for ever.
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

/** Orders of one name that a callback hints at, at most; they are polled by themselves, too. */
const namedLimit = 200;

/** About so many fields of a hash at most; none of a key of another type. */
async function someFields(redis: Redis, key: string): Promise<string[]> {
  const fields: string[] = [];
  let cursor = '0';
  try {
    do {
      const [next, found] = await redis.hscan(key, cursor, 'COUNT', namedLimit);
      fields.push(...found.filter((_, nth) => nth % 2 === 0));
      cursor = next;
    } while (cursor !== '0' && fields.length < namedLimit);
  } catch (error) {
    if (!isWrongType(error)) throw error;
  }
  return fields.slice(0, namedLimit);
}

/** What Redis said to one order of a batch, as ioredis tells what Redis says to a command. */
function refusal(said = ''): Error {
  const error = new Error(said);
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
