import type { FastifyReply } from 'fastify';
import { html } from './html.ts';
import { sendPage } from './layout.ts';

const title = 'Log in · payment-poller';

export interface LoginPageParts {
  /** Where to go after the login. */
  readonly next: string;
  /** What went wrong with the last attempt. */
  readonly trouble?: string;
}

/** The form for name and password. */
export function sendLoginPage(reply: FastifyReply, status: number, { next, trouble }: LoginPageParts) {
  const body = html`<main class="login">
<form method="post" action="/login">
<h1>payment-poller</h1>
${trouble !== undefined && html`<p class="trouble" role="alert">${trouble}</p>`}
<label for="username">User</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<input type="hidden" name="next" value="${next}">
<button>Log in</button>
</form>
</main>`;
  return sendPage(reply, status, { title, body, isInside: false });
}

/** For people whom a login form would not help. */
export function sendNoAccessPage(reply: FastifyReply, status: number, why: string) {
  const body = html`<main class="login">
<h1>payment-poller</h1>
<p class="trouble" role="alert">${why}</p>
</main>`;
  return sendPage(reply, status, { title, body, isInside: false });
}
