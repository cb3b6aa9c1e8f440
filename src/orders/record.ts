import { z } from 'zod';
import { freshProgress, type Progress } from '../jobs/decide.ts';
import { type Order, type Reference, verdictStatuses } from '../order.ts';
import type { Evidence } from './evidence.ts';
import { fromVersion1 } from './record-version-1.ts';
import { fromStoredSchedule, storedScheduleLength, toStoredSchedule } from './stored-schedule.ts';

/**
 * One order as it stands in its Redis hash: what was accepted, what is known, when it is asked about next.
 *
 * `revision` grows with every write; a write names the revision that it was made from, so no two processes can both
 * believe that they moved the same order.
 */
export interface OrderRecord {
  readonly order: Order;
  readonly progress: Progress;
  readonly history: readonly Evidence[];
  readonly revision: number;
  /** An earlier release wrote it: the next step writes it anew. */
  readonly isOldForm: boolean;
  /** `null` once closed. */
  readonly nextPollAt: number | null;
  /** A query whose answer is to be pushed to us. */
  readonly query: PendingQuery | null;
  /** How often someone asked for a poll now, and how many of those wishes the polls so far have seen. */
  readonly hints: number;
  readonly hintsSeen: number;
  /** When the last of those wishes is to be served; `null` when nobody ever wished. */
  readonly hintAt: number | null;
}

/** A query under way at a provider that answers later. */
export interface PendingQuery {
  /** Fingerprint of its one-time token. */
  readonly id: string;
  readonly sentAt: number;
}

/** What a step writes. */
export interface Movement {
  readonly progress: Progress;
  readonly history: readonly Evidence[];
  readonly query: PendingQuery | null;
}

/** The form of the fields below. A record of a later version is refused, not guessed at. */
const recordVersion = '2';

/** The fields of a hash. */
export type Fields = { readonly [name: string]: string };

/**
 * The fields of a new order, never to change. Those that tell whether two orders are the same stand alone for the scripts,
 * the rest in one: what a field costs in Redis does not depend on its length.
 */
export function orderFields(order: Order): Fields {
  const { provider, schedule, metadata } = order;
  return {
    version: recordVersion,
    account: order.account,
    reference: canonicalReference(order.reference),
    amountMinor: String(order.amountMinor),
    currency: order.currency,
    createdAt: String(order.createdAt),
    order: JSON.stringify({ provider, schedule: toStoredSchedule(schedule), metadata }),
  };
}

/** The fields that a poll moves. `progress` holds what differs from a fresh order. */
export function progressFields({ progress: { phase, ...known }, history, query }: Movement): Fields {
  const changed = Object.entries(known).filter(([name, value]) => freshProgress[name as 'polls'] !== value);
  return {
    phase,
    progress: JSON.stringify(Object.fromEntries(changed)),
    history: JSON.stringify(history),
    query: query === null ? '' : JSON.stringify(query),
  };
}

/** The fields of an order that has just been accepted. */
export function newRecordFields(order: Order, nextPollAt: number): Fields {
  return {
    ...orderFields(order),
    ...progressFields({ progress: freshProgress, history: [], query: null }),
    nextPollAt: String(nextPollAt),
    revision: '1',
  };
}

/**
 * The record behind a Redis hash, `null` for an empty one.
 *
 * @throws when the hash was written by a newer version of payment-poller, or by someone else
 */
export function parseRecord(orderId: string, found: Fields): OrderRecord | null {
  if (found.version === undefined) return null;
  const isOldForm = found.version === '1';
  const fields = isOldForm ? { ...found, ...fromVersion1(found) } : found;
  if (!isOldForm && found.version !== recordVersion) {
    throw new Error(
      `The record of order ${orderId} has version ${found.version}, this process knows ${recordVersion}; ` +
        'finish the upgrade of all processes.',
    );
  }
  const get = (name: string) => fields[name] ?? '';
  const damaged = (name: string) => new Error(`The record of order ${orderId} is damaged: ${name}.`);
  const number = (name: string): number => {
    const value = Number(get(name) || Number.NaN);
    // No number is smaller than any amount: an order with a broken amount would be paid by whatever arrived.
    if (!Number.isFinite(value)) throw damaged(name);
    return value;
  };
  const json = (name: string): unknown => {
    try {
      return JSON.parse(get(name));
    } catch {
      // Without its cause: that one repeats the text, which may be personal.
      throw damaged(name);
    }
  };
  const checked = <T>(name: string, schema: z.ZodType<T>, value: unknown): T => {
    const { success, data } = schema.safeParse(value);
    if (!success) throw damaged(name);
    return data;
  };
  const { provider, schedule, metadata } = checked('order', storedOrder, json('order'));
  return {
    order: {
      orderId,
      account: get('account'),
      provider,
      reference: json('reference') as Reference,
      amountMinor: number('amountMinor'),
      currency: get('currency'),
      createdAt: number('createdAt'),
      schedule: fromStoredSchedule(schedule),
      metadata: metadata as Order['metadata'],
    },
    progress: {
      ...freshProgress,
      ...(checked('progress', storedProgress, json('progress')) as Partial<Progress>),
      phase: checked('phase', phases, get('phase')),
    },
    history: json('history') as Evidence[],
    revision: number('revision'),
    isOldForm,
    nextPollAt: instant(get('nextPollAt')),
    query: get('query') === '' ? null : (json('query') as PendingQuery),
    hints: Number(get('hints')),
    hintsSeen: Number(get('hintsSeen')),
    hintAt: instant(get('hintAt')),
  };
}

const phases = z.enum(['asking', 'watching', 'closed']);
const storedOrder = z.object({
  provider: z.string(),
  schedule: z.array(z.number()).length(storedScheduleLength),
  metadata: z.custom<object>((value) => typeof value === 'object' && value !== null),
});
const storedProgress = z
  .strictObject({
    stateversion: z.number(),
    verdict: z.object({ status: z.enum(verdictStatuses), reason: z.string().nullable(), at: z.number() }),
    watchedSince: z.number(),
    candidate: z.object({ kind: z.enum(['paid', 'failed', 'expired']), at: z.number() }),
    moneySeen: z.literal(true),
    polls: z.number(),
    lastPolledAt: z.number(),
    answeredPolls: z.number(),
    lastAnsweredAt: z.number(),
  })
  .partial();

function instant(text: string): number | null {
  return text === '' ? null : Number(text);
}

/** JSON of a reference with its keys in order, so that equal references are equal strings. */
export function canonicalReference(reference: Reference): string {
  if (typeof reference === 'string') return JSON.stringify(reference);
  return JSON.stringify(Object.fromEntries(Object.entries(reference).sort(([a], [b]) => (a < b ? -1 : 1))));
}
