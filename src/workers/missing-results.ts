import type { Evidence } from '../domain/evidence.ts';
import { toMinor } from '../domain/money.ts';
import type { Doubt, Reading } from '../domain/order.ts';
import { buildEvent, buildWithdrawal, type ResultEvent } from '../domain/result-event.ts';
import type { OrderRecord } from '../orders/record.ts';
import type { OrderStore } from '../orders/store.ts';

export interface MissingResultsParts {
  readonly store: OrderStore;
  /** Older results are removed from the stream on purpose. */
  readonly resultsRetentionMs: number;
  mended(kind: 'missing-result', orderId: string): void;
}

/** Publishes last verdicts again that are missing from the stream: somebody deleted the stream or an entry of it. */
export async function publishMissing(
  { store, resultsRetentionMs, mended }: MissingResultsParts,
  orderIds: readonly string[],
): Promise<void> {
  const missing = await store.missingResults(orderIds, Date.now() - resultsRetentionMs);
  for (const { orderId, result } of missing) {
    // A record that cannot be read is reported by the code that needs it.
    const record = await store.read(orderId).catch(() => null);
    const event = record === null ? null : lastEventOf(record);
    // A worker of an earlier release has published since, and noted nothing.
    const isLast = event !== null && result.endsWith(` ${event.stateversion}`);
    if (record === null || event === null || !isLast) continue;
    if (await store.republish(record, result, event)) mended('missing-result', orderId);
  }
}

/** The last event of an order once more, as far as its record still tells: how often it was asked may have grown since. */
export function lastEventOf(record: OrderRecord): ResultEvent | null {
  const { order, progress, history } = record;
  const { verdict } = progress;
  if (verdict === null) return null;
  if (verdict.reason === 'withdrawn')
    return buildWithdrawal(order, progress, until(history, verdict.at), verdict.at);
  const known = until(history, verdict.at);
  const last = known.at(-1);
  if (last === undefined) return null;
  return buildEvent(order, progress, verdict, readingOf(last), known, verdict.at);
}

function until(history: readonly Evidence[], at: number): Evidence[] {
  return history.filter((entry) => Date.parse(entry.firstAt ?? entry.at) <= at);
}

/** What an event needs of the reading behind a piece of evidence. */
function readingOf(entry: Evidence): Reading {
  const { source, at, httpStatus, providerStatus, providerMessage, bodySha256 } = entry;
  const facts = { source, at: Date.parse(at), httpStatus, providerStatus, providerMessage, bodySha256 };
  if (entry.reading !== 'paid') return { ...facts, kind: 'unrecognised' };
  return {
    ...facts,
    kind: 'paid',
    certainty: entry.certainty ?? 'firm',
    doubt: (entry.reason as Doubt | undefined) ?? null,
    receipt: entry.receipt ?? null,
    amountReceivedMinor: entry.amountReceived === undefined ? null : toMinor(entry.amountReceived),
    paidAt: null,
  };
}
