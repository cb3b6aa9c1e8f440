import type { VerdictStatus } from '../../src/domain/order.ts';
import { buildEvent, eventFields, type ResultEvent } from '../../src/domain/result-event.ts';
import type { Redis } from '../../src/redis/connection.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { anOrder, aProgress, aReading, createdAt } from '../support/builders.ts';

/** A result as the service would publish it. */
export function aResult(
  orderId: string,
  stateversion = 1,
  status: VerdictStatus = 'paid',
  at = createdAt + 20_000,
): ResultEvent {
  const verdict = { status, reason: status === 'paid' ? null : 'deadline' } as const;
  const progress = aProgress.closed({ ...verdict, at }, { stateversion });
  return buildEvent(anOrder({ orderId }), progress, verdict, aReading.paid({ at }), [], at);
}

/** Adds results to the stream in one pipeline; returns their stream ids. */
export async function publish(
  redis: Redis,
  prefix: string,
  ...events: readonly ResultEvent[]
): Promise<string[]> {
  const pipeline = redis.pipeline();
  for (const event of events) pipeline.xadd(createKeys(prefix).results, '*', ...eventFields(event));
  return ((await pipeline.exec()) ?? []).map(([error, streamId]) => {
    if (error) throw error;
    return String(streamId);
  });
}
