import { randomBytes } from 'node:crypto';

/** A token as issued; instants are epoch milliseconds. */
export interface IssuedToken {
  readonly token: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** The access tokens of one identity service. */
export interface Tokens {
  issue(owner: string, at: number): IssuedToken;
  /** "unknown" covers tokens never issued, replaced by a newer one, or ended early. */
  check(token: string, at: number): 'valid' | 'expired' | 'unknown';
  /** Ends every token now, as a provider does when it restarts. */
  expire(): void;
}

/** How one identity service treats its tokens. */
export interface TokenRules {
  readonly lifetimeMs: number;
  /** A new token ends the owner's older one at once, as at Daraja (providers.md, 2.1). */
  readonly newReplacesOld: boolean;
}

// Expired tokens are remembered, so that they can be refused as expired; this bounds the memory.
const rememberedTokens = 10_000;

/** Makes an identity service's memory. */
export function createTokens({ lifetimeMs, newReplacesOld }: TokenRules): Tokens {
  const expiries = new Map<string, number>();
  const current = new Map<string, string>();
  return {
    issue(owner, at) {
      const older = current.get(owner);
      if (newReplacesOld && older !== undefined) expiries.delete(older);
      const oldest = expiries.keys().next();
      if (expiries.size >= rememberedTokens && !oldest.done) expiries.delete(oldest.value);
      const token = randomBytes(21).toString('base64url');
      expiries.set(token, at + lifetimeMs);
      current.set(owner, token);
      return { token, issuedAt: at, expiresAt: at + lifetimeMs };
    },
    check(token, at) {
      const expiresAt = expiries.get(token);
      if (expiresAt === undefined) return 'unknown';
      return at < expiresAt ? 'valid' : 'expired';
    },
    expire() {
      expiries.clear();
    },
  };
}
