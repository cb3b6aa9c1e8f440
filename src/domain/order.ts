/**
 * The vocabulary of payment-poller. Imports nothing of ours; everything else speaks these words.
 *
 * - An **order** is one pending payment that a checkout asked us to follow.
 * - A **reading** is what one answer of a provider taught us about it.
 * - A **verdict** is what we publish. **Firm** readings decide alone, **soft** ones must be read twice.
 * - **Evidence** is the readings a verdict rests on.
 * - The **deadline** is when the checkout must hear something; the **watch** is the slow polls after a verdict
 *   that may still turn.
 *
 * Instants are epoch milliseconds and end in `At`; amounts are integers in minor units and end in `Minor`.
 */

/** What we publish about an order. */
export const verdictStatuses = ['paid', 'failed', 'expired', 'unresolved'] as const;
export type VerdictStatus = (typeof verdictStatuses)[number];

/** Why a payment failed (or its prompt expired), in words that are the same for every provider. */
export const failureReasons = [
  'cancelled',
  'insufficient-funds',
  'wrong-pin',
  'limit-exceeded',
  'rejected',
  'not-reached',
  'timed-out',
] as const;
export type FailureReason = (typeof failureReasons)[number];

/**
 * Why an answer that says "paid" proves nothing yet. `receipt-missing` and `contradiction` can mend themselves within
 * seconds and are therefore soft; the others are firm.
 */
export const doubts = [
  'underpaid',
  'reference-mismatch',
  'amount-unknown',
  'contradiction',
  'wrong-direction',
  'currency-mismatch',
  'receipt-missing',
  'receipt-used',
] as const;
export type Doubt = (typeof doubts)[number];

/** Why a verdict is `unresolved`. */
export type UnresolvedReason = 'deadline' | Doubt;
export type Reason = FailureReason | UnresolvedReason;

export type Certainty = 'firm' | 'soft';

export const readingKinds = [
  'paid',
  'failed',
  'expired',
  'pending',
  'not-found',
  'unrecognised',
  'unavailable',
  'refused',
] as const;
export type ReadingKind = (typeof readingKinds)[number];

/** A value of JSON, for the checkout's own metadata. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** What the provider knows the order by: a string, or an object whose shape the adapter declares. */
export type Reference = string | { readonly [key: string]: string };

/**
 * When to ask. Times in milliseconds.
 * `firstPollAfterMs` counts from `createdAt`; then `initialIntervalMs` grows by `factor` up to `maxIntervalMs`, each ± `jitter`.
 */
export interface Schedule {
  readonly firstPollAfterMs: number;
  readonly initialIntervalMs: number;
  readonly factor: number;
  readonly maxIntervalMs: number;
  /** Share of the interval by which a poll may come earlier or later, 0 to 0.5. */
  readonly jitter: number;
  /** Counted from `createdAt`. */
  readonly deadlineMs: number;
}

/** One pending payment that a checkout asked us to follow, as it was accepted. Never changes afterwards. */
export interface Order {
  readonly orderId: string;
  readonly account: string;
  readonly provider: string;
  readonly reference: Reference;
  readonly amountMinor: number;
  /** ISO 4217, e.g. `KES`. */
  readonly currency: string;
  readonly createdAt: number;
  readonly schedule: Schedule;
  readonly metadata: { readonly [key: string]: Json };
}

/** What every reading carries, whatever it says. Texts carry neither secrets nor phone numbers. */
export interface ReadingFacts {
  readonly source: 'poll' | 'callback';
  readonly at: number;
  /** `null` when no HTTP answer came at all. */
  readonly httpStatus: number | null;
  /** The provider's own code or word in the field that decides. */
  readonly providerStatus: string | null;
  /** The provider's own text, for people only. */
  readonly providerMessage: string | null;
  /** SHA-256 of the body as it came (a content coding undone), hex. `null` when there was none. */
  readonly bodySha256: string | null;
  /** True when a configured status override, not the adapter's own table, gave this word its meaning. */
  readonly overridden?: true;
  /** When the query was sent that a pushed reading answers, where that query is the one under way. */
  readonly askedAt?: number;
}

/** What one answer taught us. A closed union: `switch` over `kind` without a `default`. */
export type Reading = ReadingFacts &
  (
    | {
        readonly kind: 'paid';
        readonly certainty: Certainty;
        /** `null`: proven. Otherwise what is missing to call the order paid. */
        readonly doubt: Doubt | null;
        readonly receipt: string | null;
        /** What the provider says it received, in the order's currency; `null` where its API cannot say. */
        readonly amountReceivedMinor: number | null;
        /** What it says it received in another currency: to be shown, never compared with the order's amount. */
        readonly otherAmount?: { readonly currency: string; readonly amountMinor: number };
        /** When the provider says it was paid, where its API says so. For metrics only: never orders our events. */
        readonly paidAt: number | null;
        /** The order that owns the receipt or the reference; only with the doubt `receipt-used`. */
        readonly usedBy?: string;
      }
    | { readonly kind: 'failed'; readonly certainty: Certainty; readonly reason: FailureReason }
    | { readonly kind: 'expired'; readonly certainty: Certainty; readonly reason: FailureReason }
    | {
        readonly kind: 'pending';
        /** Our query was only taken: its answer is to be pushed to us, and is awaited until then. */
        readonly awaitedUntil?: number;
      }
    | { readonly kind: 'not-found' }
    | { readonly kind: 'unrecognised' }
    | {
        readonly kind: 'unavailable';
        /** True when the provider asked us to slow down, in whatever disguise. */
        readonly throttled: boolean;
        /** Wait asked for by the provider. */
        readonly retryAfterMs: number | null;
        /** The answer speaks of this one order only, and so says nothing against the account. */
        readonly aboutOrder?: true;
      }
    | {
        readonly kind: 'refused';
        /** True when our credentials, not this one request, were refused. */
        readonly credentials: boolean;
        /** Asking again with the same credentials makes it worse: the account rests until they change. */
        readonly locksAccount?: true;
      }
  );

/** What we publish, apart from the order's own facts. */
export interface Verdict {
  readonly status: VerdictStatus;
  /** `null` for paid. */
  readonly reason: Reason | null;
}

/** Did the provider say something usable about the order itself? */
export function isAnswered(reading: Reading): boolean {
  switch (reading.kind) {
    case 'pending':
      return reading.awaitedUntil === undefined;
    case 'paid':
    case 'failed':
    case 'expired':
    case 'not-found':
      return true;
    case 'unrecognised':
    case 'unavailable':
    case 'refused':
      return false;
  }
}

/** The checkout's own key: 1–128 of `A-Z a-z 0-9 . _ : -`; not `.` or `..`, which clients and proxies take out of a path. */
export const orderIdPattern = /^(?!\.{1,2}$)[A-Za-z0-9._:-]{1,128}$/;

/** An account id: lower-case words joined by `-`, at most 40 characters. */
export const accountIdPattern = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
