import { createHash, randomBytes } from 'node:crypto';
import type { AnswerTo } from '../providers/provider.ts';
import type { OrderStore } from './store.ts';

/**
 * Creates the one-time callback URLs of a query and records the query before it is sent, because the answer may arrive before
 * the acknowledgement. The token is 24 random bytes plus the fingerprint of the credentials, in hex, so that it contains none
 * of the words that Daraja rejects in URLs. Redis stores only a hash of it.
 *
 * @param credentials fingerprint, 16 hexadecimal digits
 */
export function createBeginQuery(
  store: OrderStore,
  publicUrl: string,
  account: string,
  credentials: string,
  now: () => number = Date.now,
) {
  const base = `${publicUrl.replace(/(?<!\/)\/+$/, '')}/callbacks/${account}`;
  return async (orderId: string): Promise<AnswerTo> => {
    const token = randomBytes(24).toString('hex') + credentials;
    await store.beginQuery(orderId, { id: queryIdOf(token), sentAt: now() });
    return { resultUrl: `${base}/${token}.result`, timeoutUrl: `${base}/${token}.timeout` };
  };
}

/** The content of the last path segment of a query's callback URL. */
export interface AnswerToken {
  readonly queryId: string;
  readonly kind: 'result' | 'timeout';
  /** Fingerprint of the credentials that sent the query. */
  readonly credentials: string;
}

/** Parses the last path segment of a query's callback URL; `null` if we did not create it. */
export function parseAnswerToken(text: string): AnswerToken | null {
  const [, token, kind] = /^([0-9a-f]{64})\.(result|timeout)$/.exec(text) ?? [];
  if (token === undefined) return null;
  return { queryId: queryIdOf(token), kind: kind as AnswerToken['kind'], credentials: token.slice(48) };
}

function queryIdOf(token: string): string {
  return createHash('sha256').update(token).digest('hex').slice(0, 32);
}
