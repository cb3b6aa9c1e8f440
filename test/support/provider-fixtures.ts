import type { Certainty, Doubt, FailureReason, Order, ReadingKind } from '../../src/domain/order.ts';
import type { Provider } from '../../src/providers/provider.ts';

/** The part of an order that answers are checked against. */
export type FixtureOrder = Pick<Order, 'reference' | 'amountMinor' | 'currency'>;

/** One recorded or invented answer, and the reading expected from it. */
export interface Fixture {
  readonly name: string;
  /** `documented`: `page` shows the body, or its shape and code. `made-up`: only for malformed, unknown or hostile ones. */
  readonly from: 'documented' | 'made-up';
  readonly page: string;
  readonly httpStatus: number;
  readonly headers?: { readonly [name: string]: string };
  /** JSON, or a string holding the exact bytes. */
  readonly body: unknown;
  /** Default: the provider's sample order. `null`: read without an order. */
  readonly order?: FixtureOrder | null;
  /** In addition to the sample settings. */
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

/** A status request that the provider must send. */
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

/** The fixtures that a provider must have: with a login, what the login answers and what a bad token is answered with. */
export type FixturesOf<P extends Provider> = ProviderFixtures &
  (P['auth'] extends undefined ? NoLogin : Required<Pick<ProviderFixtures, 'login' | 'badToken'>>);

interface NoLogin {
  readonly login?: never;
  readonly badToken?: never;
}

/** Everything that the contract suite needs to know about one provider. */
export interface ProviderFixtures {
  /** Settings of an account, as its owner would write them. */
  readonly settings: { readonly [name: string]: unknown };
  /** The order that `paid` and `failed` are about. */
  readonly order: FixtureOrder;
  /** A body that proves the order paid. */
  readonly paid: object;
  /** `paid`, naming its currency; default: as `at.currency` says. */
  readonly withCurrency?: object;
  /** A body that ends the order unpaid. */
  readonly failed: object;
  /** Dotted paths of the relevant fields in `paid` and `failed`. */
  readonly at: {
    readonly word: string;
    readonly amount?: string;
    readonly receipt?: string;
    readonly references: readonly string[];
    /** Path at which an answer would name its currency. */
    readonly currency: string;
  };
  /** The answer to an invalid access token. Absent for providers without a login. */
  readonly badToken?: { readonly httpStatus: number; readonly body: unknown };
  /** The answer to a login. */
  readonly login?: { readonly path: string; readonly body: object };
  /** All answers, each with the reading expected from it. */
  readonly answers: readonly Fixture[];
  readonly requests: readonly RequestSample[];
  /** Callbacks as they are documented, and the names under which each speaks of its order. */
  readonly pushes?: readonly {
    readonly name: string;
    readonly body: unknown;
    readonly names: readonly string[];
  }[];
}

/** 2024-08-09 16:22:50 in Nairobi. */
export const sampleNow = Date.UTC(2024, 7, 9, 13, 22, 50);
