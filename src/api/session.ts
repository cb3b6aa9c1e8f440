import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Redis } from '../redis.ts';

/**
 * Logins of people. A session is a cookie that says until when it holds, signed with a key made of the board's password
 * and a secret of this deployment in Redis: every process accepts it, none has to remember it, and a new password ends
 * all of them. Redis remembers only those that ended early.
 */
export interface Sessions {
  readonly cookieName: string;
  /** The value of a new session's cookie, and for how long it holds. */
  begin(now: number): Promise<{ readonly cookie: string; readonly maxAgeMs: number }>;
  isValid(cookie: string | undefined, now: number): Promise<boolean>;
  /** Ends a session before its time. */
  end(cookie: string | undefined, now: number): Promise<void>;
}

export interface SessionParts {
  readonly redis: Redis;
  readonly prefix: string;
  readonly password: string;
  readonly lifeMs: number;
}

const cookieForm = /^([0-9a-f]{32})\.(\d{1,16})\.([0-9a-f]{64})$/;

export function createSessions({ redis, prefix, password, lifeMs }: SessionParts): Sessions {
  const secretKey = `{${prefix}}:session-secret`;
  const endedKey = (id: string) => `{${prefix}}:session-ended:${id}`;

  async function secret(): Promise<string> {
    const known = await redis.get(secretKey);
    if (known !== null) return known;
    await redis.set(secretKey, randomBytes(32).toString('hex'), 'NX');
    return (await redis.get(secretKey)) ?? '';
  }

  function sign(id: string, until: string, deploymentSecret: string): Buffer {
    const key = hkdfSync('sha256', password, deploymentSecret, 'payment-poller session', 32);
    return createHmac('sha256', Buffer.from(key)).update(`${id}.${until}`).digest();
  }

  /** The parts of a genuine cookie that holds still; `null` for any other. */
  async function read(cookie: string | undefined, now: number) {
    const [, id, until, signature] = cookieForm.exec(cookie ?? '') ?? [];
    if (id === undefined || until === undefined || signature === undefined || Number(until) <= now)
      return null;
    const [deploymentSecret, ended] = await redis.mget(secretKey, endedKey(id));
    if (!deploymentSecret || ended != null) return null;
    const genuine = sign(id, until, deploymentSecret);
    return timingSafeEqual(genuine, Buffer.from(signature, 'hex')) ? { id, until: Number(until) } : null;
  }

  return {
    // Browsers keep cookies by host, not by port: two deployments on one host must not end each other's sessions.
    cookieName: `payment-poller-${prefix}`,
    async begin(now) {
      const id = randomBytes(16).toString('hex');
      const until = String(now + lifeMs);
      return {
        cookie: `${id}.${until}.${sign(id, until, await secret()).toString('hex')}`,
        maxAgeMs: lifeMs,
      };
    },
    isValid: async (cookie, now) => (await read(cookie, now)) !== null,
    async end(cookie, now) {
      const session = await read(cookie, now);
      if (session !== null) await redis.set(endedKey(session.id), '1', 'PX', session.until - now);
    },
  };
}

/** Holds up whoever guesses passwords. Counts failures only, in this process. */
export interface LoginThrottle {
  /** How long this address has to wait before it may try; 0: it may. */
  waitMs(address: string, now: number): number;
  failed(address: string, now: number): void;
}

const windowMs = 60_000;
const failuresPerAddress = 5;
/** Over all addresses: guessing from many must not help. */
const failuresOverall = 20;

export function createLoginThrottle(): LoginThrottle {
  // Never more than `failuresOverall` entries: beyond, nobody may try, so nobody fails.
  let failures: { readonly address: string; readonly at: number }[] = [];

  return {
    waitMs(address, now) {
      failures = failures.filter(({ at }) => at > now - windowMs);
      const own = failures.filter((failure) => failure.address === address);
      const oldest =
        failures.length >= failuresOverall
          ? failures[0]
          : own.length >= failuresPerAddress
            ? own[own.length - failuresPerAddress]
            : undefined;
      return oldest === undefined ? 0 : oldest.at + windowMs - now;
    },
    failed(address, now) {
      failures.push({ address, at: now });
    },
  };
}

/**
 * Does a request that changes something come from a page of ours? Browsers say where it comes from in one of
 * two headers, the first of which holds behind any proxy; clients that send neither are no browsers, and cannot be made to send anything by a foreign page.
 */
export function isFromOurPages({ headers, host }: Pick<FastifyRequest, 'headers' | 'host'>): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const { origin } = headers;
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
