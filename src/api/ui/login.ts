import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import { userNameSchema } from '../../config/board-users.ts';
import { auditRequest } from '../audit-request.ts';
import { inTime } from '../in-time.ts';
import { createLoginThrottle, loginCaller } from '../login-throttle.ts';
import { clearCookie, cookieOf, setCookie } from '../page-cookies.ts';
import { sendProblem } from '../problem.ts';
import { TooManyChecksError } from './check-queue.ts';
import { sendLoginPage, sendNoAccessPage } from './login-page.ts';
import type { ProxyUser } from './proxy-user.ts';
import { isFromOurPages, type Sessions } from './session.ts';
import type { LoggedIn, User } from './user.ts';
import type { Users } from './users.ts';

export interface LoginParts {
  readonly sessions: Sessions;
  readonly users: Users;
  /** Who is logged in at a trusted proxy. */
  readonly proxyUser: (request: FastifyRequest) => ProxyUser;
}

export interface Login {
  /**
   * Lets only logged-in people pass, only operators where something is changed, and nothing that changes something from a
   * foreign page.
   */
  readonly guard: onRequestAsyncHookHandler;
  /** Whether what let a request pass the guard is still valid: a session may have ended since. */
  isStillValid(request: FastifyRequest): Promise<boolean>;
  /** Adds /login and /logout. */
  routes(app: FastifyInstance): void;
}

/** A proxy may have ended a session that we cannot see: what stays open must come through it again after this long. */
const proxyLoginMs = 5 * 60_000;
/** A user of a proxy has a new entry in the audit trail after this long. */
const proxyAuditMs = 12 * 3_600_000;

/** Keeps people out whom nobody listed: by session cookie, by Basic authentication for scripts, or by a proxy's word. */
export function createLogin({ sessions, users, proxyUser }: LoginParts): Login {
  const checkPassword = createPasswordCheck(sessions, users);
  const noteProxyLogin = createProxyLoginNotes();

  async function sessionUser(request: FastifyRequest): Promise<User | null> {
    const name = await sessions.userOf(cookieOf(request, sessions.cookieName), Date.now());
    return name === null ? null : users.find(name);
  }

  /** Who sends a request; answers it itself, and gives `null`, where nobody is let in. */
  async function identify(request: FastifyRequest, reply: FastifyReply): Promise<LoggedIn | null> {
    const since = Date.now();
    const named = proxyUser(request);
    if (named.kind !== 'none') {
      const user = named.kind === 'named' ? users.find(named.name) : null;
      if (user === null) return refuseProxyUser(request, reply, named);
      request.user = { ...user, by: 'proxy', since };
      noteProxyLogin(request, user.name, since);
      return request.user;
    }
    const basic = basicOf(request.headers.authorization);
    const user =
      basic === null
        ? await sessionUser(request)
        : await checkPassword(request, basic.username, basic.password);
    if (user !== null) return { ...user, by: basic === null ? 'session' : 'basic', since };
    if (basic === null) sendToLogin(request, reply, users.havePasswords);
    else sendProblem(reply, 401, 'User or password is wrong.');
    return null;
  }

  return {
    async isStillValid(request) {
      if (request.user === null) return false;
      const { by, name, since } = request.user;
      if (by === 'basic') return true;
      if (by === 'proxy') return Date.now() - since < proxyLoginMs;
      return (await sessionUser(request))?.name === name;
    },

    async guard(request, reply) {
      reply.header('cache-control', 'no-store');
      if (!isReading(request) && !isFromOurPages(request)) return refuseForeign(reply);
      try {
        const user = await identify(request, reply);
        if (user === null) return reply;
        request.user = user;
        // For every route behind the login: one that is added later cannot be forgotten.
        if (!isReading(request) && user.role !== 'operator')
          return sendProblem(reply, 403, 'You may only look; this needs a user with the role operator.');
      } catch (error) {
        if (!(error instanceof TooManyChecksError)) throw error;
        return sendProblem(reply.header('retry-after', '5'), 429, error.message);
      }
    },

    routes(app) {
      app.get('/login', { schema: { hide: true } }, async (request, reply) => {
        const next = nextOf(request.query);
        const named = proxyUser(request);
        if (named.kind === 'named' && users.find(named.name) !== null) return reply.redirect(next, 303);
        if (named.kind !== 'none') {
          refuseProxyUser(request, reply, named);
          return reply;
        }
        return users.havePasswords
          ? sendLoginPage(reply, 200, { next })
          : sendNoAccessPage(reply, 403, proxyOnly);
      });

      app.post('/login', { schema: { hide: true } }, async (request, reply) => {
        if (!isFromOurPages(request)) return refuseForeign(reply);
        const form = fieldsOf(request.body);
        const next = nextOf(form);
        try {
          const user = await checkPassword(request, form.username ?? '', form.password ?? '');
          if (user === null)
            return sendLoginPage(reply, 401, { next, trouble: 'User or password is wrong.' });
          auditRequest(request, { action: 'login', outcome: 'succeeded' }, user.name);
          const now = Date.now();
          setCookie(request, reply, sessions.cookieName, await sessions.begin(user.name, now));
          setCookie(request, reply, sessions.deviceCookieName, await sessions.beginDevice(user.name, now));
          return reply.redirect(next, 303);
        } catch (error) {
          if (!(error instanceof TooManyChecksError)) throw error;
          return sendLoginPage(reply.header('retry-after', '5'), 429, { next, trouble: error.message });
        }
      });

      app.post('/logout', { schema: { hide: true } }, async (request, reply) => {
        if (!isFromOurPages(request)) return refuseForeign(reply);
        const user = await sessionUser(request);
        if (user !== null) auditRequest(request, { action: 'logout', outcome: 'done' }, user.name);
        await sessions.end(cookieOf(request, sessions.cookieName), Date.now());
        clearCookie(request, reply, sessions.cookieName);
        return reply.redirect('/login', 303);
      });
    },
  };
}

/** Checks names and passwords: slowly for whoever has been wrong too often, but a right one is let in. */
function createPasswordCheck(sessions: Sessions, users: Users) {
  const throttle = createLoginThrottle();
  return async (request: FastifyRequest, name: string, password: string): Promise<User | null> => {
    const now = Date.now();
    const device = await inTime(sessions.deviceOf(cookieOf(request, sessions.deviceCookieName), now));
    // A browser is known for its own user only: with it, nobody guesses another's password faster than strangers do.
    const known = device !== null && device.user === name ? device.id : null;
    const caller = loginCaller(request.ip, known);
    const delayMs = throttle.begin(caller, now);
    await delay(delayMs);
    const user = await users.check(name, password, known === null ? delayMs : -1);
    // The name that was typed is not kept: it may be a password.
    if (user === null) auditRequest(request, { action: 'login', outcome: 'failed' });
    else throttle.succeeded(caller);
    return user;
  };
}

/** A proxy names its user with every request; the audit trail gets one entry for each working day. */
function createProxyLoginNotes() {
  const noted = new Map<string, number>();
  return (request: FastifyRequest, name: string, now: number) => {
    if (now - (noted.get(name) ?? Number.NEGATIVE_INFINITY) < proxyAuditMs) return;
    noted.set(name, now);
    auditRequest(request, { action: 'login', outcome: 'succeeded-at-proxy' }, name);
  };
}

function refuseProxyUser(request: FastifyRequest, reply: FastifyReply, named: ProxyUser): null {
  const outcome = named.kind === 'ambiguous' ? 'ambiguous-at-proxy' : 'not-listed';
  auditRequest(request, { action: 'login', outcome });
  // Shown where it has the form of a name: the user cannot know how the proxy spells it.
  const isName = named.kind === 'named' && userNameSchema.safeParse(named.name).success;
  const who = isName ? ` ${named.name}` : '';
  const why =
    named.kind === 'ambiguous'
      ? 'The proxy names more than one user. It must remove TRUSTED_USER_HEADER from what clients send.'
      : `The user${who} of the proxy is not listed in BOARD_USERS; ask an operator for access.`;
  if (isReading(request) && wantsPage(request)) sendNoAccessPage(reply, 403, why);
  else sendProblem(reply, 403, why);
  return null;
}

function isReading({ method }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD';
}

function refuseForeign(reply: FastifyReply) {
  return sendProblem(
    reply,
    403,
    'This request does not come from a page of ours. Behind a proxy, name it in TRUSTED_PROXIES.',
  );
}

/** Whether somebody looks at this with a browser. */
export function wantsPage({ headers }: FastifyRequest): boolean {
  return (headers.accept ?? '').includes('text/html');
}

const proxyOnly = 'Nobody has a password here: come through the proxy that logs people in.';

/** People are shown the form, programs a problem. No browser is asked for Basic: it would send it to every page. */
function sendToLogin(request: FastifyRequest, reply: FastifyReply, havePasswords: boolean) {
  if (isReading(request) && wantsPage(request))
    return reply.redirect(`/login?next=${encodeURIComponent(request.url)}`, 303);
  return sendProblem(
    reply,
    401,
    havePasswords ? 'Log in at /login, or send user and password by Basic authentication.' : proxyOnly,
  );
}

/** Where to go after the login: a page of ours and no other site's. */
function nextOf(source: unknown): string {
  const { next } = fieldsOf(source);
  return next !== undefined && /^\/(?:$|\?|(?:board|docs)(?:\/|$)|orders\/)[^\\\s]*$/.test(next) ? next : '/';
}

function fieldsOf(source: unknown): { readonly [name: string]: string | undefined } {
  if (typeof source !== 'object' || source === null) return {};
  const fields = Object.entries(source).filter((entry): entry is [string, string] => {
    return typeof entry[1] === 'string';
  });
  return Object.fromEntries(fields);
}

function basicOf(header: string | undefined): { username: string; password: string } | null {
  const encoded = /^Basic +(\S+)$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return null;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0
    ? { username: text, password: '' }
    : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}
