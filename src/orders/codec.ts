import { randomInt } from 'node:crypto';
import { z } from 'zod';
import type { Evidence } from '../domain/evidence.ts';
import { type Order, type Reference, verdictStatuses } from '../domain/order.ts';
import { freshProgress } from '../domain/progress.ts';
import { type Acknowledgement, acknowledgementSchema } from './acknowledgement.ts';
import { parseCallbacks } from './callback-log.ts';
import {
  type KnownProgress,
  type OrderDetails,
  packDetails,
  packEvidence,
  packProgress,
  unpackDetails,
  unpackEvidence,
  unpackProgress,
} from './packing.ts';
import type { Fields, OrderRecord, PendingQuery, RecordUpdate } from './record.ts';

/** The version of the record format. Records of another version are refused. No release wrote version 1. */
const recordVersion = '2';

/**
 * The immutable fields of a record. Values that scripts read have a field each; the rest is packed into one field, because each
 * field has a fixed memory cost in Redis.
 */
function orderFields(order: Order): Fields {
  return {
    version: recordVersion,
    account: order.account,
    reference: canonicalReference(order.reference),
    amountMinor: String(order.amountMinor),
    currency: order.currency,
    createdAt: String(order.createdAt),
    order: JSON.stringify(packDetails(order)),
  };
}

/** The fields that every transition writes. */
export function progressFields({ progress, history }: Pick<RecordUpdate, 'progress' | 'history'>): Fields {
  return {
    ...(progress.withdrawnAt !== undefined && { withdrawn: String(progress.withdrawnAt) }),
    phase: progress.phase,
    progress: JSON.stringify(packProgress(progress)),
    history: JSON.stringify(history.map(packEvidence)),
  };
}

/** The field of the pending query: absent before the first query, empty when none is pending. */
export function queryField(query: PendingQuery | null): Fields {
  return { query: query === null ? '' : JSON.stringify(query) };
}

/**
 * A revision that no other write has made, or ever will. Redis may lose the writes of its last second: a counter would then
 * name two different states of a record, and what was decided on the lost one would be settled on the other. It could
 * publish a version twice.
 */
export function newRevision(): string {
  return String(randomInt(1, 2 ** 46));
}

/** All fields of a newly accepted order. */
export function newRecordFields(order: Order, nextPollAt: number): Fields {
  return {
    ...orderFields(order),
    ...progressFields({ progress: freshProgress, history: [] }),
    nextPollAt: String(nextPollAt),
    revision: newRevision(),
  };
}

/**
 * Parses a record's Redis hash; `null` for an empty one.
 *
 * @throws when a newer version of payment-poller or another program wrote the hash
 */
export function parseRecord(orderId: string, fields: Fields): OrderRecord | null {
  if (fields.version === undefined) return null;
  if (fields.version !== recordVersion) {
    throw new Error(
      `The record of order ${orderId} has version ${fields.version}, this process knows ${recordVersion}; ` +
        'finish the upgrade of all processes.',
    );
  }
  const get = (name: string) => fields[name] ?? '';
  const read = <T>(name: string, make: () => T): T => {
    try {
      return make();
    } catch {
      // Without the cause, which quotes the text: it may be personal data.
      throw new Error(`The record of order ${orderId} is damaged: ${name}.`);
    }
  };
  const json = (name: string) => JSON.parse(get(name));
  // NaN must not pass: no amount compares as less than NaN, so any payment would count as sufficient.
  const number = (name: string) => read(name, () => finite.parse(Number(get(name) || Number.NaN)));
  return {
    order: {
      ...(read('order', () =>
        detailsSchema.parse(unpackDetails(json('order') as unknown[])),
      ) as OrderDetails),
      orderId,
      account: get('account'),
      reference: read('reference', () => json('reference') as Reference),
      amountMinor: number('amountMinor'),
      currency: get('currency'),
      createdAt: number('createdAt'),
    },
    progress: {
      ...(read('progress', () =>
        progressSchema.parse(unpackProgress(json('progress') as unknown[])),
      ) as KnownProgress),
      phase: read('phase', () => phases.parse(get('phase'))),
      ...(get('withdrawn') !== '' && { withdrawnAt: number('withdrawn') }),
    },
    history: read('history', () => (json('history') as unknown[][]).map(unpackEvidence)) as Evidence[],
    revision: number('revision'),
    nextPollAt: instant(get('nextPollAt')),
    query: get('query') === '' ? null : read('query', () => json('query') as PendingQuery),
    hints: Number(get('hints')),
    hintsSeen: Number(get('hintsSeen')),
    hintAt: instant(get('hintAt')),
    callbacks: parseCallbacks(get('callbacks')),
    acknowledgement: parseAcknowledgement(get('acknowledged')),
  };
}

/** Damaged notes of people hide no order: they are left out. */
function parseAcknowledgement(text: string): Acknowledgement | null {
  try {
    return text === '' ? null : acknowledgementSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

const finite = z.number();
const phases = z.enum(['asking', 'watching', 'closed']);
const detailsSchema = z.object({
  provider: z.string(),
  schedule: z.object({
    firstPollAfterMs: z.number(),
    initialIntervalMs: z.number(),
    factor: z.number(),
    maxIntervalMs: z.number(),
    jitter: z.number(),
    deadlineMs: z.number(),
  }),
  metadata: z.custom<object>((value) => typeof value === 'object' && value !== null),
});
const progressSchema = z.object({
  stateversion: z.number(),
  verdict: z.nullable(
    z.object({ status: z.enum(verdictStatuses), reason: z.string().nullable(), at: z.number() }),
  ),
  watchedSince: z.number().nullable(),
  candidate: z.nullable(z.object({ kind: z.enum(['paid', 'failed', 'expired']), at: z.number() })),
  moneySeen: z.boolean(),
  polls: z.number(),
  lastPolledAt: z.number().nullable(),
  answeredPolls: z.number(),
  lastAnsweredAt: z.number().nullable(),
  earlier: z
    .array(
      z.object({
        stateversion: z.number(),
        status: z.enum(verdictStatuses),
        reason: z.string().nullable(),
        at: z.number(),
      }),
    )
    .optional(),
});

function instant(text: string): number | null {
  return text === '' ? null : Number(text);
}

/** JSON of a reference with sorted keys, so that equal references are equal strings. */
export function canonicalReference(reference: Reference): string {
  if (typeof reference === 'string') return JSON.stringify(reference);
  return JSON.stringify(Object.fromEntries(Object.entries(reference).sort(([a], [b]) => (a < b ? -1 : 1))));
}
