import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { Redis } from '../redis/connection.ts';
import { maxRetryAfterMs, retryAfterMs } from './open-reading.ts';
import type { Auth, ProviderAnswer } from './provider.ts';
import { parseJson } from './read-answer.ts';
import type { Transport } from './transport.ts';

/** No token could be had. `refused`: the credentials are wrong; otherwise the login could not be reached. */
export interface NoToken {
  readonly token: null;
  readonly refused: boolean;
  /** The login was asked to slow down, and how long. */
  readonly throttled: boolean;
  readonly retryAfterMs: number | null;
  readonly httpStatus: number | null;
  readonly reason: string;
}
export type TokenResult = { readonly token: string } | NoToken;

/**
 * The access token of one account, shared by all processes through Redis.
 *
 * At Daraja a new token kills the older one, so a token is fetched by one process at a time, kept until shortly before
 * its end, and replaced after a 401 only if it is still the one that was refused (docs/providers.md section 8, trap 8).
 */
export interface AccessTokens {
  current(): Promise<TokenResult>;
  /**
   * A token other than the one that the provider has just rejected; that one again while no process may log in, because
   * a renewed token was rejected too (`rejectedAgain`).
   */
  renew(rejected: string): Promise<TokenResult>;
  /**
   * A token that `renew` returned was rejected as well, so it is not the token that the provider refuses. No process
   * renews for a few seconds: other orders go on with the token that there is.
   */
  rejectedAgain(): Promise<void>;
}

export interface AccessTokenParts {
  readonly redis: Redis;
  /** Redis key of the token; `:lock`, `:failure:…`, `:failures:…` and `:rejected:…` are kept beside it. */
  readonly key: string;
  readonly auth: Auth<{ readonly [name: string]: unknown }>;
  readonly settings: { readonly [name: string]: unknown };
  readonly transport: Transport;
  readonly now?: () => number;
}

/** One process may hold the login for this long; a crash in between costs the others at most this. */
const lockMs = 30_000;
/** A failed login is not repeated sooner, by any process; each further failure in a row doubles the wait. */
const failureMs = 5_000;
const maxFailureMs = 60_000;
/** After a renewed token was rejected too, no process replaces a token for this long. */
const renewRestMs = 5_000;
const waitMs = 50;

const deleteIfSame = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`;

export function createAccessTokens(parts: AccessTokenParts): AccessTokens {
  const { redis, key, transport } = parts;
  const now = parts.now ?? Date.now;
  const login = parts.auth.request(parts.settings);
  const material = createHash('sha256').update(JSON.stringify(login)).digest();
  const box = createBox(material);
  // A failure belongs to the login that failed: other credentials need not wait for it.
  const print = derive(material, 'payment-poller login failure', 8).toString('hex');
  const failureKey = `${key}:failure:${print}`;
  const failuresKey = `${key}:failures:${print}`;
  const rejectedKey = `${key}:rejected:${print}`;
  let cached: Token | null = null;
  let renewal: Promise<TokenResult> | null = null;

  /**
   * What all processes know: a token that is still good, as far as its own lifetime says, whether it may be replaced, and a
   * login that failed lately.
   */
  async function shared() {
    const [sealed = null, failure = null, resting = null] = await redis.mget(key, failureKey, rejectedKey);
    const opened = sealed === null ? null : box.open(sealed);
    const known = opened !== null && opened.expiresAt > now() ? opened : null;
    return {
      sealed,
      known,
      /** The token to go on with after `rejected` was refused; `null`: a new one is needed. */
      usable: (rejected: string | null) => (known?.token !== rejected || resting !== null ? known : null),
      failure: failure === null ? null : parseFailure(failure),
    };
  }

  async function fetchOnce(rejected: string | null): Promise<TokenResult> {
    const owner = randomBytes(12).toString('hex');
    const giveUpAt = now() + lockMs;
    while (now() < giveUpAt) {
      const { usable, failure } = await shared();
      const known = usable(rejected);
      if (known !== null) return remember(known);
      if (failure !== null) return failure;
      if ((await redis.set(`${key}:lock`, owner, 'PX', lockMs, 'NX')) === 'OK') {
        try {
          // Between our look and our lock another process may have finished its login.
          const fresh = await shared();
          const found = fresh.usable(rejected);
          if (found !== null) return remember(found);
          if (fresh.failure !== null) return fresh.failure;
          // Should the login fail, nobody is to ask with the rejected token again.
          if (fresh.known !== null) await redis.eval(deleteIfSame, 1, key, fresh.sealed ?? '');
          const fetched = await logIn();
          // Some providers grant the token that is still good again: then the token is not what they refuse.
          if (fetched.token !== null && fetched.token === rejected) await restRenewals();
          return fetched;
        } finally {
          await redis.eval(deleteIfSame, 1, `${key}:lock`, owner);
        }
      }
      await delay(waitMs);
    }
    return { ...nothing, reason: 'another process is still logging in' };
  }

  async function logIn(): Promise<TokenResult> {
    const answer = await transport.send(login);
    const granted = 'fault' in answer || answer.httpStatus >= 300 ? null : grantOf(answer);
    if (granted === null) {
      const failure = noToken(parts.auth, answer, now());
      await noteFailure(failure);
      return failure;
    }
    const lifetimeMs = Math.min(granted.lifetimeMs ?? parts.auth.defaultLifetimeMs, parts.auth.maxLifetimeMs);
    const renewBeforeMs = parts.auth.renewBeforeMs ?? Math.min(lifetimeMs / 10, 60_000);
    const keptMs = Math.max(Math.floor(lifetimeMs - renewBeforeMs), 1_000);
    const fresh = { token: granted.token, expiresAt: now() + keptMs };
    await redis.set(key, box.seal(fresh), 'PX', keptMs);
    await redis.del(failuresKey);
    return remember(fresh);
  }

  /** Keeps all processes from logging in for a while, at least as long as the provider asked for. */
  async function noteFailure(failure: NoToken): Promise<void> {
    // Only the holder of the lock comes here; unlike INCR, this bears whatever somebody may have put there.
    const [before] = await redis.mget(failuresKey);
    const failures = Math.min(Math.max(Number.parseInt(before ?? '', 10) || 0, 0), 10);
    const restMs = Math.max(
      Math.min(failureMs * 2 ** failures, maxFailureMs),
      Math.min(failure.retryAfterMs ?? 0, maxRetryAfterMs),
    );
    await redis.set(failureKey, JSON.stringify(failure), 'PX', restMs);
    await redis.set(failuresKey, failures + 1, 'PX', 2 * restMs + maxFailureMs);
  }

  /** Never prolonged: however many orders are refused, a token that is dead is replaced afterwards. */
  async function restRenewals(): Promise<void> {
    await redis.set(rejectedKey, '1', 'PX', renewRestMs, 'NX');
  }

  function grantOf(answer: ProviderAnswer) {
    return parts.auth.grant(parseJson(answer.body), now());
  }

  function remember(known: Token): TokenResult {
    cached = known;
    return { token: known.token };
  }

  function fetchShared(rejected: string | null): Promise<TokenResult> {
    renewal ??= fetchOnce(rejected).finally(() => {
      renewal = null;
    });
    return renewal;
  }

  return {
    async current() {
      return cached !== null && cached.expiresAt > now() ? { token: cached.token } : fetchShared(null);
    },
    async renew(rejected) {
      if (cached?.token === rejected) cached = null;
      if (cached !== null && cached.expiresAt > now()) return { token: cached.token };
      const fetched = await fetchShared(rejected);
      // A look that had begun before the rejection finds the rejected token.
      return fetched.token === rejected ? fetchShared(rejected) : fetched;
    },
    rejectedAgain: restRenewals,
  };
}

const nothing = {
  token: null,
  refused: false,
  throttled: false,
  retryAfterMs: null,
  httpStatus: null,
} as const;

function noToken(
  auth: AccessTokenParts['auth'],
  answer: Awaited<ReturnType<Transport['send']>>,
  now: number,
): NoToken {
  const { httpStatus } = answer;
  if ('fault' in answer) return { ...nothing, httpStatus, reason: `login: ${answer.reason}` };
  // Daraja answers wrong credentials and the wrong environment with an empty 400 (docs/providers.md section 2.1).
  const isRefused = auth.isRefusal?.(parseJson(answer.body), answer.httpStatus);
  if (isRefused ?? [400, 401, 403].includes(answer.httpStatus)) {
    return { ...nothing, httpStatus, refused: true, reason: 'login: credentials refused' };
  }
  return {
    ...nothing,
    httpStatus,
    throttled: httpStatus === 429,
    retryAfterMs: retryAfterMs(answer.headers['retry-after'], now),
    reason: `login: no token in the answer (HTTP ${httpStatus})`,
  };
}

const failureSchema = z.object({
  token: z.null(),
  refused: z.boolean(),
  throttled: z.boolean(),
  retryAfterMs: z.number().nullable(),
  httpStatus: z.number().nullable(),
  reason: z.string(),
});

/** `null` for an entry that another version, or someone else, wrote: then the login is tried. */
function parseFailure(text: string): NoToken | null {
  try {
    return failureSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

interface Token {
  readonly token: string;
  readonly expiresAt: number;
}

/** Bytes. Shorter ones would be believed otherwise, and can be guessed. */
const authTagLength = 16;

/** What one login can prove and no other; says nothing about the login itself. */
function derive(material: Buffer, purpose: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', material, '', purpose, bytes));
}

/** Seals tokens with a key made from the login itself: who reads Redis but lacks the credentials learns nothing. */
function createBox(material: Buffer) {
  const secret = derive(material, 'payment-poller access token', 32);
  return {
    seal(content: Token): string {
      const iv = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', secret, iv, { authTagLength });
      const sealed = Buffer.concat([cipher.update(JSON.stringify(content), 'utf8'), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64');
    },
    /** `null` when it was sealed with other credentials. */
    open(text: string): Token | null {
      const bytes = Buffer.from(text, 'base64');
      try {
        const decipher = createDecipheriv('aes-256-gcm', secret, bytes.subarray(0, 12), { authTagLength });
        decipher.setAuthTag(bytes.subarray(12, 28));
        const opened = Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString(
          'utf8',
        );
        return JSON.parse(opened) as Token;
      } catch {
        return null;
      }
    },
  };
}
