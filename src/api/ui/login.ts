import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import { isSameSecret } from '../api-keys.ts';
import { auditRequest } from '../audit-request.ts';
import { inTime } from '../in-time.ts';
import { createLoginThrottle, loginCaller } from '../login-throttle.ts';
import { clearCookie, cookieOf, setCookie } from '../page-cookies.ts';
import { sendProblem } from '../problem.ts';
import { html } from './html.ts';
import { sendPage } from './layout.ts';
import { isFromOurPages, type Sessions } from './session.ts';

export interface LoginParts {
  readonly sessions: Sessions;
  readonly username: string;
  readonly password: string;
}

export interface Login {
  /** Lets only logged-in people pass, and lets nothing that changes something come from a foreign page. */
  readonly guard: onRequestAsyncHookHandler;
  /** Whether what let a request pass the guard holds still: a session may have ended since. */
  stillHolds(request: FastifyRequest): Promise<boolean>;
  /** Adds /login and /logout. */
  routes(app: FastifyInstance): void;
}

/** Keeps people out who do not know the password: by session cookie, or by Basic authentication for scripts. */
export function createLogin({ sessions, username, password }: LoginParts): Login {
  const throttle = createLoginThrottle();

  /** Slow for whoever has been wrong too often, and never shut: a right password is let in. */
  async function isRight(request: FastifyRequest, givenName: string, given: string): Promise<boolean> {
    const now = Date.now();
    const device = await inTime(sessions.deviceOf(cookieOf(request, sessions.deviceCookieName), now));
    const caller = loginCaller(request.ip, device);
    await delay(throttle.begin(caller, now));
    const isRightName = isSameSecret(givenName, username);
    const isRightPassword = isSameSecret(given, password);
    if (!isRightName || !isRightPassword) {
      // The name that was typed is not kept: it may be a password.
      auditRequest(request, { action: 'login', outcome: 'failed' });
      return false;
    }
    request.user = username;
    throttle.succeeded(caller);
    return true;
  }

  const hasSession = (request: FastifyRequest) =>
    sessions.isValid(cookieOf(request, sessions.cookieName), Date.now());

  return {
    stillHolds: async (request) => basicOf(request.headers.authorization) !== null || hasSession(request),

    async guard(request, reply) {
      reply.header('cache-control', 'no-store');
      if (!isReading(request) && !isFromOurPages(request)) return refuseForeign(reply);
      const basic = basicOf(request.headers.authorization);
      if (basic === null) {
        if (!(await hasSession(request))) return sendToLogin(request, reply);
        request.user = username;
        return;
      }
      const isIn = await isRight(request, basic.username, basic.password);
      return isIn ? undefined : sendProblem(reply, 401, 'User or password is wrong.');
    },

    routes(app) {
      app.get('/login', { schema: { hide: true } }, async (request, reply) =>
        sendLoginPage(reply, 200, nextOf(request.query), null),
      );

      app.post('/login', { schema: { hide: true } }, async (request, reply) => {
        if (!isFromOurPages(request)) return refuseForeign(reply);
        const form = fieldsOf(request.body);
        const isIn = await isRight(request, form.username ?? '', form.password ?? '');
        const next = nextOf(form);
        if (!isIn) return sendLoginPage(reply, 401, next, 'User or password is wrong.');
        auditRequest(request, { action: 'login', outcome: 'succeeded' });
        const now = Date.now();
        setCookie(request, reply, sessions.cookieName, await sessions.begin(now));
        setCookie(request, reply, sessions.deviceCookieName, await sessions.beginDevice(now));
        return reply.redirect(next, 303);
      });

      app.post('/logout', { schema: { hide: true } }, async (request, reply) => {
        if (!isFromOurPages(request)) return refuseForeign(reply);
        if (await hasSession(request)) auditRequest(request, { action: 'logout', outcome: 'done' }, username);
        await sessions.end(cookieOf(request, sessions.cookieName), Date.now());
        clearCookie(request, reply, sessions.cookieName);
        return reply.redirect('/login', 303);
      });
    },
  };
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

/** People are shown the form, programs a problem. No browser is asked for Basic: it would send it to every page. */
function sendToLogin(request: FastifyRequest, reply: FastifyReply) {
  if (isReading(request) && wantsPage(request))
    return reply.redirect(`/login?next=${encodeURIComponent(request.url)}`, 303);
  return sendProblem(reply, 401, 'Log in at /login, or send user and password by Basic authentication.');
}

function sendLoginPage(reply: FastifyReply, status: number, next: string, trouble: string | null) {
  const body = html`<main class="login">
<form method="post" action="/login">
<h1>payment-poller</h1>
${trouble !== null && html`<p class="trouble" role="alert">${trouble}</p>`}
<label for="username">User</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<input type="hidden" name="next" value="${next}">
<button>Log in</button>
</form>
</main>`;
  return sendPage(reply, status, { title: 'Log in · payment-poller', body, isInside: false });
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
