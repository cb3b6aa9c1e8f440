import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { type Html, html } from './html.ts';
import type { LoggedIn } from './user.ts';

/** Our pages load only our own files, run no inline script, send forms only to us, and cannot be framed. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

const types = {
  'base.css': 'text/css; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const;
type AssetName = keyof typeof types;

const assets = new Map(
  (Object.keys(types) as AssetName[]).map((name) => {
    const text = readFileSync(new URL(`./assets/${name}`, import.meta.url), 'utf8');
    return [name, { text, version: createHash('sha256').update(text).digest('hex').slice(0, 12) }];
  }),
);

/** The URL of an asset; it changes with the content. */
function assetUrl(name: AssetName): string {
  return `/assets/${name}?v=${assets.get(name)?.version}`;
}

/** Serves the pages' assets without a login: they contain nothing confidential. */
export function serveAssets(app: FastifyInstance): void {
  for (const [name, { text }] of assets) {
    app.get(`/assets/${name}`, { schema: { hide: true } }, async (_request, reply) =>
      reply.type(types[name]).header('cache-control', 'public, max-age=31536000, immutable').send(text),
    );
  }
}

export interface PageParts {
  readonly title: string;
  readonly body: Html;
  /** Whether somebody is logged in and sees the navigation. */
  readonly isInside: boolean;
  /** Seconds after which the page reloads if scripts are disabled. */
  readonly reloadSeconds?: number;
  /** The page reloads with scripts too: nothing else updates it. */
  readonly alwaysReloads?: boolean;
}

/** Sends a whole page. */
export function sendPage(
  reply: FastifyReply,
  status: number,
  { title, body, isInside, reloadSeconds, alwaysReloads = false }: PageParts,
) {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title}</title>
<link rel="icon" href="${assetUrl('icon.svg')}" type="image/svg+xml">
<link rel="stylesheet" href="${assetUrl('base.css')}">
<link rel="stylesheet" href="${assetUrl('page.css')}">
<script src="${assetUrl('page.js')}" defer></script>
${reloadSeconds !== undefined && reload(reloadSeconds, alwaysReloads)}
</head>
<body>
${isInside && header(reply.request.user)}
${body}
</body>
</html>
`;
  return reply
    .code(status)
    .headers({
      'content-security-policy': contentSecurityPolicy,
      // Without a referrer, browsers would send `Origin: null` with our own forms.
      'referrer-policy': 'same-origin',
      'cache-control': 'no-store',
    })
    .type('text/html; charset=utf-8')
    .send(page.html);
}

function reload(seconds: number, always: boolean): Html {
  const refresh = html`<meta http-equiv="refresh" content="${seconds}">`;
  return always ? refresh : html`<noscript>${refresh}</noscript>`;
}

function header(user: LoggedIn | null): Html {
  const note = user?.role === 'viewer' && html` <small>read-only</small>`;
  const logOut = html`<form method="post" action="/logout"><button>Log out</button></form>`;
  return html`<header class="top">
<a class="brand" href="/"><b>payment-poller</b></a>
<nav aria-label="Pages">
<a href="/report">Report</a>
<a href="/board/">Queues</a>
<a href="/docs">API</a>
${user !== null && html`<span class="user">${user.name}${note}</span>`}
${/* Users of a proxy log out there. */ user?.by === 'session' && logOut}
</nav>
</header>`;
}
