import type { Policy } from '../../src/domain/decide.ts';
import type {
  Doubt,
  Order,
  Reading,
  ReadingFacts,
  ReadingKind,
  Schedule,
  Verdict,
} from '../../src/domain/order.ts';
import type { Progress } from '../../src/domain/progress.ts';
import { freshProgress } from '../../src/domain/progress.ts';
import { defaultSchedule, defaultWatchMs } from '../../src/domain/schedule.ts';

/** Default creation time of test orders. */
export const createdAt = Date.UTC(2026, 0, 15, 9, 0, 0);

/** An order of 2.00 KES at Jenga, created at `createdAt`, on the default schedule. */
export function anOrder(fields: Partial<Order> = {}): Order {
  return {
    orderId: 'ord-1',
    account: 'jenga',
    provider: 'jenga',
    reference: 'OR28922980077',
    amountMinor: 200,
    currency: 'KES',
    createdAt,
    schedule: defaultSchedule,
    metadata: {},
    ...fields,
  };
}

export function aSchedule(fields: Partial<Schedule> = {}): Schedule {
  return { ...defaultSchedule, ...fields };
}

/** Confirms soft readings after 10 s; the default watch. */
export function aPolicy(fields: Partial<Policy> = {}): Policy {
  return { confirmAfterMs: 10_000, watchMs: defaultWatchMs, ...fields };
}

type ReadingOf<Kind extends ReadingKind> = Extract<Reading, { readonly kind: Kind }>;
type Facts = Partial<ReadingFacts>;

function facts(providerStatus: string | null, httpStatus: number | null = 200): ReadingFacts {
  return {
    source: 'poll',
    at: createdAt + defaultSchedule.firstPollAfterMs,
    httpStatus,
    providerStatus,
    providerMessage: providerStatus === null ? null : `The order is ${providerStatus}`,
    bodySha256: httpStatus === null ? null : 'a'.repeat(64),
  };
}

/** Doubts that often resolve themselves within seconds; the others are firm. */
const softDoubts: readonly Doubt[] = ['receipt-missing', 'contradiction'];

function paid(fields: Partial<ReadingOf<'paid'>> = {}): ReadingOf<'paid'> {
  return {
    ...facts('Paid'),
    kind: 'paid',
    certainty: 'firm',
    doubt: null,
    receipt: 'SH90HU7FO2',
    amountReceivedMinor: 200,
    paidAt: null,
    ...fields,
  };
}

/** Readings by kind. `at` defaults to the first poll of `anOrder()`. */
export const aReading = {
  /** Proven. */
  paid,
  /** Says paid, with a doubt. */
  doubtful(doubt: Doubt, fields: Partial<ReadingOf<'paid'>> = {}): ReadingOf<'paid'> {
    return paid({
      doubt,
      certainty: softDoubts.includes(doubt) ? 'soft' : 'firm',
      ...(doubt === 'receipt-missing' ? { receipt: null } : {}),
      ...(doubt === 'underpaid' ? { amountReceivedMinor: 100 } : {}),
      ...(doubt === 'amount-unknown' ? { amountReceivedMinor: null } : {}),
      ...(doubt === 'currency-mismatch'
        ? { amountReceivedMinor: null, otherAmount: { currency: 'UGX', amountMinor: 200 } }
        : {}),
      ...(doubt === 'receipt-used' ? { usedBy: 'ord-0' } : {}),
      ...fields,
    });
  },
  /** Firm by default. */
  failed(fields: Partial<ReadingOf<'failed'>> = {}): ReadingOf<'failed'> {
    return { ...facts('Rejected'), kind: 'failed', certainty: 'firm', reason: 'rejected', ...fields };
  },
  softFailed(fields: Partial<ReadingOf<'failed'>> = {}): ReadingOf<'failed'> {
    return { ...facts('Cancelled'), kind: 'failed', certainty: 'soft', reason: 'cancelled', ...fields };
  },
  /** Firm by default. */
  expired(fields: Partial<ReadingOf<'expired'>> = {}): ReadingOf<'expired'> {
    return { ...facts('Expired'), kind: 'expired', certainty: 'firm', reason: 'timed-out', ...fields };
  },
  softExpired(fields: Partial<ReadingOf<'expired'>> = {}): ReadingOf<'expired'> {
    return aReading.expired({ certainty: 'soft', ...fields });
  },
  pending(fields: Partial<ReadingOf<'pending'>> = {}): ReadingOf<'pending'> {
    return { ...facts('Pending'), kind: 'pending', ...fields };
  },
  notFound(fields: Facts = {}): ReadingOf<'not-found'> {
    return { ...facts('111102'), kind: 'not-found', ...fields };
  },
  unrecognised(fields: Facts = {}): ReadingOf<'unrecognised'> {
    return { ...facts('Quite odd'), kind: 'unrecognised', ...fields };
  },
  unavailable(fields: Partial<ReadingOf<'unavailable'>> = {}): ReadingOf<'unavailable'> {
    return { ...facts(null, 503), kind: 'unavailable', throttled: false, retryAfterMs: null, ...fields };
  },
  throttled(retryAfterMs: number, fields: Facts = {}): ReadingOf<'unavailable'> {
    return { ...facts(null, 429), kind: 'unavailable', throttled: true, retryAfterMs, ...fields };
  },
  refused(fields: Partial<ReadingOf<'refused'>> = {}): ReadingOf<'refused'> {
    return { ...facts(null, 401), kind: 'refused', credentials: true, ...fields };
  },
} as const;

/** One reading of each kind, by name. */
export const everyReading = {
  'paid, proven': (at: number) => aReading.paid({ at }),
  'paid, underpaid': (at: number) => aReading.doubtful('underpaid', { at }),
  'paid, another currency': (at: number) => aReading.doubtful('currency-mismatch', { at }),
  'paid, receipt used': (at: number) => aReading.doubtful('receipt-used', { at }),
  'paid, receipt missing (soft)': (at: number) => aReading.doubtful('receipt-missing', { at }),
  'paid, reference mismatch': (at: number) => aReading.doubtful('reference-mismatch', { at }),
  'failed, firm': (at: number) => aReading.failed({ at }),
  'failed, soft': (at: number) => aReading.softFailed({ at }),
  'expired, soft': (at: number) => aReading.softExpired({ at }),
  'expired, firm': (at: number) => aReading.expired({ at }),
  pending: (at: number) => aReading.pending({ at }),
  'not found': (at: number) => aReading.notFound({ at }),
  unrecognised: (at: number) => aReading.unrecognised({ at }),
  unavailable: (at: number) => aReading.unavailable({ at }),
  'unavailable, Retry-After 60 s': (at: number) => aReading.throttled(60_000, { at }),
  refused: (at: number) => aReading.refused({ at }),
  'pending, answer to be pushed': (at: number) => aReading.pending({ at, awaitedUntil: at + 30_000 }),
} as const satisfies { readonly [name: string]: (at: number) => Reading };
export type ReadingName = keyof typeof everyReading;

type Said = Verdict & { readonly at: number };

/** All states of an order. */
export const aProgress = {
  fresh: freshProgress,
  asking(fields: Partial<Progress> = {}): Progress {
    return { ...freshProgress, polls: 2, answeredPolls: 2, lastAnsweredAt: createdAt + 13_000, ...fields };
  },
  watching(verdict: Said, fields: Partial<Progress> = {}): Progress {
    return { ...aProgress.asking(), phase: 'watching', stateversion: 1, verdict, ...fields };
  },
  closed(verdict: Said, fields: Partial<Progress> = {}): Progress {
    return { ...aProgress.watching(verdict), phase: 'closed', ...fields };
  },
} as const;

/**
 * True if a key of this value needs an escape in JSON. V8 13 and 14 may misread such keys after a key with a backslash was
 * parsed (nodejs/node issue 63785), so round trips are tested without them.
 */
export function hasEscapedKey(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(
    ([key, entry]) => JSON.stringify(key) !== `"${key}"` || hasEscapedKey(entry),
  );
}

/** Deep-freezes a value, so that a function which mutates its input throws. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const entry of Object.values(value)) deepFreeze(entry);
  }
  return value;
}
