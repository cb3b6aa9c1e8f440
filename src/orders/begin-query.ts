import { createHash, randomBytes } from 'node:crypto';
import type { AnswerTo } from '../providers/provider.ts';
import type { OrderStore } from './store.ts';

/**
 * Makes the one-time addresses of a query and remembers it before it is sent: the answer may come before the
 * acknowledgement. The token is hex, which can spell none of the words that Daraja refuses in an address: 24 random bytes,
 * unguessable, and the fingerprint of the credentials that send the query. Redis keeps a fingerprint of the whole only.
 *
 * @param credentials 16 hexadecimal digits
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

/** What the last part of an answer's address says. */
export interface AnswerToken {
  readonly queryId: string;
  readonly kind: 'result' | 'timeout';
  /** Fingerprint of the credentials that sent the query. */
  readonly credentials: string;
}

/** The token in the last part of an answer's address, `null` when it is none of ours. */
export function parseAnswerToken(text: string): AnswerToken | null {
  const [, token, kind] = /^([0-9a-f]{64})\.(result|timeout)$/.exec(text) ?? [];
  if (token === undefined) return null;
  return { queryId: queryIdOf(token), kind: kind as AnswerToken['kind'], credentials: token.slice(48) };
}

function queryIdOf(token: string): string {
  return createHash('sha256').update(token).digest('hex').slice(0, 32);
}
