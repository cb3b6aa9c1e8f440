import type { InitiatorKey } from '../initiator-key.ts';
import type { Outages } from '../outages.ts';
import type { Posts } from '../posts.ts';
import type { ScriptedOrder } from '../scripted-orders.ts';
import type { PlainState } from '../words.ts';
import type { ProviderApi } from './api.ts';
import type { DarajaGateway } from './daraja-gateway.ts';
import type { SecretPosition } from './vexora-sign.ts';

/** What an API may use of the simulator that it is part of. */
export interface ApiParts {
  readonly now: () => number;
  /** Life of its access tokens; absent: as documented. */
  readonly tokenLifetimeMs: number | undefined;
  readonly darajaGateway: DarajaGateway;
  readonly initiatorKey: InitiatorKey;
  readonly outages: Outages;
  /** Everything that was scripted, for lists. */
  orders(): readonly ScriptedOrder[];
  readonly posts: Posts;
  readonly vexoraSecretPosition: SecretPosition | undefined;
}

/** What a reference may be made of; each is unique to its order. */
export interface ReferenceMaterial {
  /** 32 hexadecimal digits. */
  readonly hex: string;
  /** 10 to 15 decimal digits. */
  readonly digits: string;
  /** The receipt that the payment will have. */
  readonly receipt: string;
}

/** What a merchant asks by: the simulator's key, and the reference in the form that an order carries. */
export interface SampleReference {
  readonly key: string;
  readonly reference: string | { readonly [part: string]: string };
}

/** What an end without money must become in the end, written down from the documents: status and reason. */
export type Outcome = readonly [status: 'failed' | 'expired', reason: string];

/**
 * One simulated provider: all that the simulator, the demo and the chaos test have to know about it. Written from the
 * documents, and not from the adapter, so that the two can disagree.
 */
export interface SimulatedProvider<
  Id extends string = string,
  Credentials extends { readonly [setting: string]: string } = { readonly [setting: string]: string },
> {
  /** The same id as the product's provider. */
  readonly id: Id;
  /** The first part of its paths; APIs with the same mount share a host. */
  readonly mount: string;
  /** Fixed and obviously fake: they open nothing anywhere else. By the names of the product's settings. */
  readonly credentials: Credentials;
  /** Further settings of an account that asks this simulator, such as its addresses. */
  settings(url: string, certificate: string): { readonly [setting: string]: string | number };
  /** All forms of reference that the provider is asked by, the most usual one last. */
  references(material: ReferenceMaterial): readonly [SampleReference, ...SampleReference[]];
  /** Whether orders are found by their receipt too, and whether this reference is one. */
  isReceipt?(reference: string): boolean;
  /** What its words for an end without money mean: by state, or by its first part (`failed`, `expired`) for all others. */
  readonly outcomes: { readonly [state: string]: Outcome };
  /** The refusal that the demo shows. */
  readonly refusal: Extract<PlainState, `failed:${string}`>;
  readonly traits: Traits;
  create(parts: ApiParts): ProviderApi;
}

/** What sets providers apart in the stories that they can be put through. */
export interface Traits {
  /** Callbacks are sent (other than the answers to queries). */
  readonly callbacks: boolean;
  /** A customer can pay under a reference that has been called failed. */
  readonly retries: boolean;
  /** Answers about payouts look the same, and say so. */
  readonly payouts: boolean;
  /** A paid answer reports the amount; the receipt. */
  readonly amount: boolean;
  readonly receipt: boolean;
  /** There is a login whose tokens can expire. */
  readonly login: boolean;
}
