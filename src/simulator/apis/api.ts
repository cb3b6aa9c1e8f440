import type { Call, Reply } from '../call.ts';
import type { Push } from '../posts.ts';
import type { CallbackShape } from '../script.ts';
import type { ScriptedOrder } from '../scripted-orders.ts';
import type { Present } from '../timeline.ts';

/** A path that tells the state of one order. */
export interface StatusRoute {
  readonly kind: 'status';
  /** What requests to it are counted as. */
  readonly name: string;
  readonly provider: string;
  matches(call: Call): boolean;
  /** The reference asked about; empty when there is none. */
  referenceIn(call: Call): string;
  /** The documented refusal of a wrong token, key, password or signature. */
  refuse(call: Call, order: ScriptedOrder | undefined): Reply | undefined;
  /** The documented answer; an order that was never scripted is one that the provider does not know. */
  answer(call: Call, order: ScriptedOrder | undefined): Reply | Promise<Reply>;
}

/** A path that gives out access tokens. */
export interface LoginRoute {
  readonly kind: 'login';
  /** Whose login it is, where several APIs share one identity service. */
  providerOf(call: Call): string;
  matches(call: Call): boolean;
  answer(call: Call): Reply;
}

/** One provider's status API, as its documents print it. */
export interface ProviderApi {
  readonly id: string;
  readonly routes: readonly (StatusRoute | LoginRoute)[];
  /** The documented body of an invalid token. */
  unauthorised(call: Call): Reply;
  /** How this provider says "too fast" or "I am busy" without saying so. */
  throttled(call: Call): Reply;
  /** The documented answer to a path that does not exist. */
  unknownPath(call: Call): Reply;
  /** The push that reports a state: the JSON text of a POST, or the whole request. */
  callback(order: ScriptedOrder, present: Present, shape: CallbackShape | undefined): string | Push;
  /** How HTTP 429 is answered where a document prints it. */
  tooManyRequests?(): Reply;
  /** Ends all access tokens early; absent where the key is static. */
  expireTokens?(): void;
}
