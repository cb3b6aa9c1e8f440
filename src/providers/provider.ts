import type { z } from 'zod';
import type { Doubt, Reference, Schedule } from '../domain/order.ts';
import type { CallbackRules } from './callback-rules.ts';
import type { ReceiptKind } from './receipts.ts';
import type { StatusTable } from './status-table.ts';
import type { UsualTimes } from './usual-times.ts';

/** What an adapter found in a body: a word about the payment, or a code about the call. Values are as they came. */
export type Finding =
  | {
      readonly about: 'payment';
      readonly word: string;
      /** The code beside `word` that says why. It counts where the table has `reasons` for the word. */
      readonly reason?: string | number | null | undefined;
      /** What the provider printed, when the table knows it only by its family. Default: `word`. */
      readonly shown?: string;
      readonly message?: string | null | undefined;
      /** What the provider says it *received*, never what was asked for. */
      readonly amountReceived?: unknown;
      /** What the provider asked the customer for: less than the order's amount pays no order, whatever was received with a charge. */
      readonly amountAsked?: unknown;
      /** Every currency that the answer names, as it came; each must be the order's. See `currenciesOf`. */
      readonly currencies?: readonly unknown[];
      readonly receipt?: string | null | undefined;
      /** Receipts besides, where the answer reports several payments for the order. */
      readonly furtherReceipts?: readonly (string | null | undefined)[];
      /** The telephone numbers of customers that the answer prints; see `printedPhones`. None of them is a receipt. */
      readonly phones?: ReadonlySet<string>;
      /** Ids that the answer prints besides; see `printedIds`. None of them is a receipt. */
      readonly ids?: ReadonlySet<string>;
      /** The answer says anywhere that the money went back; see `saysReversed`. */
      readonly isReversed?: boolean;
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
  /** Whether an answer without a token refuses our credentials. Default: by HTTP 400, 401 and 403. */
  isRefusal?(body: unknown, httpStatus: number): boolean;
  /** The granted token and its life in milliseconds (`null`: not said), or `null` when the answer grants none. */
  grant(body: unknown, now: number): { readonly token: string; readonly lifetimeMs: number | null } | null;
  /** Assumed when the answer does not say. */
  readonly defaultLifetimeMs: number;
  /** Never kept longer than this, whatever the answer says. */
  readonly maxLifetimeMs: number;
  /** How long before its end a token is renewed, by one process for all. Default: a tenth of its life, at most a minute. */
  readonly renewBeforeMs?: number;
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
  /** What amounts are printed in: `minor` for an integer number of cents. Default: `major`. */
  readonly amountUnit?: 'major' | 'minor';
  /**
   * What is printed beside a failure too, by the documentation: an amount that was only asked for, a receipt or id of the
   * attempt. Anywhere else it shows that money was received, and contradicts the failure.
   */
  readonly failuresCarry?: readonly ('amount' | 'receipt')[];
  /**
   * The body is read before the HTTP status: an open meaning (pending, not found) counts whatever the status. Words that
   * would end an order still need HTTP 2xx. Codes about the call count on any status everywhere.
   */
  readonly bodyBeforeStatus?: true;
}

/** What every paid answer of an API carries. */
export interface Guarantees {
  /** The amount received. */
  readonly amount: boolean;
  /** The receipt. Where it is not guaranteed, one that an answer carries counts all the same. */
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

/** A provider is a declaration: what differs between gateways, and nothing else. */
export interface Provider<Settings extends z.ZodObject = z.ZodObject, Ref extends Reference = Reference>
  extends ReadingRules<z.infer<Settings>, Ref> {
  /** Permanent kebab-case word; the file's name. */
  readonly id: string;
  readonly title: string;
  /** The page the adapter was written from. */
  readonly page: string;
  /**
   * ISO 4217 codes of the currencies that its payments can be in; an account may name fewer, or others. Where answers name
   * no currency an account has one only: the first, unless it names another.
   */
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
  readonly auth?: Auth<z.infer<Settings>> | undefined;
  /**
   * Headers that every status request of the account carries, such as its market or a subscription key.
   *
   * @param currency the account's own; the first where it has several
   */
  headers?(settings: z.infer<Settings>, currency: string): { readonly [name: string]: string };
  request(ask: Ask<Ref>, settings: z.infer<Settings>): ProviderRequest;
  /** Present when a query is only taken, and its answer pushed to `Ask.answerTo`. */
  readonly asyncResult?: AsyncResultRules<z.infer<Settings>, Ref> | undefined;
  readonly callback?: CallbackRules<z.infer<Settings>>;
  /** What an account does that does not say otherwise. Providers publish no limits, so each rate is a cautious guess. */
  readonly defaults?: AccountDefaults;
  /** When its payments usually become final. Without it, `SCHEDULE=adaptive` starts from the exponential schedule. */
  readonly usualTimes?: UsualTimes;
  readonly sandbox: Sandbox;
  /** All strings under which an answer may repeat our reference. */
  aliases(reference: Ref): readonly string[];
  /** Whether a payment is asked about by its receipt. Elsewhere a receipt that repeats our reference is none. */
  asksByReceipt?(reference: Ref): boolean;
}

/** Defaults of a provider's accounts, in place of those of all. */
export interface AccountDefaults extends Partial<Omit<Schedule, 'jitter'>> {
  /** Status requests per second. */
  readonly ratePerSecond?: number;
  /** Polls that were planned, or brought forward by an order's own schedule, are at least so far apart. */
  readonly minIntervalMs?: number;
  /** A soft failure needs a second reading at least this much later. */
  readonly confirmAfterMs?: number;
}

/** Where the nightly check may ask, and about what: the documented sandbox, and nowhere else. */
export interface Sandbox {
  /** The settings that say where; all that end in `Url`. */
  readonly addresses: { readonly [setting: string]: string };
  /** Other settings that the sandbox needs, such as its market. */
  readonly settings?: { readonly [setting: string]: string };
  /** Of the form that the provider issues, and never issued. `hex`: random digits, as many as are asked for. */
  reference(hex: (digits: number) => string): Reference;
}

/** A provider whose type still says whether it has a login, and whether its answers are pushed: what its fixtures must have. */
export type DeclaredProvider<Login, AsyncResult> = Provider & {
  readonly auth: Login;
  readonly asyncResult: AsyncResult;
};

type Declaration<Settings extends z.ZodObject, Ref extends Reference, Body> = Omit<
  Provider<Settings, Ref>,
  'answer' | 'read'
> & {
  readonly answer: z.ZodType<Body>;
  read(body: Body, context: ReadContext<z.infer<Settings>, Ref>): Finding | null;
};
type WithLogin<Settings extends z.ZodObject> = { readonly auth: Auth<z.infer<Settings>> };
type WithAsyncResult<Settings extends z.ZodObject, Ref extends Reference> = {
  readonly asyncResult: AsyncResultRules<z.infer<Settings>, Ref>;
};
type Without<Name extends string> = { readonly [name in Name]?: undefined };

/** Declares a provider; checks at start what the compiler cannot. */
export function defineProvider<Settings extends z.ZodObject, Ref extends Reference, Body>(
  declaration: Declaration<Settings, Ref, Body> & WithLogin<Settings> & WithAsyncResult<Settings, Ref>,
): DeclaredProvider<Auth<never>, AsyncResultRules>;
export function defineProvider<Settings extends z.ZodObject, Ref extends Reference, Body>(
  declaration: Declaration<Settings, Ref, Body> & WithLogin<Settings> & Without<'asyncResult'>,
): DeclaredProvider<Auth<never>, undefined>;
export function defineProvider<Settings extends z.ZodObject, Ref extends Reference, Body>(
  declaration: Declaration<Settings, Ref, Body> & Without<'auth' | 'asyncResult'>,
): DeclaredProvider<undefined, undefined>;
export function defineProvider<Settings extends z.ZodObject, Ref extends Reference, Body>(
  declaration: Declaration<Settings, Ref, Body>,
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
