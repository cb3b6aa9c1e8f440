import { z } from 'zod';
import { freshProgress, type Progress } from '../jobs/decide.ts';
import { deadlineAt } from '../jobs/schedule.ts';
import { type Order, type Reference, type Verdict, verdictStatuses } from '../order.ts';
import type { Evidence } from './evidence.ts';

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

/** The form of the fields below. A record of another version is refused, not guessed at. */
const recordVersion = '1';

type Fields = { readonly [name: string]: string };

/** The fields of a new order, never to change. */
export function orderFields(order: Order): Fields {
  return {
    version: recordVersion,
    account: order.account,
    provider: order.provider,
    reference: canonicalReference(order.reference),
    amountMinor: String(order.amountMinor),
    currency: order.currency,
    createdAt: String(order.createdAt),
    deadlineAt: String(deadlineAt(order)),
    schedule: JSON.stringify(order.schedule),
    metadata: JSON.stringify(order.metadata),
  };
}

/** The fields that a poll moves. Empty strings stand for "nothing". */
export function progressFields({ progress, history, query }: Movement): Fields {
  const { verdict, candidate } = progress;
  return {
    phase: progress.phase,
    stateversion: String(progress.stateversion),
    status: verdict?.status ?? '',
    reason: verdict?.reason ?? '',
    settledAt: String(verdict?.at ?? ''),
    watchedSince: String(progress.watchedSince ?? ''),
    candidate: candidate === null ? '' : JSON.stringify(candidate),
    moneySeen: progress.moneySeen ? '1' : '',
    polls: String(progress.polls),
    answeredPolls: String(progress.answeredPolls),
    lastAnsweredAt: String(progress.lastAnsweredAt ?? ''),
    lastPolledAt: String(progress.lastPolledAt ?? ''),
    query: query === null ? '' : JSON.stringify(query),
    history: JSON.stringify(history),
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

/** The fields of a record that are read. `deadlineAt` stands in it for people: it follows from the others. */
export const recordFieldNames: readonly string[] = [
  ...['version', 'account', 'provider', 'reference', 'amountMinor', 'currency', 'createdAt'],
  ...['schedule', 'metadata', 'phase', 'stateversion', 'status', 'reason', 'settledAt', 'watchedSince'],
  ...[
    'candidate',
    'moneySeen',
    'polls',
    'answeredPolls',
    'lastAnsweredAt',
    'lastPolledAt',
    'query',
    'history',
  ],
  ...['nextPollAt', 'revision', 'hints', 'hintsSeen', 'hintAt'],
];

/**
 * The record behind a Redis hash, `null` for an empty one.
 *
 * @throws when the hash was written by a newer version of payment-poller, or by someone else
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
  const nextPollAt = instant(get('nextPollAt'));
  return {
    order: {
      orderId,
      account: get('account'),
      provider: get('provider'),
      reference: json('reference') as Reference,
      amountMinor: number('amountMinor'),
      currency: get('currency'),
      createdAt: number('createdAt'),
      schedule: json('schedule') as Order['schedule'],
      metadata: json('metadata') as Order['metadata'],
    },
    progress: {
      phase: phases.parse(get('phase')),
      stateversion: number('stateversion'),
      verdict: parseVerdict(get('status'), get('reason'), instant(get('settledAt'))),
      watchedSince: instant(get('watchedSince')),
      candidate: get('candidate') === '' ? null : (json('candidate') as Progress['candidate']),
      moneySeen: get('moneySeen') === '1',
      polls: number('polls'),
      answeredPolls: number('answeredPolls'),
      lastAnsweredAt: instant(get('lastAnsweredAt')),
      lastPolledAt: instant(get('lastPolledAt')),
    },
    history: json('history') as Evidence[],
    revision: number('revision'),
    nextPollAt,
    query: get('query') === '' ? null : (json('query') as PendingQuery),
    hints: Number(get('hints')),
    hintsSeen: Number(get('hintsSeen')),
    hintAt: instant(get('hintAt')),
  };
}

const phases = z.enum(['asking', 'watching', 'closed']);
const verdictStatus = z.enum(verdictStatuses);

function parseVerdict(status: string, reason: string, at: number | null): Progress['verdict'] {
  if (status === '' || at === null) return null;
  return {
    status: verdictStatus.parse(status),
    reason: reason === '' ? null : (reason as Verdict['reason']),
    at,
  };
}

function instant(text: string): number | null {
  return text === '' ? null : Number(text);
}

/** JSON of a reference with its keys in order, so that equal references are equal strings. */
export function canonicalReference(reference: Reference): string {
  if (typeof reference === 'string') return JSON.stringify(reference);
  return JSON.stringify(Object.fromEntries(Object.entries(reference).sort(([a], [b]) => (a < b ? -1 : 1))));
}
