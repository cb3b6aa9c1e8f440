import { orderIdPattern } from '../domain/order.ts';
import type { ResultEvent } from '../domain/result-event.ts';
import { createOrderStore } from '../orders/store.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { readDeadLetter, readDeadLetters } from './dead-letters.ts';
import { queueDelivery } from './delivery-queue.ts';
import { findResult } from './find-result.ts';

/** By how much the clock of a checkout, which sets `createdAt`, may be ahead of ours. */
const clockMarginMs = 3_600_000;

/** Where results are sent again. */
export interface ResendTarget {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly retentionMs: number;
  readonly endpoint: string;
}

/** Queues every result again that was given up at an endpoint. Returns how many. */
export async function resendFailed(target: ResendTarget): Promise<number> {
  const { redis, keys, endpoint } = target;
  // Listed first: each one that is queued leaves the list.
  const events: ResultEvent[] = [];
  for await (const { event } of readDeadLetters(redis, keys, endpoint))
    if (event !== null) events.push(event);
  for (const event of events) await queueAgain(target, event);
  return events.length;
}

/** Queues results again by their event ids. `missing`: neither given up nor on the results stream. */
export async function resendEvents(
  target: ResendTarget,
  eventIds: readonly string[],
): Promise<{ readonly sent: number; readonly missing: readonly string[] }> {
  const missing: string[] = [];
  for (const eventId of eventIds) {
    const event = await find(target, eventId);
    if (event === null) missing.push(eventId);
    else await queueAgain(target, event);
  }
  return { sent: eventIds.length - missing.length, missing };
}

function queueAgain({ redis, keys, retentionMs, endpoint }: ResendTarget, event: ResultEvent): Promise<void> {
  return queueDelivery({ redis, keys, deliveriesLifeMs: retentionMs }, endpoint, event, 'resend');
}

async function find(target: ResendTarget, eventId: string): Promise<ResultEvent | null> {
  const { redis, keys, retentionMs, endpoint } = target;
  const letter = await readDeadLetter(redis, keys, endpoint, eventId);
  if (letter?.event) return letter.event;
  const orderId = eventId.slice(0, eventId.lastIndexOf(':'));
  if (!orderIdPattern.test(orderId)) return null;
  const record = await createOrderStore({ redis, keys, retentionMs }).read(orderId);
  return record === null ? null : findResult(redis, keys, eventId, record.order.createdAt - clockMarginMs);
}
