import { hostname } from 'node:os';
import type { Telemetry } from 'bullmq';
import {
  type AccountSource,
  AccountsUnknownError,
  accountsConfigured,
  accountsInRedis,
  type OwnAccounts,
} from '../accounts/known-accounts.ts';
import type { AuditEntry } from '../audit/audit.ts';
import { createSubmissions, type Submissions } from '../audit/submissions.ts';
import type { Order } from '../domain/order.ts';
import { createOrderStore, type OrderStore } from '../orders/store.ts';
import { providers } from '../providers/index.ts';
import { createRedisClock, type RedisClock } from '../redis/clock.ts';
import { awaitRedis, connectRedis, forgetArguments, type Redis } from '../redis/connection.ts';
import { createKeys, defaultPrefix, type Keys } from '../redis/keys.ts';
import { withTimeout } from '../redis/timeout.ts';
import { redisAddress } from '../redis/url.ts';
import { inChunks } from './chunks.ts';
import { confirmOnDisk } from './confirm-on-disk.ts';
import { enqueueOrders } from './enqueue.ts';
import { type EnqueueResult, enqueueResultOf } from './enqueue-result.ts';
import { createPollQueue, type PollQueue } from './queue.ts';
import { type OrderInput, validateOrder } from './validate-order.ts';

/** Enqueues orders. */
export interface Producer {
  /**
   * @throws when Redis does not acknowledge the order within `timeoutMs`, and `AccountsUnknownError` while no accounts are
   *   registered in it; enqueueing the order again is safe
   */
  enqueue(order: OrderInput): Promise<EnqueueResult>;
  /** Many at once, in order. @throws as `enqueue`; those already written stay written */
  enqueueMany(orders: readonly OrderInput[]): Promise<EnqueueResult[]>;
  close(): Promise<void>;
}

export interface ProducerOptions {
  /** A Redis URL, or your own ioredis connection, which you close yourself. */
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

/** Orders that are sent, and must be acknowledged in time, together. */
const chunkSize = 500;
/** While Redis works on one chunk, this process prepares the next. */
const concurrentChunks = 2;
/** A producer only opens records, so this is never used. */
const unusedRetentionMs = 1;

/** Opens a producer. It reads the accounts that running services have registered in Redis. */
export function createProducer(options: ProducerOptions): Producer {
  return createProducerOf({ actor: 'library', from: hostname() }, options);
}

/** As `createProducer`, on behalf of an actor that the audit trail names. */
export function createProducerOf(by: Submitter, options: ProducerOptions): Producer {
  return opened(new RedisProducer(options, accountsInRedis, by));
}

/** Opens the producer of a service that serves accounts itself, and writes the audit trail itself. */
export function createOwnProducer(options: ProducerOptions, own: OwnAccounts): Producer {
  return opened(new RedisProducer(options, (redis, keys) => accountsConfigured(redis, keys, own), null));
}

/** Returns functions that work without `this`, so that callers may destructure them. */
function opened(producer: RedisProducer): Producer {
  return {
    enqueue: (order) => producer.enqueue(order),
    enqueueMany: (orders) => producer.enqueueMany(orders),
    close: () => producer.close(),
  };
}

/** Who enqueues, and from where. */
type Submitter = Pick<AuditEntry, 'actor' | 'from'>;

class RedisProducer implements Producer {
  readonly #redis: Redis;
  /** The connection is ours to close. */
  readonly #isOwn: boolean;
  readonly #address: string;
  readonly #keys: Keys;
  readonly #store: OrderStore;
  readonly #clock: RedisClock;
  readonly #accounts: AccountSource;
  readonly #submissions: Submissions | null;
  readonly #queues = new Map<string, PollQueue>();
  readonly #options: Pick<ProducerOptions, 'telemetry'> &
    Required<Pick<ProducerOptions, 'timeoutMs' | 'waitAof'>>;

  constructor(
    options: ProducerOptions,
    sourceOf: (redis: Redis, keys: Keys) => AccountSource,
    by: Submitter | null,
  ) {
    const { redis, prefix = defaultPrefix, timeoutMs = 5_000, waitAof = false, telemetry } = options;
    this.#isOwn = typeof redis === 'string';
    this.#redis = typeof redis === 'string' ? connectRedis(redis, 'prompt') : redis;
    this.#address = typeof redis === 'string' ? redisAddress(redis) : 'your connection';
    this.#keys = createKeys(prefix);
    this.#store = createOrderStore({ redis: this.#redis, keys: this.#keys, retentionMs: unusedRetentionMs });
    this.#clock = createRedisClock(this.#redis, this.#keys);
    this.#accounts = sourceOf(this.#redis, this.#keys);
    this.#submissions = by && createSubmissions({ redis: this.#redis, keys: this.#keys, by });
    this.#options = { timeoutMs, waitAof, ...(telemetry && { telemetry }) };
  }

  async enqueue(order: OrderInput): Promise<EnqueueResult> {
    const [result] = await this.enqueueMany([order]);
    return result as EnqueueResult;
  }

  async enqueueMany(inputs: readonly OrderInput[]): Promise<EnqueueResult[]> {
    const { timeoutMs } = this.#options;
    try {
      if (this.#redis.status !== 'ready') await awaitRedis(this.#redis, this.#address, timeoutMs);
      const results = await inChunks(inputs, { size: chunkSize, concurrency: concurrentChunks }, (chunk) =>
        withTimeout(this.#enqueueChunk(chunk).catch(notTaken), timeoutMs, lateMessage(timeoutMs)),
      );
      for (const { outcome, orderId } of results) this.#submissions?.note(outcome, orderId);
      return results;
    } catch (error) {
      // Whoever logs this error must not log the metadata of the orders.
      forgetArguments(error);
      throw error;
    }
  }

  async close(): Promise<void> {
    const queues = [...this.#queues.values()].map((queue) => queue.close());
    await Promise.all([this.#submissions?.close(), ...queues]);
    if (this.#isOwn) this.#redis.disconnect();
  }

  async #enqueueChunk(inputs: readonly OrderInput[]): Promise<EnqueueResult[]> {
    const [known] = await Promise.all([this.#accounts.current(), this.#readClock()]);
    const { accounts, unserved } = known;
    const now = this.#clock.now();
    const validated = inputs.map((input) => validateOrder(input, accounts, providers, now, unserved));
    for (const [nth, one] of validated.entries()) if ('faults' in one) known.doubt(accountOf(inputs[nth]));
    const orders = validated.flatMap((one) => ('order' in one ? [one.order] : []));
    const enqueued = await enqueueOrders(
      {
        ...{ store: this.#store, queue: (account) => this.#queue(account), now: this.#clock.now },
        names: namesOf,
        indexedMetadata: ({ account }) => accounts.get(account)?.indexedMetadata ?? [],
        payments: ({ account }) => ({
          isShared: accounts.get(account)?.sharedReferences === true,
          references: accounts.get(account)?.referenceScope ?? account,
        }),
      },
      orders,
    );
    if (this.#options.waitAof && orders.length > 0) await this.#confirmOnDisk(orders);
    const outcomes = new Map(orders.map((order, index) => [order, enqueued[index]]));
    return validated.map((one, nth) =>
      enqueueResultOf(one, inputs[nth], 'order' in one ? outcomes.get(one.order) : undefined),
    );
  }

  /** Reads Redis' clock. Without permission for that, this machine's clock is used. */
  async #readClock(): Promise<void> {
    await this.#clock.refresh().catch((error: Error) => {
      if (!/NOPERM|user executing the script/.test(error.message)) throw error;
    });
  }

  #queue(account: string): PollQueue {
    const { telemetry } = this.#options;
    const queue = this.#queues.get(account) ?? createPollQueue(this.#redis, this.#keys, account, telemetry);
    this.#queues.set(account, queue);
    return queue;
  }

  /** In a Cluster, the slots of the records and of each queue may have different masters. */
  async #confirmOnDisk(orders: readonly Order[]): Promise<void> {
    const accounts = new Set(orders.map(({ account }) => account));
    const queueKeys = [...accounts].map((account) => `${this.#keys.queuePrefix(account)}:on-disk`);
    await confirmOnDisk(this.#redis, [this.#keys.onDisk, ...queueKeys], this.#options.timeoutMs);
  }
}

/** Further names by which the provider may call an order. */
function namesOf(order: Order): readonly string[] {
  return providers.get(order.provider)?.aliases(order.reference) ?? [];
}

function accountOf(input: unknown): string {
  const account: unknown = typeof input === 'object' && input !== null ? Reflect.get(input, 'account') : null;
  // Any other value may not be convertible to a string.
  return typeof account === 'string' ? account : '';
}

function notTaken(cause: unknown): never {
  if (cause instanceof AccountsUnknownError) throw cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  throw new Error(`Redis did not accept the order (${why}); enqueueing it again is safe.`, { cause });
}

function lateMessage(timeoutMs: number): string {
  return `Redis did not acknowledge the order within ${timeoutMs} ms; enqueueing it again is safe.`;
}
