import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Redis } from '../../redis/connection.ts';

/**
 * Login sessions. A session is a cookie with the user's name and its expiry, signed with a key derived from that user's password
 * hash and a secret of this deployment in Redis. So every process accepts it, nothing has to be stored, and a new password ends
 * all of the user's sessions. Redis stores only sessions that were ended early. The cookie does not contain the user's role.
 */
export interface Sessions {
  readonly cookieName: string;
  /** The cookie that identifies a browser that has logged in before. It grants no access. */
  readonly deviceCookieName: string;
  /** A new session of a user. */
  begin(user: string, now: number): Promise<NewCookie>;
  /** The name of the user whose valid session a cookie is, `null` for any other cookie. */
  userOf(cookie: string | undefined, now: number): Promise<string | null>;
  /** A new device cookie for a browser in which a user has logged in. */
  beginDevice(user: string, now: number): Promise<NewCookie>;
  /** The browser that a valid cookie identifies, `null` for any other cookie. */
  deviceOf(cookie: string | undefined, now: number): Promise<Device | null>;
  /** Ends a session before it expires. */
  end(cookie: string | undefined, now: number): Promise<void>;
}

/** The value of a cookie and its lifetime. */
export interface NewCookie {
  readonly cookie: string;
  readonly maxAgeMs: number;
}

/** A browser in which a user has logged in before. */
export interface Device {
  readonly id: string;
  readonly user: string;
}

export interface SessionParts {
  readonly redis: Redis;
  readonly prefix: string;
  /** What a user's signing keys are derived from: the password or its hash; `null` for an unknown user and one without a password. */
  credentialOf(user: string): string | null;
  readonly lifeMs: number;
}

type Use = 'session' | 'device';

/** How long a browser is recognised. */
const deviceLifeMs = 180 * 86_400_000;

/** Id, end, name of the user in base64url, signature. */
const cookieForm = /^([0-9a-f]{32})\.(\d{1,16})\.([\w-]{1,700})\.([0-9a-f]{64})$/;

export function createSessions({ redis, prefix, credentialOf, lifeMs }: SessionParts): Sessions {
  const secretKey = `{${prefix}}:session-secret`;
  const endedKey = (id: string) => `{${prefix}}:session-ended:${id}`;

  async function secret(): Promise<string> {
    const known = await redis.get(secretKey);
    if (known !== null) return known;
    await redis.set(secretKey, randomBytes(32).toString('hex'), 'NX');
    return (await redis.get(secretKey)) ?? '';
  }

  function sign(text: string, credential: string, deploymentSecret: string, use: Use): Buffer {
    const key = hkdfSync('sha256', credential, deploymentSecret, `payment-poller ${use}`, 32);
    return createHmac('sha256', Buffer.from(key)).update(text).digest();
  }

  async function begin(use: Use, user: string, now: number, maxAgeMs: number): Promise<NewCookie> {
    const credential = credentialOf(user);
    if (credential === null) throw new Error('Only users with a password have sessions.');
    const id = randomBytes(16).toString('hex');
    const text = `${id}.${now + maxAgeMs}.${Buffer.from(user).toString('base64url')}`;
    const signature = sign(text, credential, await secret(), use).toString('hex');
    return { cookie: `${text}.${signature}`, maxAgeMs };
  }

  /** The parts of a valid cookie; `null` for any other. */
  async function read(cookie: string | undefined, now: number, use: Use) {
    const [, id, until, encoded, signature] = cookieForm.exec(cookie ?? '') ?? [];
    if (!id || !until || !encoded || !signature || Number(until) <= now) return null;
    const [deploymentSecret, ended] = await redis.mget(secretKey, endedKey(id));
    const user = Buffer.from(encoded, 'base64url').toString();
    const credential = credentialOf(user);
    if (!deploymentSecret || ended != null || credential === null) return null;
    const genuine = sign(`${id}.${until}.${encoded}`, credential, deploymentSecret, use);
    if (!timingSafeEqual(genuine, Buffer.from(signature, 'hex'))) return null;
    return { id, user, until: Number(until) };
  }

  return {
    // Browsers keep cookies by host, not by port: two deployments on one host must not end each other's sessions.
    cookieName: `payment-poller-${prefix}`,
    deviceCookieName: `payment-poller-device-${prefix}`,
    begin: (user, now) => begin('session', user, now, lifeMs),
    beginDevice: (user, now) => begin('device', user, now, deviceLifeMs),
    deviceOf: (cookie, now) => read(cookie, now, 'device'),
    userOf: async (cookie, now) => (await read(cookie, now, 'session'))?.user ?? null,
    async end(cookie, now) {
      const session = await read(cookie, now, 'session');
      if (session !== null) await redis.set(endedKey(session.id), '1', 'PX', session.until - now);
    },
  };
}

/**
 * Whether a request comes from one of our pages. Browsers name its origin in one of two headers, of which
 * `Sec-Fetch-Site` works behind any proxy. Clients that send neither are not browsers, so no other site can make
 * them send a request.
 */
export function isFromOurPages({ headers, host }: Pick<FastifyRequest, 'headers' | 'host'>): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const { origin } = headers;
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
