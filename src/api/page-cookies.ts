import type { FastifyReply, FastifyRequest } from 'fastify';

/** Browsers take a cookie of such a name only over TLS, for this very host and all of its paths. */
const hostPrefix = '__Host-';

/** The value of a cookie of ours, by whichever of its two names. */
export function cookieOf({ cookies }: FastifyRequest, name: string): string | undefined {
  return cookies[`${hostPrefix}${name}`] ?? cookies[name];
}

/** Sets a cookie that no script reads and no other site sends; bound to this host where the page is served over TLS. */
export function setCookie(
  request: FastifyRequest,
  reply: FastifyReply,
  name: string,
  { cookie, maxAgeMs }: { readonly cookie: string; readonly maxAgeMs: number },
): void {
  const secure = isServedOverTls(request);
  const options = { path: '/', httpOnly: true, sameSite: 'strict', secure } as const;
  const maxAge = Math.floor(maxAgeMs / 1_000);
  reply.setCookie(secure ? `${hostPrefix}${name}` : name, cookie, { ...options, maxAge });
}

/** Removes a cookie, by both of its names. */
export function clearCookie({ cookies }: FastifyRequest, reply: FastifyReply, name: string): void {
  const options = { path: '/', httpOnly: true, sameSite: 'strict' } as const;
  for (const each of [name, `${hostPrefix}${name}`]) {
    if (cookies[each] !== undefined) reply.clearCookie(each, { ...options, secure: each !== name });
  }
}

/**
 * Whether the page that sends this is served over TLS. The browser says so itself in `Origin`, also where the proxy with the
 * certificate is not among TRUSTED_PROXIES; `X-Forwarded-Proto` can only make the cookie stricter, so it needs no trust.
 */
function isServedOverTls({ protocol, headers }: FastifyRequest): boolean {
  const { origin } = headers;
  if (origin !== undefined && origin !== 'null') return origin.startsWith('https://');
  return protocol === 'https' || /^https\b/i.test(String(headers['x-forwarded-proto'] ?? ''));
}
