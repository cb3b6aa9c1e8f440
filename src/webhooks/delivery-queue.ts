import { createHash, randomUUID } from 'node:crypto';
import type { WebhookEndpoint } from '../config/webhook-endpoints.ts';
import { cloudEvent, type ResultEvent } from '../domain/result-event.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';
import { deliveryField } from './deliveries.ts';

const queueScript = loadScript('queue-delivery', import.meta.url);
const takeScript = loadScript('take-deliveries', import.meta.url);
const finishScript = loadScript('finish-delivery', import.meta.url);

/** Orders that must have failed since the last success for the circuit breaker to open. */
export const breakerOrders = 5;
/** Most dead letters of an endpoint; beyond it the oldest are dropped. */
export const maxDeadLetters = 100_000;

/** A result that waits in the queue of an endpoint. */
export interface QueuedResult {
  readonly orderId: string;
  /** The entry of the order's queue, by which it is removed. */
  readonly entry: string;
  /** The CloudEvent, the body of the webhook. */
  readonly body: string;
  readonly eventId: string;
  readonly stateversion: number;
  readonly type: string;
  /** Time of the event, RFC 3339. */
  readonly time: string;
  /** Epoch ms. */
  readonly queuedAt: number;
}

/** A result leased by this process, to be sent now. */
export interface LeasedResult extends QueuedResult {
  /** Number of this attempt, from 1. */
  readonly attempt: number;
  readonly token: string;
}

/** What was taken from the queue of an endpoint. */
export interface Taken {
  readonly state: 'ready' | 'open' | 'disabled';
  /** Until something may be due, in ms; `null` if nothing is queued. */
  readonly waitMs: number | null;
  /** Redis' time, epoch ms. */
  readonly now: number;
  readonly results: readonly LeasedResult[];
}

/** The outcome of an attempt; see `finish-delivery.lua`. */
export interface AttemptOutcome {
  readonly outcome: 'delivered' | 'retry' | 'failed' | 'disabled' | 'released';
  readonly delayMs?: number;
  readonly answer: string;
}

export interface DeliveryQueueParts {
  readonly redis: Redis;
  readonly keys: Keys;
  /** How long the deliveries of an order are shown, in ms. */
  readonly deliveriesLifeMs: number;
  /** The first and the longest pause of the circuit breaker, in ms. */
  readonly pauseMs: number;
  readonly maxPauseMs: number;
  /** How long an order stays with a process that is sending one of its results, in ms. Longer than any attempt. */
  readonly leaseMs: number;
}

/** The undelivered results of one endpoint, in Redis. Each change is one script, so a crash never leaves half of it. */
export interface DeliveryQueue {
  /** Leases orders that are due, at most `limit`. */
  take(limit: number): Promise<Taken>;
  /** Results that were queued before this time (epoch ms), at most 100. */
  olderThan(time: number): Promise<QueuedResult[]>;
  /** Records the outcome of an attempt, or with an unleased result that it is given up. */
  finish(result: QueuedResult | LeasedResult, outcome: AttemptOutcome): Promise<'done' | 'opened' | 'lost'>;
}

/** Queues a result for an endpoint, once. @param mode `resend`: although it was delivered or given up */
export async function queueDelivery(
  { redis, keys, deliveriesLifeMs }: Pick<DeliveryQueueParts, 'redis' | 'keys' | 'deliveriesLifeMs'>,
  endpoint: string,
  event: ResultEvent,
  mode: 'new' | 'resend' = 'new',
): Promise<void> {
  const { subject, stateversion, id, time, type } = event;
  const touched = [
    ...(['due', 'since', 'attempts'] as const).map((part) => keys.webhook(endpoint, part)),
    ...[keys.webhookQueue(endpoint, subject), keys.deliveries(subject)],
    ...(['failed', 'dead-letters'] as const).map((part) => keys.webhook(endpoint, part)),
  ];
  const log = [deliveryField(endpoint, stateversion), `${time} ${type}`, deliveriesLifeMs];
  const body = JSON.stringify(cloudEvent(event));
  await queueScript.run(redis, touched, [subject, stateversion, id, ...log, body, mode]);
}

/** Identifies a URL without revealing it: a disabled endpoint is enabled when it gets another one. */
export function fingerprintOfUrl(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 16);
}

/** Opens the queue of an endpoint. */
export function createDeliveryQueue(
  parts: DeliveryQueueParts,
  { name, url }: Pick<WebhookEndpoint, 'name' | 'url'>,
): DeliveryQueue {
  const { redis, keys, deliveriesLifeMs, pauseMs, maxPauseMs, leaseMs } = parts;
  const fingerprint = fingerprintOfUrl(url);
  const key = (part: Parameters<Keys['webhook']>[1]) => keys.webhook(name, part);
  const schedule = [key('due'), key('since'), key('attempts'), key('state'), key('failing')];

  async function first(orderId: string): Promise<{ entry: string; result: QueuedResult | null }> {
    const entry = (await redis.lindex(keys.webhookQueue(name, orderId), 0)) ?? '';
    return { entry, result: parseEntry(orderId, entry) };
  }

  async function record(
    result: QueuedResult,
    token: string,
    {
      outcome,
      delayMs = 0,
      answer,
    }: Omit<AttemptOutcome, 'outcome'> & {
      readonly outcome: AttemptOutcome['outcome'] | 'missing';
    },
  ) {
    const { orderId, entry, eventId, stateversion, type, time } = result;
    const attempt = 'attempt' in result ? Number(result.attempt) : 0;
    const letter = { orderId, eventId, type, attempts: attempt, answer, at: new Date().toISOString() };
    const state = outcome === 'retry' ? 'retrying' : outcome;
    return (await finishScript.run(
      redis,
      [
        ...schedule,
        key('failed'),
        key('dead-letters'),
        keys.webhookQueue(name, orderId),
        keys.deliveries(orderId),
      ],
      [
        ...[orderId, token, entry, eventId, outcome, delayMs, deliveryField(name, stateversion)],
        ...[`${time} ${type} ${state} ${attempt}`, answer, deliveriesLifeMs],
        ...[JSON.stringify({ ...letter, body: result.body }), fingerprint],
        ...[breakerOrders, pauseMs, maxPauseMs, maxDeadLetters],
      ],
    )) as 'done' | 'opened' | 'lost';
  }

  /** Removes an entry that cannot be parsed, or an order whose queue was deleted: something else has written there. */
  async function discard(orderId: string, entry: string, token: string): Promise<void> {
    const nothing = { eventId: '', body: '', stateversion: 0, type: '-', time: '-', queuedAt: 0 };
    await record({ orderId, entry, ...nothing }, token, { outcome: 'missing', answer: '' });
  }

  return {
    async take(limit) {
      const token = randomUUID();
      const args = [limit, leaseMs, token, fingerprint, breakerOrders];
      const [state, waitMs, now, leased] = (await takeScript.run(redis, schedule, args)) as [
        Taken['state'],
        number,
        number,
        [string, number][],
      ];
      const results = await Promise.all(
        leased.map(async ([orderId, attempt]) => {
          const { entry, result } = await first(orderId);
          if (result !== null) return { ...result, attempt, token };
          await discard(orderId, entry, token);
          return null;
        }),
      );
      return {
        ...{ state, waitMs: waitMs < 0 ? null : waitMs, now },
        results: results.filter((result) => result !== null),
      };
    },
    async olderThan(time) {
      const orders = await redis.zrangebyscore(key('since'), '-inf', `(${time}`, 'LIMIT', 0, 100);
      const found = await Promise.all(orders.map(first));
      return found.map(({ result }) => result).filter((result) => result !== null);
    },
    finish: (result, outcome) => record(result, 'token' in result ? result.token : '', outcome),
  };
}

/** `<queued at> <stateversion> <CloudEvent>`, as `queue-delivery.lua` writes it; `null` for anything else. */
function parseEntry(orderId: string, entry: string): QueuedResult | null {
  const [, queuedAt, stateversion, body = ''] = /^(\d{1,15}) (\d+) (.*)$/s.exec(entry) ?? [];
  try {
    const { id, type, time } = JSON.parse(body) as { [name: string]: unknown };
    const facts = { eventId: String(id), type: String(type), time: String(time) };
    return { orderId, entry, body, ...facts, stateversion: Number(stateversion), queuedAt: Number(queuedAt) };
  } catch {
    return null;
  }
}
