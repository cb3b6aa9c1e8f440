import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Redis } from '../../redis/connection.ts';

/**
 * Logins of people. A session is a cookie that says until when it holds, signed with a key made of the board's password
 * and a secret of this deployment in Redis: every process accepts it, none has to remember it, and a new password ends
 * all of them. Redis remembers only those that ended early.
 */
export interface Sessions {
  readonly cookieName: string;
  /** The cookie by which a browser is known again that has logged in before. It opens nothing. */
  readonly deviceCookieName: string;
  /** The value of a new session's cookie, and for how long it holds. */
  begin(now: number): Promise<{ readonly cookie: string; readonly maxAgeMs: number }>;
  isValid(cookie: string | undefined, now: number): Promise<boolean>;
  /** The value of the cookie of a browser that has logged in. */
  beginDevice(now: number): Promise<{ readonly cookie: string; readonly maxAgeMs: number }>;
  /** The browser that a genuine cookie stands for, `null` for any other. */
  deviceOf(cookie: string | undefined, now: number): Promise<string | null>;
  /** Ends a session before its time. */
  end(cookie: string | undefined, now: number): Promise<void>;
}

export interface SessionParts {
  readonly redis: Redis;
  readonly prefix: string;
  readonly password: string;
  readonly lifeMs: number;
}

/** How long a browser is known again. */
const deviceLifeMs = 180 * 86_400_000;

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

  function sign(id: string, until: string, deploymentSecret: string, use: 'session' | 'device'): Buffer {
    const key = hkdfSync('sha256', password, deploymentSecret, `payment-poller ${use}`, 32);
    return createHmac('sha256', Buffer.from(key)).update(`${id}.${until}`).digest();
  }

  async function begin(use: 'session' | 'device', now: number, maxAgeMs: number) {
    const id = randomBytes(16).toString('hex');
    const until = String(now + maxAgeMs);
    return { cookie: `${id}.${until}.${sign(id, until, await secret(), use).toString('hex')}`, maxAgeMs };
  }

  /** The parts of a genuine cookie that holds still; `null` for any other. */
  async function read(cookie: string | undefined, now: number, use: 'session' | 'device' = 'session') {
    const [, id, until, signature] = cookieForm.exec(cookie ?? '') ?? [];
    if (id === undefined || until === undefined || signature === undefined || Number(until) <= now)
      return null;
    const [deploymentSecret, ended] = await redis.mget(secretKey, endedKey(id));
    if (!deploymentSecret || ended != null) return null;
    const genuine = sign(id, until, deploymentSecret, use);
    return timingSafeEqual(genuine, Buffer.from(signature, 'hex')) ? { id, until: Number(until) } : null;
  }

  return {
    // Browsers keep cookies by host, not by port: two deployments on one host must not end each other's sessions.
    cookieName: `payment-poller-${prefix}`,
    deviceCookieName: `payment-poller-device-${prefix}`,
    begin: (now) => begin('session', now, lifeMs),
    beginDevice: (now) => begin('device', now, deviceLifeMs),
    deviceOf: async (cookie, now) => (await read(cookie, now, 'device'))?.id ?? null,
    isValid: async (cookie, now) => (await read(cookie, now)) !== null,
    async end(cookie, now) {
      const session = await read(cookie, now);
      if (session !== null) await redis.set(endedKey(session.id), '1', 'PX', session.until - now);
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
