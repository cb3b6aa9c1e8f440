import type { z } from 'zod';

/** A callback as it came in, for those who verify its signature. */
export interface Push {
  readonly method: string;
  /** As the provider addressed it: `host[:port]`, and the path with its query. */
  readonly authority: string;
  readonly target: string;
  /** Lower-case names. */
  readonly headers: { readonly [name: string]: string | string[] | undefined };
  /** The bytes as they were sent. */
  readonly rawBody: Uint8Array;
}

/** `unverifiable`: the account has no key to verify it with. */
export type SignatureCheck = 'valid' | 'wrong' | 'absent' | 'unverifiable';

/** Verifies the signature of a callback. A wrong one is never listened to. */
export interface SignatureRules<Settings = unknown, Body = unknown> {
  verify(push: Push, settings: Settings, body: Body, now: number): SignatureCheck;
  /** Whether this account refuses callbacks without a signature. Default: it does not, for they are hints only. */
  isRequired?(settings: Settings): boolean;
}

export type CallbackMethod = 'POST' | 'PUT' | 'GET';

/** What the provider is answered. */
export interface CallbackReply {
  readonly contentType: string;
  readonly body: string;
}

/** How a provider's pushes are understood. They are hints: only the order that they speak of is taken from them. */
export interface CallbackRules<Settings = unknown> {
  /** How callbacks are sent; the fields of a GET are those of its query. Default: POST. */
  readonly methods?: readonly [CallbackMethod, ...CallbackMethod[]];
  readonly body: z.ZodType;
  /** All strings in the body under which the order may be known. `body` has passed `body`. */
  aliases(body: unknown): readonly (string | null | undefined)[];
  /** Absent where the provider signs nothing. */
  readonly signature?: SignatureRules<Settings>;
  /** What the provider wants to hear; where it depends on what was sent, a function of it. */
  readonly reply: CallbackReply | ((body: unknown) => CallbackReply);
}

/** Declares how a provider's pushes are understood. */
export function defineCallback<Body, Settings>(
  declaration: Omit<CallbackRules<Settings>, 'body' | 'aliases' | 'signature' | 'reply'> & {
    readonly body: z.ZodType<Body>;
    aliases(body: Body): readonly (string | null | undefined)[];
    readonly signature?: SignatureRules<Settings, Body>;
    readonly reply: CallbackReply | ((body: Body) => CallbackReply);
  },
): CallbackRules<Settings> {
  return declaration as unknown as CallbackRules<Settings>;
}

/** The methods by which a provider sends its callbacks. */
export function callbackMethods(rules: CallbackRules | undefined): readonly CallbackMethod[] {
  return rules?.methods ?? ['POST'];
}

/** Whether a callback is refused for its signature. */
export function isRefused(
  rules: CallbackRules,
  push: Push,
  settings: unknown,
  body: unknown,
  now: number,
): boolean {
  const { signature } = rules;
  if (signature === undefined) return false;
  const check = signature.verify(push, settings, body, now);
  return check === 'wrong' || (check !== 'valid' && signature.isRequired?.(settings) === true);
}

/** What to answer a callback with; `null`: nothing that we understand was sent. */
export function replyTo(rules: CallbackRules | undefined, body: unknown): CallbackReply {
  const { reply = { contentType: 'text/plain', body: '' } } = rules ?? {};
  if (typeof reply !== 'function') return reply;
  const parsed = rules?.body.safeParse(body);
  return parsed?.success ? reply(parsed.data) : { contentType: 'text/plain', body: '' };
}
