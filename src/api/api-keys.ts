import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import { sendProblem } from './problem.ts';

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

/** Whether a request carries one of the API keys. */
export type KeyCheck = (request: FastifyRequest) => boolean;

/** Knows the API keys by their SHA-256. Several are valid at once, for rotation. */
export function createKeyCheck(keysSha256: readonly string[]): KeyCheck {
  const known = keysSha256.map((hex) => Buffer.from(hex, 'hex'));
  return (request) => {
    const given = keyDigestOf(request);
    // Every key is compared, so that the duration does not tell which one came close.
    const isKnown = known.filter((key) => timingSafeEqual(key, given)).length > 0;
    // No key is no key, even if somebody configured the hash of nothing.
    return isKnown && keyOf(request) !== null;
  };
}

/** Lets requests pass that carry one of the API keys as a Bearer token. */
export function requireApiKey(isKnownKey: KeyCheck): onRequestHookHandler {
  return async (request, reply) => {
    if (isKnownKey(request)) return;
    reply.header('www-authenticate', 'Bearer');
    return sendProblem(reply, 401, 'Send a valid API key as "Authorization: Bearer <key>".');
  };
}
