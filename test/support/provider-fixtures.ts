import type { Certainty, Doubt, FailureReason, Order, ReadingKind } from '../../src/domain/order.ts';

/** What an answer is asked about in a fixture. */
export type FixtureOrder = Pick<Order, 'reference' | 'amountMinor' | 'currency'>;

/** One recorded or invented answer, and what it must teach. */
export interface Fixture {
  readonly name: string;
  /** `documented`: body or shape and code are printed on `page`. `made-up`: only for malformed, unknown, hostile ones. */
  readonly from: 'documented' | 'made-up';
  readonly page: string;
  readonly httpStatus: number;
  readonly headers?: { readonly [name: string]: string };
  /** JSON, or a string holding the exact bytes. */
  readonly body: unknown;
  /** Default: the provider's sample order. `null`: read without an order. */
  readonly order?: FixtureOrder | null;
  /** On top of the sample settings. */
  readonly settings?: { readonly [name: string]: unknown };
  readonly expect: {
    readonly reading: ReadingKind;
    readonly certainty?: Certainty;
    readonly reason?: FailureReason;
    readonly doubt?: Doubt | null;
    readonly receipt?: string | null;
    readonly amountReceivedMinor?: number | null;
    readonly paidAt?: number | null;
    readonly credentials?: boolean;
    readonly throttled?: boolean;
    readonly retryAfterMs?: number | null;
    readonly providerStatus?: string | null;
  };
}

/** A status request as it must look. */
export interface RequestSample {
  readonly name: string;
  readonly reference: Order['reference'];
  readonly settings?: { readonly [name: string]: unknown };
  readonly expect: {
    readonly method: 'GET' | 'POST';
    readonly url: string;
    readonly headers: { readonly [name: string]: string };
    readonly body?: unknown;
  };
}

/** All that the contract suite needs to know about one provider. */
export interface ProviderFixtures {
  /** Settings of an account, as its owner would write them. */
  readonly settings: { readonly [name: string]: unknown };
  /** The order that `paid` and `failed` speak of. */
  readonly order: FixtureOrder;
  /** A body that proves the order paid. */
  readonly paid: object;
  /** `paid`, naming its currency; default: as `at.currency` says. */
  readonly withCurrency?: object;
  /** A body that ends the order unpaid. */
  readonly failed: object;
  /** Where the deciding fields stand in `paid` and `failed`, as dotted paths. */
  readonly at: {
    readonly word: string;
    readonly amount?: string;
    readonly receipt?: string;
    readonly references: readonly string[];
    /** Where an answer would name its currency, were it to name one. */
    readonly currency: string;
  };
  /** A body that says the access token is no good, with its HTTP status. Absent for providers without a login. */
  readonly badToken?: { readonly httpStatus: number; readonly body: unknown };
  /** What the login answers. */
  readonly login?: { readonly path: string; readonly body: object };
  /** Codes of the call table that a gateway sends while it is throttling or sick. */
  readonly answers: readonly Fixture[];
  readonly requests: readonly RequestSample[];
}

/** 2024-08-09 16:22:50 in Nairobi. */
export const sampleNow = Date.UTC(2024, 7, 9, 13, 22, 50);
