import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Push, SignatureCheck, SignatureRules } from './callback-rules.ts';

/** Where the signature stands, and how it is made. */
export interface HmacRules<Settings, Body> {
  readonly hash: 'sha256' | 'sha512';
  readonly encoding: 'hex' | 'base64';
  /** The header that carries it, in lower case; or its place in the body. */
  readonly given: string | ((body: Body) => string | null | undefined);
  /** What is signed. Default: the raw body. */
  signed?(push: Push): string | Uint8Array | null;
  /** The key; `undefined` where the account has none: then signatures cannot be verified. */
  key(settings: Settings): string | undefined;
  isRequired?(settings: Settings): boolean;
}

/** A signature by HMAC over the raw body of a callback, compared in constant time. */
export function hmacSignature<Settings, Body = unknown>(
  rules: HmacRules<Settings, Body>,
): SignatureRules<Settings, Body> {
  return {
    verify(push, settings, body): SignatureCheck {
      const { given: place } = rules;
      const given = typeof place === 'string' ? headerText(push, place) : place(body);
      const key = rules.key(settings);
      if (key === undefined) return 'unverifiable';
      if (given == null || given === '') return 'absent';
      const signed = rules.signed === undefined ? push.rawBody : rules.signed(push);
      if (signed === null) return 'wrong';
      const own = createHmac(rules.hash, key).update(signed).digest();
      return isSameDigest(given.trim(), own, rules.encoding) ? 'valid' : 'wrong';
    },
    ...(rules.isRequired && { isRequired: rules.isRequired }),
  };
}

function isSameDigest(given: string, own: Buffer, encoding: 'hex' | 'base64'): boolean {
  const theirs = Buffer.from(given, encoding);
  // Decoding is lenient; only the canonical spelling, in either case of hex, is the signature.
  const canonical = encoding === 'hex' ? given.toLowerCase() : given;
  return (
    theirs.length === own.length && theirs.toString(encoding) === canonical && timingSafeEqual(theirs, own)
  );
}

/** The one value of a header; `null` when it is absent. */
export function headerText(push: Push, name: string): string | null {
  const value = push.headers[name];
  return (Array.isArray(value) ? value.join(', ') : value) ?? null;
}
