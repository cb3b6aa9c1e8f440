/** A callback about an order, as a piece of evidence: when it came, and the hash of its body. */
export interface CallbackNote {
  readonly firstAt: number;
  /** The last time that the same body came. */
  readonly at: number;
  readonly count: number;
  /** SHA-256 of the body, hex. */
  readonly bodySha256: string;
}

/** Parses the record's field, which `hint.lua` writes: `firstAt:at:count:hash` per callback, separated by blanks. */
export function parseCallbacks(text: string): CallbackNote[] {
  return [...text.matchAll(/(\d{1,15}):(\d{1,15}):(\d{1,9}):([\w-]{43})(?: |$)/g)].map(
    ([, firstAt, at, count, hash = '']) => ({
      ...{ firstAt: Number(firstAt), at: Number(at), count: Number(count) },
      bodySha256: Buffer.from(hash, 'base64url').toString('hex'),
    }),
  );
}
