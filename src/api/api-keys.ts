import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';
import type { ApiKey, Scope } from '../config/named-keys.ts';
import { auditRequest } from './audit-request.ts';
import { sendProblem } from './problem.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The API key that let this request in; `null` where none did. */
    apiKey: ApiKey | null;
  }
  interface FastifyContextConfig {
    /** One of these lets an API key use the route. */
    readonly scopes?: readonly Scope[];
  }
}

/** SHA-256 of a text: how keys are stored, and what makes secrets of any length comparable in constant time. */
export function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Compares without telling by its duration how much of it was right. */
export function isSameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(digestOf(given), digestOf(expected));
}

/** The key that a request carries as its Bearer token, `null` without one. */
function keyOf({ headers }: FastifyRequest): string | null {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? null;
}

/** SHA-256 of the key that a request carries as its Bearer token. */
export function keyDigestOf(request: FastifyRequest): Buffer {
  return digestOf(keyOf(request) ?? '');
}

/** Who sends a request, for limits of each caller: what stands for the key, whatever its spelling. */
export function callerOf(request: FastifyRequest): string {
  return keyDigestOf(request).toString('hex');
}

/** Whether a request shows a Bearer token at all, be it valid or not. */
export function isBearer({ headers }: FastifyRequest): boolean {
  return /^Bearer\b/i.test(headers.authorization ?? '');
}

/** The configured API key that a request carries, expired ones too; `null` for an unknown one and for none. */
export type FindKey = (request: FastifyRequest) => ApiKey | null;

/** Knows the API keys by their SHA-256. Several are valid at once, for rotation. */
export function createKeyFinder(keys: readonly ApiKey[]): FindKey {
  const known = keys.map((key) => ({ key, digest: Buffer.from(key.sha256, 'hex') }));
  return (request) => {
    const given = keyDigestOf(request);
    // Every key is compared, so that the duration does not tell which one came close.
    const [found] = known.filter(({ digest }) => timingSafeEqual(digest, given));
    // No key is no key, even if somebody configured the hash of nothing.
    return keyOf(request) === null ? null : (found?.key ?? null);
  };
}

/** Whether a key is no longer accepted. */
export function isExpired({ expiresAt }: ApiKey, now: number): boolean {
  return expiresAt !== null && expiresAt <= now;
}

/**
 * Lets requests pass that carry an API key with one of the scopes: those given, or else those that the route's `config`
 * names. Without either, every valid key will do.
 */
export function requireApiKey(findKey: FindKey, scopes?: readonly Scope[]): onRequestHookHandler {
  return async (request, reply) => {
    const key = findKey(request);
    if (key === null)
      return refuseKey(
        request,
        reply,
        isBearer(request) ? 'unknown' : 'missing',
        'Send a valid API key as "Authorization: Bearer <key>".',
      );
    if (isExpired(key, Date.now()))
      return refuseKey(request, reply, 'expired', 'This API key has expired; ask for a new one.');
    request.apiKey = key;
    const wanted = scopes ?? request.routeOptions.config.scopes ?? [];
    if (wanted.length === 0 || wanted.some((scope) => key.scopes.includes(scope))) return;
    reply.header('www-authenticate', `Bearer error="insufficient_scope", scope="${wanted.join(' ')}"`);
    auditRequest(request, { action: 'rejected-key', outcome: 'missing-scope' });
    return sendProblem(reply, 403, `This API key lacks the scope ${wanted.join(' or ')}.`);
  };
}

function refuseKey(
  request: FastifyRequest,
  reply: FastifyReply,
  outcome: string,
  detail: string,
): FastifyReply {
  auditRequest(request, { action: 'rejected-key', outcome });
  reply.header('www-authenticate', 'Bearer');
  return sendProblem(reply, 401, detail);
}

/** Whether what belongs to an account may be shown to the sender of a request. */
export function seesAccount({ apiKey }: Pick<FastifyRequest, 'apiKey'>, account: string): boolean {
  return apiKey !== null && (apiKey.accounts === null || apiKey.accounts.includes(account));
}
