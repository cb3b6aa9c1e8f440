import { createHash, randomBytes } from 'node:crypto';
import type { AnswerTo } from '../providers/provider.ts';
import type { OrderStore } from './order-store.ts';

/**
 * Makes the one-time addresses of a query and remembers it before it is sent: the answer may come before the
 * acknowledgement. The token is random hex, which is unguessable and can spell none of the words that Daraja refuses in
 * an address. Redis keeps its fingerprint only.
 */
export function createBeginQuery(store: OrderStore, publicUrl: string, account: string) {
  const base = `${publicUrl.replace(/(?<!\/)\/+$/, '')}/callbacks/${account}`;
  return async (orderId: string): Promise<AnswerTo> => {
    const token = randomBytes(32).toString('hex');
    await store.beginQuery(orderId, { id: queryIdOf(token), sentAt: Date.now() });
    return { resultUrl: `${base}/${token}.result`, timeoutUrl: `${base}/${token}.timeout` };
  };
}

/** The token and kind in the last part of an answer's address, `null` when it is none of ours. */
export function parseAnswerToken(
  text: string,
): { readonly queryId: string; readonly kind: 'result' | 'timeout' } | null {
  const [, token, kind] = /^([0-9a-f]{64})\.(result|timeout)$/.exec(text) ?? [];
  return token === undefined ? null : { queryId: queryIdOf(token), kind: kind as 'result' | 'timeout' };
}

function queryIdOf(token: string): string {
  return createHash('sha256').update(token).digest('hex').slice(0, 32);
}
