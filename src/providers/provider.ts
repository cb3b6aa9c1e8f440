import type { z } from 'zod';
import type { Doubt, FailureReason, Reference } from '../domain/order.ts';
import type { ReceiptKind } from './receipts.ts';

/**
 * What a word of a provider means. `from` is the page or section the row was taken from.
 *
 * - For a word about the *payment*: `paid`, `failed`, `expired`, `pending`, or one of the open ones.
 * - For a code about the *call*: `pending`, `not-found`, `unrecognised`, `unavailable`, `refused`.
 */
export type Meaning = { readonly from: string } & (
  | { readonly reading: 'paid'; readonly doubt?: Doubt }
  | {
      readonly reading: 'failed' | 'expired';
      readonly certainty: 'firm' | 'soft';
      readonly reason: FailureReason;
    }
  | { readonly reading: 'not-found' | 'unrecognised' }
  /** `awaited`: the query was taken, its answer will be pushed to us. */
  | { readonly reading: 'pending'; readonly awaited?: true }
  /** `aboutOrder`: the code speaks of this one query, so it does not count against the account (circuit breaker). */
  | { readonly reading: 'unavailable'; readonly throttled?: true; readonly aboutOrder?: true }
  /**
   * `credentials`: not this request but our login is refused. `token`: a new access token may mend it.
   * `locks`: asking again with the same credentials makes it worse.
   */
  | { readonly reading: 'refused'; readonly credentials?: true; readonly token?: true; readonly locks?: true }
);

/** Statuses of one deciding field, and what each means. A `Map`, so that no word can hit a property of Object. */
export type StatusTable = ReadonlyMap<string, Meaning>;

/** Declares a status table. */
export function statuses(rows: { readonly [word: string]: Meaning }): StatusTable {
  return new Map(Object.entries(rows));
}

/** What an adapter found in a body: a word about the payment, or a code about the call. Values are as they came. */
export type Finding =
  | {
      readonly about: 'payment';
      readonly word: string;
      /** What the provider printed, when the table knows it only by its family. Default: `word`. */
      readonly shown?: string;
      readonly message?: string | null | undefined;
      /** What the provider says it *received*, never what was asked for. */
      readonly amountReceived?: unknown;
      /** Every currency that the answer names, as it came; each must be the order's. See `currenciesOf`. */
      readonly currencies?: readonly unknown[];
      readonly receipt?: string | null | undefined;
      /** Receipts besides, where the answer tells of several payments for the order. */
      readonly furtherReceipts?: readonly (string | null | undefined)[];
      /** The references that the answer speaks of; each that is present must be one of `aliases`. */
      readonly references?: readonly (string | null | undefined)[];
      /** The adapter's own doubt: wrong direction, an answer at odds with itself. */
      readonly doubt?: Doubt | null;
      readonly paidAt?: number | null;
    }
  | {
      readonly about: 'call';
      readonly code: string;
      /** What the provider printed, when the table knows it only by its family. Default: `code`. */
      readonly shown?: string;
      readonly message?: string | null | undefined;
    };

/** What was found about the payment itself. */
export type PaymentFinding = Extract<Finding, { about: 'payment' }>;

/** What `read` may look at besides the body. */
export interface ReadContext<Settings, Ref> {
  readonly httpStatus: number;
  /** What was asked about; `null` when an answer is read without its order. */
  readonly reference: Ref | null;
  readonly settings: Settings | null;
}

/** One HTTP request to a provider, relative to a base URL of the account. */
export interface ProviderRequest {
  readonly method: 'GET' | 'POST';
  /** Absolute URL. */
  readonly url: string;
  readonly headers?: { readonly [name: string]: string };
  readonly body?: string;
}

/** One HTTP answer, whole and within the size limit. */
export interface ProviderAnswer {
  readonly httpStatus: number;
  /** Lower-case names. */
  readonly headers: { readonly [name: string]: string | string[] | undefined };
  readonly body: Uint8Array;
}

/** How to log in (authenticate). Absent on providers with a static key or a signature. */
export interface Auth<Settings> {
  request(settings: Settings): ProviderRequest;
  /** The granted token and its life in milliseconds (`null`: not said), or `null` when the answer grants none. */
  grant(body: unknown, now: number): { readonly token: string; readonly lifetimeMs: number | null } | null;
  /** Assumed when the answer does not say. */
  readonly defaultLifetimeMs: number;
  /** Never kept longer than this, whatever the answer says. */
  readonly maxLifetimeMs: number;
}

/** What is asked about. */
export interface Ask<Ref> {
  readonly reference: Ref;
  readonly token: string | null;
  readonly now: number;
  /** Where the answer is to be posted; `null` for providers that answer at once. */
  readonly answerTo: AnswerTo | null;
}

/** One-time addresses of one query. */
export interface AnswerTo {
  readonly resultUrl: string;
  readonly timeoutUrl: string;
}

/** How a body is read. */
export interface ReadingRules<Settings = unknown, Ref = unknown> {
  /** The fields of an answer that are used, all nullish; anything else is dropped. Includes the error envelopes. */
  readonly answer: z.ZodType;
  /** Finds the deciding word. `body` has passed `answer`. `null`: none of the shapes that we know. */
  read(body: unknown, context: ReadContext<Settings, Ref>): Finding | null;
  /** Meanings of the deciding field about the payment. Counts on HTTP 2xx only. */
  readonly payment: StatusTable;
  /** Meanings of codes about the call, on any HTTP status. What is missing here is judged by its HTTP status. */
  readonly call: StatusTable;
  /** What every paid answer carries. Then paid is not proven without it. */
  readonly guarantees: Guarantees;
}

/** What every paid answer of an API carries. */
export interface Guarantees {
  /** The amount received. */
  readonly amount: boolean;
  readonly receipt: boolean;
  /** Our reference. */
  readonly reference: boolean;
  /** The currency of the amount. Where it is not given, an account can have one currency only. */
  readonly currency: boolean;
}

/** How the answer to a query reaches us where a provider does not give it at once. */
export interface AsyncResultRules<Settings = unknown, Ref = unknown> extends ReadingRules<Settings, Ref> {
  /** A query without an answer is lost after this many milliseconds. */
  resultTimeoutMs(settings: Settings): number;
}

/** How a provider's pushes are understood. They are hints: only the order that they speak of is taken from them. */
export interface CallbackRules<Settings = unknown> {
  readonly body: z.ZodType;
  /** All strings in the body under which the order may be known. `body` has passed `body`. */
  aliases(body: unknown): readonly (string | null | undefined)[];
  /** False when the body carries a signature that is wrong, or lacks one that is required. */
  isSigned?(body: unknown, settings: Settings): boolean;
  /** What the provider wants to hear. */
  readonly reply: { readonly contentType: string; readonly body: string };
}

/** A provider is a declaration: what differs between gateways, and nothing else. */
export interface Provider<Settings extends z.ZodObject = z.ZodObject, Ref extends Reference = Reference>
  extends ReadingRules<z.infer<Settings>, Ref> {
  /** Permanent kebab-case word; the file's name. */
  readonly id: string;
  readonly title: string;
  /** The page the adapter was written from. */
  readonly page: string;
  /** ISO 4217 codes of the currencies that its payments can be in; an account may name fewer, or others. */
  readonly currencies: readonly [string, ...string[]];
  /** The account's settings on top of the common ones. Every field has `.describe()`; secrets and login names carry a mark (fields.ts). */
  readonly settings: Settings;
  /** How a receipt of this provider looks: what looks otherwise is none. Default: `mpesaReceipt`. */
  readonly receipt?: ReceiptKind;
  /**
   * The settings that name the merchant, where merchants choose their references: accounts with the same values ask about
   * the same payments. Never a secret, for a new key frees no payment. Empty where no two merchants of the provider have
   * the same reference.
   */
  readonly merchant: readonly string[];
  /** What an order may be known by. */
  readonly reference: z.ZodType<Ref>;
  readonly auth?: Auth<z.infer<Settings>>;
  request(ask: Ask<Ref>, settings: z.infer<Settings>): ProviderRequest;
  /** Present when a query is only taken, and its answer pushed to `Ask.answerTo`. */
  readonly asyncResult?: AsyncResultRules<z.infer<Settings>, Ref>;
  readonly callback?: CallbackRules<z.infer<Settings>>;
  /** Status requests per second when the account does not say; providers publish none, so each is a cautious guess. */
  readonly defaultRatePerSecond?: number;
  /** All strings under which an answer may repeat our reference. */
  aliases(reference: Ref): readonly string[];
}

/** Declares a provider; checks at start what the compiler cannot. */
export function defineProvider<Settings extends z.ZodObject, Ref extends Reference, Body>(
  declaration: Omit<Provider<Settings, Ref>, 'answer' | 'read'> & {
    readonly answer: z.ZodType<Body>;
    read(body: Body, context: ReadContext<z.infer<Settings>, Ref>): Finding | null;
  },
): Provider {
  for (const [code, meaning] of declaration.call) {
    if (meaning.reading === 'paid' || meaning.reading === 'failed' || meaning.reading === 'expired') {
      throw new Error(
        `${declaration.id}: call code ${code} must not decide a payment (it is mapped to ${meaning.reading}).`,
      );
    }
  }
  const unknown = declaration.merchant.filter((name) => !(name in declaration.settings.shape));
  if (unknown.length > 0)
    throw new Error(`${declaration.id}: ${unknown.join(', ')} names the merchant, and is no setting.`);
  // The type parameters end here: outside, a provider's settings and references are only what its own schemas accepted.
  return declaration as unknown as Provider;
}

/** Declares how a provider's pushes are understood. */
export function defineCallback<Body, Settings>(
  declaration: Omit<CallbackRules<Settings>, 'body' | 'aliases' | 'isSigned'> & {
    readonly body: z.ZodType<Body>;
    aliases(body: Body): readonly (string | null | undefined)[];
    isSigned?(body: Body, settings: Settings): boolean;
  },
): CallbackRules<Settings> {
  return declaration as unknown as CallbackRules<Settings>;
}
