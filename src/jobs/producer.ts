import type { Telemetry } from 'bullmq';
import type { AccountInfos } from '../accounts/accounts.ts';
import {
  type AccountSource,
  AccountsUnknownError,
  accountsConfigured,
  accountsInRedis,
  type OwnAccounts,
} from '../accounts/known-accounts.ts';
import type { Order } from '../domain/order.ts';
import { createOrderStore } from '../orders/store.ts';
import { providers } from '../providers/index.ts';
import { createRedisClock } from '../redis/clock.ts';
import { awaitRedis, connectRedis, forgetArguments, type Redis } from '../redis/connection.ts';
import { createKeys, defaultPrefix, type Keys } from '../redis/keys.ts';
import { redisAddress } from '../redis/url.ts';
import { confirmOnDisk } from './confirm-on-disk.ts';
import { type Enqueued, enqueueOrders } from './enqueue.ts';
import { createPollQueue, type PollQueue } from './queue.ts';
import { type Fault, type OrderInput, validateOrder } from './validate-order.ts';

/**
 * What became of an order handed in.
 * - `new`, `same`: acknowledged; it is followed until its verdict is out. `sharesReferenceWith` names some open orders of
 *   the account with the same reference, where there are any: the first of them to be paid owns the payment.
 * - `conflict`: this orderId stands for other facts; nothing was changed.
 * - `reference-in-use`: another order, `usedBy`, was paid under this reference; nothing was written.
 * - `invalid`: nothing was written; `faults` names everything that is wrong.
 */
export type EnqueueResult =
  | {
      readonly orderId: string;
      readonly outcome: 'new' | 'same';
      readonly sharesReferenceWith?: readonly string[];
    }
  | {
      readonly orderId: string;
      readonly outcome: 'reference-in-use';
      readonly usedBy: string;
      readonly faults: readonly Fault[];
    }
  | {
      readonly orderId: string | null;
      readonly outcome: 'conflict' | 'invalid';
      readonly faults: readonly Fault[];
    };

/** Hands orders to payment-poller. */
export interface Producer {
  /**
   * @throws when Redis cannot take the order within `timeoutMs`, and `AccountsUnknownError` while nobody has made the accounts
   *   known in it; enqueueing it again is safe
   */
  enqueue(order: OrderInput): Promise<EnqueueResult>;
  /** Many at once, in order. @throws as `enqueue`; those already written stay written */
  enqueueMany(orders: readonly OrderInput[]): Promise<EnqueueResult[]>;
  close(): Promise<void>;
}

export interface ProducerOptions {
  /** A Redis URL, or an ioredis connection of yours (which stays yours to close). */
  readonly redis: string | Redis;
  /** Default `payments`; the same as the service's. */
  readonly prefix?: string;
  /** How long an enqueue may take before it throws. Default 5 000. */
  readonly timeoutMs?: number;
  /**
   * Wait until Redis has the order in its append-only file on disk (`WAITAOF`, Redis 7.2 or newer); in a Cluster, until the
   * masters of its record and of its job have. Default false.
   */
  readonly waitAof?: boolean;
  /** BullMQ telemetry, e.g. `new BullMQOtel({ tracerName: 'checkout' })` of the package bullmq-otel: traces begin here. */
  readonly telemetry?: Telemetry;
}

/** Orders that are taken, and must be acknowledged in time, together. */
const chunkSize = 500;
/** While Redis works on one chunk, this process prepares the next. */
const chunksUnderWay = 2;
/** Closed records written by a producer do not exist: it only opens them. */
const unusedRetentionMs = 1;

/** Opens a producer. It knows the accounts from the running service, through Redis. */
export function createProducer(options: ProducerOptions): Producer {
  return openProducer(options, accountsInRedis);
}

/** Opens the producer of a service that serves accounts itself. */
export function createOwnProducer(options: ProducerOptions, own: OwnAccounts): Producer {
  return openProducer(options, (redis, keys) => accountsConfigured(redis, keys, own));
}

function openProducer(
  options: ProducerOptions,
  sourceOf: (redis: Redis, keys: Keys) => AccountSource,
): Producer {
  const { timeoutMs = 5_000, prefix = defaultPrefix, waitAof = false } = options;
  const own = typeof options.redis === 'string' ? connectRedis(options.redis, 'prompt') : null;
  const redis = own ?? (options.redis as Redis);
  const address = typeof options.redis === 'string' ? redisAddress(options.redis) : 'your connection';
  const keys = createKeys(prefix);
  const store = createOrderStore({ redis, keys, retentionMs: unusedRetentionMs });
  const clock = createRedisClock(redis, keys);
  const queues = new Map<string, PollQueue>();
  const source = sourceOf(redis, keys);

  function queue(account: string): PollQueue {
    const opened = queues.get(account) ?? createPollQueue(redis, keys, account, options.telemetry);
    queues.set(account, opened);
    return opened;
  }

  /** A key in each slot that these orders were written to: that of the records, and those of their accounts' queues. */
  function marksOf(orders: readonly Order[]): string[] {
    const accounts = new Set(orders.map(({ account }) => account));
    return [keys.onDisk, ...[...accounts].map((account) => `${keys.queuePrefix(account)}:on-disk`)];
  }

  /** A user of Redis that may not read its clock goes by this machine's. */
  async function readClock(): Promise<void> {
    await clock.refresh().catch((error: Error) => {
      if (!/NOPERM|user executing the script/.test(error.message)) throw error;
    });
  }

  async function enqueueChunk(inputs: readonly OrderInput[]): Promise<EnqueueResult[]> {
    const [known] = await Promise.all([source.current(), readClock()]);
    const { accounts } = known;
    const now = clock.now();
    const validated = inputs.map((input) => validateOrder(input, accounts, providers, now, known.unserved));
    for (const [nth, one] of validated.entries()) if ('faults' in one) known.doubt(accountOf(inputs[nth]));
    const orders = validated.flatMap((one) => ('order' in one ? [one.order] : []));
    const enqueued = await enqueueOrders(
      {
        ...{ store, queue, now: clock.now },
        names: (order) => namesOf(order, accounts),
        payments: ({ account }) => ({
          isShared: accounts.get(account)?.sharedReferences === true,
          references: accounts.get(account)?.referenceScope ?? account,
        }),
      },
      orders,
    );
    if (waitAof && orders.length > 0) await confirmOnDisk(redis, marksOf(orders), timeoutMs);
    const outcomes = new Map<Order, Enqueued>(
      orders.map((order, index) => [order, enqueued[index] as Enqueued]),
    );
    return validated.map((one, index) => toResult(one, inputs[index], outcomes));
  }

  async function enqueueMany(inputs: readonly OrderInput[]): Promise<EnqueueResult[]> {
    if (redis.status !== 'ready') await awaitRedis(redis, address, timeoutMs);
    const results: EnqueueResult[] = [];
    const underWay: Promise<EnqueueResult[]>[] = [];
    try {
      for (let start = 0; start < inputs.length; start += chunkSize) {
        if (underWay.length === chunksUnderWay) results.push(...((await underWay.shift()) ?? []));
        const chunk = within(timeoutMs, enqueueChunk(inputs.slice(start, start + chunkSize)));
        // An error of its own is told when its turn comes.
        chunk.catch(() => {});
        underWay.push(chunk);
      }
      for (const chunk of underWay) results.push(...(await chunk));
      return results;
    } finally {
      // Whoever is told of an error may repeat at once: the chunks beside the failed one have ended, or run out of time.
      await Promise.allSettled(underWay);
    }
  }

  /** As `enqueueMany`; whoever logs its error must not log the metadata of the orders. */
  async function enqueueDiscreetly(inputs: readonly OrderInput[]): Promise<EnqueueResult[]> {
    try {
      return await enqueueMany(inputs);
    } catch (error) {
      forgetArguments(error);
      throw error;
    }
  }

  return {
    enqueueMany: enqueueDiscreetly,
    async enqueue(order) {
      const [result] = await enqueueDiscreetly([order]);
      return result as EnqueueResult;
    },
    async close() {
      await Promise.all([...queues.values()].map((opened) => opened.close()));
      own?.disconnect();
    },
  };
}

/** The strings under which a callback may speak of an order; none where its account takes no callbacks. */
function namesOf(order: Order, accounts: AccountInfos): readonly string[] {
  if (accounts.get(order.account)?.callbacks !== true) return [];
  return providers.get(order.provider)?.aliases(order.reference) ?? [];
}

function toResult(
  validated: ReturnType<typeof validateOrder>,
  input: unknown,
  outcomes: ReadonlyMap<Order, Enqueued>,
): EnqueueResult {
  if ('faults' in validated) return { orderId: idOf(input), outcome: 'invalid', faults: validated.faults };
  const { orderId } = validated.order;
  const enqueued = outcomes.get(validated.order) ?? { outcome: 'conflict' };
  switch (enqueued.outcome) {
    case 'new':
    case 'same': {
      const { outcome, sharing } = enqueued;
      return { orderId, outcome, ...(sharing && { sharesReferenceWith: sharing }) };
    }
    case 'conflict': {
      const message =
        'is already followed with another account, provider, reference, amount or currency; nothing was changed';
      return { orderId, outcome: 'conflict', faults: [{ path: 'orderId', message }] };
    }
    case 'in-use': {
      const { usedBy } = enqueued;
      const message = `is the payment by which order ${usedBy} was paid; one payment pays one order, so start another payment or look at ${usedBy}`;
      return { orderId, outcome: 'reference-in-use', usedBy, faults: [{ path: 'reference', message }] };
    }
  }
}

function accountOf(input: unknown): string {
  const account: unknown = typeof input === 'object' && input !== null ? Reflect.get(input, 'account') : null;
  // Anything else may have no text at all.
  return typeof account === 'string' ? account : '';
}

function idOf(input: unknown): string | null {
  const orderId = typeof input === 'object' && input !== null ? Reflect.get(input, 'orderId') : undefined;
  return typeof orderId === 'string' ? orderId.slice(0, 128) : null;
}

/** @throws when the work takes longer; it is not undone, so the caller must repeat it with the same ids */
async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(lateMessage(timeoutMs))), timeoutMs);
  });
  try {
    return await Promise.race([work.catch(notTaken), late]);
  } finally {
    clearTimeout(timer);
  }
}

function notTaken(cause: unknown): never {
  if (cause instanceof AccountsUnknownError) throw cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  throw new Error(`Redis did not take the order (${why}); enqueue it again, which is safe.`, { cause });
}

function lateMessage(timeoutMs: number): string {
  return `Redis did not acknowledge the order within ${timeoutMs} ms; enqueue it again, which is safe.`;
}
