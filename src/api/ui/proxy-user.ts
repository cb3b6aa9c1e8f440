import type { FastifyRequest } from 'fastify';
import { createAddressList } from '../../config/address-list.ts';
import type { Log } from '../../observability/log.ts';

/** The user that a trusted proxy names for a request. */
export type ProxyUser =
  /** No name, or one from an address that is not trusted. */
  | { readonly kind: 'none' }
  | { readonly kind: 'named'; readonly name: string }
  /** Several names, e.g. the proxy did not remove a header that the client sent. */
  | { readonly kind: 'ambiguous' };

export interface ProxyUserParts {
  readonly log: Log;
  readonly trustedUserHeader?: string | undefined;
  readonly trustedProxies: readonly string[];
}

/**
 * Reads the user who is logged in at the proxy. Only the socket's address counts: clients can send any `X-Forwarded-For`.
 */
export function createProxyUserReader({ log, trustedUserHeader: header, trustedProxies }: ProxyUserParts) {
  if (header === undefined) return (): ProxyUser => ({ kind: 'none' });
  const isProxy = createAddressList(trustedProxies);
  let hasWarned = false;

  return ({ raw }: Pick<FastifyRequest, 'raw'>): ProxyUser => {
    const values = raw.headersDistinct[header];
    if (values === undefined) return { kind: 'none' };
    const from = raw.socket.remoteAddress ?? '';
    if (!isProxy(from)) {
      if (!hasWarned)
        log.warn(
          { header, from },
          'TRUSTED_USER_HEADER came from an address that is not in TRUSTED_PROXIES, and is ignored; further ones are not logged',
        );
      hasWarned = true;
      return { kind: 'none' };
    }
    const [name = ''] = values;
    return values.length === 1 ? { kind: 'named', name } : { kind: 'ambiguous' };
  };
}
