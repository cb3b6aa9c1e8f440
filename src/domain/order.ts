/**
 * The domain types and the glossary of payment-poller. One term per concept, in code, logs, metrics and docs.
 *
 * The order
 * - **order**: one pending payment that a checkout asked us to follow. Its facts never change after enqueueing.
 * - **provider**: one payment gateway's status API, and the adapter for it.
 * - **account**: one set of credentials at a provider, with its own queue, rate limit and circuit breaker.
 * - **reference**: the provider's identifier for the payment: a string, or an object whose fields the adapter declares.
 * - **record**: the Redis hash that holds everything known about an order. It is authoritative; the job only drives polling.
 * - **progress**: the part of the record that changes: phase, verdict, counters.
 * - **phase**: `asking` (no verdict yet), `watching` (verdict may still change) or `closed` (no more polls).
 * - **revision**: names one write to a record, for optimistic locking. **stateversion**: counter of published verdicts.
 *
 * From answer to verdict
 * - **poll**: one status request to the provider.
 * - **reading**: the meaning of one answer (or of its absence), in the same terms for every provider.
 * - **certainty**: `firm` readings count at once; `soft` ones may be reversed, so a second reading must confirm them.
 * - **candidate**: a soft reading that waits for its confirmation.
 * - **doubt**: why a reading that says "paid" does not prove it; published as the reason of an `unresolved` verdict.
 * - **conclusion**: the verdict that a reading would lead to if it were published.
 * - **verdict**: what we publish about an order: `paid`, `failed`, `expired` or `unresolved`, with a reason.
 * - **statement**: the provider's own list of payments, as a file or by its API. **row**: one line of it. A row can prove a
 *   payment; that a payment is missing from a statement proves nothing. **reconcile**: compare a statement with the orders.
 * - **evidence**: the readings that a verdict is based on. **history**: all readings of an order, repeats merged.
 * - **finding**: what an adapter found in one response body, before the checks that make it a reading.
 * - **payment facts**: receipt and amounts of the payment behind the last verdict.
 * - **result**, **event**: the stream entry that carries a verdict. A **correction** supersedes an earlier result.
 * - **withdrawn**: the checkout, or a person, stopped following the order. It gets no poll any more.
 * - **acknowledgement**: a person has dealt with an order whose verdict needs attention, and noted how.
 * - **receipt claim**: a paid order claims its receipt and reference, so that no other order is paid by the same payment.
 *
 * Timing
 * - **schedule**: an order's poll times before its first verdict. **plan**: poll times learnt from an account's past orders.
 * - **deadline**: when a verdict is due even if no answer was final; then `unresolved` is published.
 * - **watch**: the slow polls after a verdict that may still change.
 * - **poll request**: a request to poll an order now, from a person or a callback.
 * - **hint**: a poll request noted in the record, so that it survives a crash.
 * - **promote**: make an order's delayed job due now, or earlier than planned.
 * - **callback**: an HTTP request from a provider. It is a hint, unless it is a **pushed answer**: the asynchronous reply
 *   to a **query** of ours, kept in the order's **inbox** until a worker reads it.
 *
 * Running it
 * - **job**: the BullMQ job that drives one order; every account has a **queue**.
 * - **batch**: requests sent to Redis together. **exchange**: the one script call in which a worker releases and fetches jobs.
 * - **settle**: write a reading's outcome to the record and publish the verdict, atomically.
 * - **sweep**: compare open orders with queued jobs, and repair what is missing.
 * - **circuit breaker**: stops polls to an account that keeps failing. **pause**: how long it does so; people can pause an
 *   account too, until they **resume** it.
 *   **probe**: the single poll that tests whether the account has recovered.
 * - **unhealthy**: an account whose breaker is open or whose credentials are locked.
 * - **registry**: the accounts that running services have announced in Redis. **served**: some running process polls it.
 * - **consumer group**: the processes of one application that share the results. **delivery state**: what a group has handled,
 *   is handling, or has **parked** because it could not handle it.
 * - **reader**: a client that reads results over HTTP and acknowledges them; its position is that of a consumer group.
 * - **redact**: remove secrets and personal data from text before it is logged, shown or published.
 *
 * Instants are epoch milliseconds and end in `At`; amounts are integers in minor units and end in `Minor`.
 */

/** The statuses a verdict can have. */
export const verdictStatuses = ['paid', 'failed', 'expired', 'unresolved'] as const;
export type VerdictStatus = (typeof verdictStatuses)[number];

/** Why a payment failed or its prompt expired, in the same terms for every provider. */
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
 * Why an answer that says "paid" does not prove it. `receipt-missing` and `contradiction` often resolve themselves within
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

/** Why a verdict is `unresolved`. `withdrawn`: the order is not followed any more, because the checkout or a person said so. */
export type UnresolvedReason = 'deadline' | 'withdrawn' | Doubt;
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

/** A JSON value, for the checkout's own metadata. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** The provider's identifier for the payment: a string, or an object whose fields the adapter declares. */
export type Reference = string | { readonly [key: string]: string };

/**
 * When to poll before the first verdict, in milliseconds. The first poll comes `firstPollAfterMs` after `createdAt`; then the
 * interval grows from `initialIntervalMs` by `factor` up to `maxIntervalMs`, each ± `jitter`.
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

/** The facts of an order as it was accepted. They never change afterwards. */
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

/** Where a reading comes from: our own poll, a provider's callback, or a statement of the provider's account. */
export const readingSources = ['poll', 'callback', 'statement'] as const;
export type ReadingSource = (typeof readingSources)[number];

/** What every reading carries. Texts are redacted: no secrets, no phone numbers. */
export interface ReadingFacts {
  readonly source: ReadingSource;
  readonly at: number;
  /** `null` when there was no HTTP response. */
  readonly httpStatus: number | null;
  /** The provider's own code or word, from the field that the reading was taken from. */
  readonly providerStatus: string | null;
  /** The provider's own message. For people; no decision depends on it. */
  readonly providerMessage: string | null;
  /** SHA-256 of the body after content decoding, hex. `null` when there was no body. */
  readonly bodySha256: string | null;
  /** True when a configured status override, not the adapter's own table, gave `providerStatus` its meaning. */
  readonly overridden?: true;
  /** For a pushed answer to the latest query: when that query was sent. */
  readonly askedAt?: number;
}

/** The meaning of one answer. A closed union: `switch` over `kind` without a `default`. */
export type Reading = ReadingFacts &
  (
    | {
        readonly kind: 'paid';
        readonly certainty: Certainty;
        /** `null` when the payment is proven, otherwise why it is not. */
        readonly doubt: Doubt | null;
        readonly receipt: string | null;
        /** Receipts of further payments, if one answer reports several. */
        readonly furtherReceipts?: readonly string[];
        /** The amount received, in the order's currency; `null` where the provider's API does not report it. */
        readonly amountReceivedMinor: number | null;
        /** The amount received in another currency than the order's. Only shown, never compared with the order's amount. */
        readonly otherAmount?: { readonly currency: string; readonly amountMinor: number };
        /** When the payment was made, where the provider reports it. For metrics only; never used to order events. */
        readonly paidAt: number | null;
        /** The order that has claimed the receipt or the reference; only with the doubt `receipt-used`. */
        readonly usedBy?: string;
      }
    | { readonly kind: 'failed'; readonly certainty: Certainty; readonly reason: FailureReason }
    | { readonly kind: 'expired'; readonly certainty: Certainty; readonly reason: FailureReason }
    | {
        readonly kind: 'pending';
        /** The provider only acknowledged our query and will push the answer, which we await until then. */
        readonly awaitedUntil?: number;
      }
    | { readonly kind: 'not-found' }
    | { readonly kind: 'unrecognised' }
    | {
        readonly kind: 'unavailable';
        /** True when the provider is rate limiting us, whichever status code or text it uses for that. */
        readonly throttled: boolean;
        /** The wait that the provider asked for (`Retry-After`). */
        readonly retryAfterMs: number | null;
        /** The answer concerns this order only, so it does not count as a failure of the account. */
        readonly aboutOrder?: true;
        /** The poll was due, but no request was sent, because people have paused the account. It is not counted as a poll. */
        readonly unsent?: true;
      }
    | {
        readonly kind: 'refused';
        /** True when our credentials, not this one request, were refused. */
        readonly credentials: boolean;
        /** Retrying with the same credentials would lock the account further, so polling stops until they change. */
        readonly locksAccount?: true;
      }
  );

/** What we publish about an order, apart from its facts. */
export interface Verdict {
  readonly status: VerdictStatus;
  /** `null` for paid. */
  readonly reason: Reason | null;
}

/** The verdict of an order that is withdrawn before it is paid. */
export const withdrawnVerdict: Verdict = { status: 'unresolved', reason: 'withdrawn' };

/** The answer is about another payment, or about money that was paid out. */
export function isForeign(reason: Reason | null): boolean {
  return reason === 'reference-mismatch' || reason === 'wrong-direction';
}

/** Did the provider give a usable answer about the order itself? */
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

/** The checkout's own key: 1–128 of `A-Z a-z 0-9 . _ : -`; not `.` or `..`, which HTTP clients and proxies remove from paths. */
export const orderIdPattern = /^(?!\.{1,2}$)[A-Za-z0-9._:-]{1,128}$/;

/** An account id: lower-case words joined by `-`, at most 40 characters. */
export const accountIdPattern = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
