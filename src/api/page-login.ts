import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import { isSameSecret } from './api-keys.ts';
import { html } from './page-html.ts';
import { sendPage } from './page-layout.ts';
import { sendProblem } from './problem.ts';
import { createLoginThrottle, isFromOurPages, type Sessions } from './session.ts';

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

  /** Compares without an `await` in between, so that no two guesses can slip through one count. */
  function tryPassword(
    request: FastifyRequest,
    givenName: string,
    given: string,
  ): 'right' | 'wrong' | number {
    const now = Date.now();
    const waitMs = throttle.waitMs(request.ip, now);
    if (waitMs > 0) return waitMs;
    const isRightName = isSameSecret(givenName, username);
    const isRightPassword = isSameSecret(given, password);
    if (isRightName && isRightPassword) return 'right';
    throttle.failed(request.ip, now);
    return 'wrong';
  }

  const hasSession = (request: FastifyRequest) =>
    sessions.isValid(request.cookies[sessions.cookieName], Date.now());

  function cookieOptions(request: FastifyRequest) {
    return { path: '/', httpOnly: true, sameSite: 'strict', secure: request.protocol === 'https' } as const;
  }

  return {
    stillHolds: async (request) => basicOf(request.headers.authorization) !== null || hasSession(request),

    async guard(request, reply) {
      reply.header('cache-control', 'no-store');
      if (!isReading(request) && !isFromOurPages(request)) return refuseForeign(reply);
      const basic = basicOf(request.headers.authorization);
      if (basic === null) return (await hasSession(request)) ? undefined : sendToLogin(request, reply);
      const tried = tryPassword(request, basic.username, basic.password);
      if (typeof tried === 'number') return askToWait(reply, tried);
      return tried === 'right' ? undefined : sendProblem(reply, 401, 'User or password is wrong.');
    },

    routes(app) {
      app.get('/login', { schema: { hide: true } }, async (request, reply) =>
        sendLoginPage(reply, 200, nextOf(request.query), null),
      );

      app.post('/login', { schema: { hide: true } }, async (request, reply) => {
        if (!isFromOurPages(request)) return refuseForeign(reply);
        const form = fieldsOf(request.body);
        const tried = tryPassword(request, form.username ?? '', form.password ?? '');
        const next = nextOf(form);
        if (typeof tried === 'number') {
          reply.header('retry-after', Math.ceil(tried / 1_000));
          const wait = `Too many attempts. Try again in ${Math.ceil(tried / 1_000)} seconds.`;
          return sendLoginPage(reply, 429, next, wait);
        }
        if (tried === 'wrong') return sendLoginPage(reply, 401, next, 'User or password is wrong.');
        const { cookie, maxAgeMs } = await sessions.begin(Date.now());
        return reply
          .setCookie(sessions.cookieName, cookie, {
            ...cookieOptions(request),
            maxAge: Math.floor(maxAgeMs / 1_000),
          })
          .redirect(next, 303);
      });

      app.post('/logout', { schema: { hide: true } }, async (request, reply) => {
        if (!isFromOurPages(request)) return refuseForeign(reply);
        await sessions.end(request.cookies[sessions.cookieName], Date.now());
        return reply.clearCookie(sessions.cookieName, cookieOptions(request)).redirect('/login', 303);
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

function askToWait(reply: FastifyReply, waitMs: number) {
  reply.header('retry-after', Math.ceil(waitMs / 1_000));
  return sendProblem(reply, 429, 'Too many wrong passwords; wait and try again.');
}

/** People are shown the form, programs a problem. No browser is asked for Basic: it would send it to every page. */
function sendToLogin(request: FastifyRequest, reply: FastifyReply) {
  const wantsPage = isReading(request) && (request.headers.accept ?? '').includes('text/html');
  if (wantsPage) return reply.redirect(`/login?next=${encodeURIComponent(request.url)}`, 303);
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
