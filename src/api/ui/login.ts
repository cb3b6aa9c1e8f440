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
   * Requires a login, the role operator for requests that change something, and refuses such requests from pages of other
   * sites.
   */
  readonly guard: onRequestAsyncHookHandler;
  /** Whether the login of an earlier request is still valid; its session may have ended since. */
  isStillValid(request: FastifyRequest): Promise<boolean>;
  /** Adds /login and /logout. */
  routes(app: FastifyInstance): void;
}

/** A proxy may end its sessions without telling us, so open event streams must reconnect through it after this long. */
const proxyLoginMs = 5 * 60_000;
/** A proxy user's requests add one audit entry per this period. */
const proxyAuditMs = 12 * 3_600_000;

/** Admits only listed users: by session cookie, by Basic authentication for scripts, or by the name that a proxy sends. */
export function createLogin({ sessions, users, proxyUser }: LoginParts): Login {
  const checkPassword = createPasswordCheck(sessions, users);
  const noteProxyLogin = createProxyLoginNotes();

  async function sessionUser(request: FastifyRequest): Promise<User | null> {
    const name = await sessions.userOf(cookieOf(request, sessions.cookieName), Date.now());
    return name === null ? null : users.find(name);
  }

  /** The user who sent a request. Responds itself and returns `null` if there is none. */
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
        // Here, so that it covers every route behind the login, also those added later.
        if (!isReading(request) && user.role !== 'operator')
          return sendProblem(reply, 403, 'Your role is viewer; this needs a user with the role operator.');
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

/** Checks names and passwords: more slowly after wrong guesses, but a right password is always accepted. */
function createPasswordCheck(sessions: Sessions, users: Users) {
  const throttle = createLoginThrottle();
  return async (request: FastifyRequest, name: string, password: string): Promise<User | null> => {
    const now = Date.now();
    const device = await inTime(sessions.deviceOf(cookieOf(request, sessions.deviceCookieName), now));
    // A known browser counts only for its own user, so that it does not help to guess another user's password.
    const known = device !== null && device.user === name ? device.id : null;
    const caller = loginCaller(request.ip, known);
    const delayMs = throttle.begin(caller, now);
    await delay(delayMs);
    const user = await users.check(name, password, known === null ? delayMs : -1);
    // The name is not recorded: people type passwords into the wrong field.
    if (user === null) auditRequest(request, { action: 'login', outcome: 'failed' });
    else throttle.succeeded(caller);
    return user;
  };
}

/** A proxy names its user in every request; the audit trail gets one entry per `proxyAuditMs`. */
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
  // Shown if it is a well-formed name: the user cannot know how the proxy spells it.
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
    'Requests from pages of other sites are refused. Behind a proxy, list it in TRUSTED_PROXIES.',
  );
}

/** Whether a request comes from a browser that expects a page. */
export function wantsPage({ headers }: FastifyRequest): boolean {
  return (headers.accept ?? '').includes('text/html');
}

const proxyOnly = 'Logging in by password is not configured; log in through the proxy.';

/** Browsers get the form, programs a problem. There is no `WWW-Authenticate`: browsers would send Basic to every page. */
function sendToLogin(request: FastifyRequest, reply: FastifyReply, havePasswords: boolean) {
  if (isReading(request) && wantsPage(request))
    return reply.redirect(`/login?next=${encodeURIComponent(request.url)}`, 303);
  return sendProblem(
    reply,
    401,
    havePasswords ? 'Log in at /login, or send user and password by Basic authentication.' : proxyOnly,
  );
}

/** Where to go after the login: only one of our pages, never another site. */
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
