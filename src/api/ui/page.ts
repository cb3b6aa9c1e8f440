import formbody from '@fastify/formbody';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { orderIdPattern } from '../../domain/order.ts';
import type { PollQueue } from '../../jobs/queue.ts';
import type { Log } from '../../observability/log.ts';
import type { SearchParts } from '../../orders/search.ts';
import { readStatistics } from '../../orders/statistics.ts';
import type { OrderStore } from '../../orders/store.ts';
import { viewOf } from '../../orders/view.ts';
import type { Redis } from '../../redis/connection.ts';
import type { Keys } from '../../redis/keys.ts';
import { isRedisFault } from '../../redis/redis-fault.ts';
import { readDeliveries } from '../../webhooks/deliveries.ts';
import { sendProblem } from '../problem.ts';
import { servePageEvents } from './events.ts';
import { html } from './html.ts';
import { sendPage, serveAssets } from './layout.ts';
import { createLogin, type Login, wantsPage } from './login.ts';
import { noOrderBody, orderBody } from './order.ts';
import { serveOrdersPage } from './orders-page.ts';
import type { AccountInfo, Overview } from './overview.ts';
import { overviewBody, renderSections } from './overview-page.ts';
import { createProxyUserReader } from './proxy-user.ts';
import { createRedaction } from './redact-personal-data.ts';
import { createDailyReports, rangeOf, reportBody } from './report.ts';
import { createSessions } from './session.ts';
import { createUsers, type UserSettings } from './users.ts';

export interface PagesParts {
  readonly log: Log;
  /** Counts an error towards a Redis outage. True for such errors, which are logged once per outage. */
  isLoggedElsewhere(error: unknown): boolean;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly store: OrderStore;
  readonly search: SearchParts;
  queue(account: string): PollQueue;
  readonly accounts: readonly AccountInfo[];
  readonly overview: (now: number) => Promise<Overview>;
  readonly settings: PagesSettings;
  /** Aborted when the service stops. */
  readonly stop: AbortSignal;
  /** How often an open page is updated. Default 3,000. */
  readonly refreshMs?: number;
}

/** Without users, the pages are disabled. */
export interface PagesSettings extends UserSettings {
  readonly trustedUserHeader?: string | undefined;
  readonly trustedProxies: readonly string[];
  readonly boardWritable: boolean;
  readonly sessionHours: number;
  readonly privateMetadata: readonly string[];
  /** Of the days of reports. */
  readonly timezone: string;
}

/** Shown without a login, because sessions cannot be checked without Redis. */
const awayBody = html`<main class="login">
<h1>payment-poller</h1>
<p class="trouble" role="alert">Redis cannot be reached, so nothing can be shown. Orders wait, and none is lost.
This page reloads by itself.</p>
</main>`;

const defaultRefreshMs = 3_000;
/** Enough for user, password and the next page. */
const maxFormBytes = 8 * 1024;

/** The login for people, `null` if nobody can log in. The server must parse cookies for it. */
export function createPageLogin({ log, redis, keys, settings }: PagesParts): Login | null {
  const { sessionHours, trustedUserHeader, trustedProxies } = settings;
  const users = createUsers(settings);
  if (!users.havePasswords && trustedUserHeader === undefined) return null;
  const lifeMs = sessionHours * 3_600_000;
  const sessions = createSessions({ redis, prefix: keys.prefix, credentialOf: users.credentialOf, lifeMs });
  const proxyUser = createProxyUserReader({ log, trustedUserHeader, trustedProxies });
  return createLogin({ sessions, users, proxyUser });
}

/** The pages for people: the overview at /, single orders, and Bull Board, behind one login. */
export function pages(parts: PagesParts, login: Login | null): FastifyPluginAsync {
  return async (app) => {
    if (login === null) return closePages(app);
    await app.register(formbody, { bodyLimit: maxFormBytes });
    app.setErrorHandler((error, request, reply) => {
      if (!isRedisFault(error) || !wantsPage(request)) throw error;
      parts.isLoggedElsewhere(error);
      return sendPage(reply, 503, {
        title: 'payment-poller',
        body: awayBody,
        isInside: false,
        reloadSeconds: 5,
      });
    });
    serveAssets(app);
    login.routes(app);
    await app.register(async (inside) => {
      inside.addHook('onRequest', login.guard);
      servePages(inside, parts, login);
      // Loaded on demand: its modules take half a second to load.
      const { board } = await import('./board.ts');
      await inside.register(board(parts), { prefix: '/board' });
    });
  };
}

function closePages(app: FastifyInstance): void {
  for (const path of ['/', '/login', '/events', '/orders', '/orders/*', '/report', '/board', '/board/*']) {
    app.all(path, { schema: { hide: true } }, async (_request, reply) =>
      sendProblem(
        reply,
        404,
        'The pages are disabled; set BOARD_PASSWORD or BOARD_USERS to enable / and /board.',
      ),
    );
  }
}

function servePages(app: FastifyInstance, parts: PagesParts, login: Login): void {
  const redaction = createRedaction(parts.settings.privateMetadata);
  const render = async (now: number) => {
    const [overview, hours] = await Promise.all([
      parts.overview(now),
      readStatistics(parts.redis, parts.keys, 24, now),
    ]);
    return renderSections(overview, hours);
  };

  app.get('/', { schema: { hide: true } }, async (_request, reply) => {
    const now = Date.now();
    const body = overviewBody(await render(now), now);
    return sendPage(reply, 200, { title: 'payment-poller', body, isInside: true, reloadSeconds: 30 });
  });

  servePageEvents(app, {
    render,
    isStillValid: login.isStillValid,
    everyMs: parts.refreshMs ?? defaultRefreshMs,
    stop: parts.stop,
  });

  const { redis, keys, settings } = parts;
  const dailyReport = createDailyReports(redis, keys, parts.stop);
  app.get<{ Querystring: { day?: string } }>(
    '/report',
    { schema: { hide: true } },
    async (request, reply) => {
      const range = rangeOf(request.query.day, settings.timezone, Date.now());
      const report = await dailyReport(range);
      return sendPage(reply, 200, {
        title: `${range.day} · payment-poller`,
        body: reportBody(range, report, settings.timezone),
        isInside: true,
        ...(report === null && { reloadSeconds: 3, alwaysReloads: true }),
      });
    },
  );

  serveOrdersPage(app, parts.search);

  app.get<{ Params: { orderId: string } }>(
    '/orders/:orderId',
    { schema: { hide: true } },
    async (request, reply) => {
      const { orderId } = request.params;
      const record = orderIdPattern.test(orderId) ? await parts.store.read(orderId) : null;
      const title = `${orderId} · payment-poller`;
      if (record === null) return sendPage(reply, 404, { title, body: noOrderBody(orderId), isInside: true });
      const deliveries = await readDeliveries(parts.redis, parts.keys, orderId);
      const body = orderBody(redaction.view(viewOf(record)), deliveries);
      return sendPage(reply, 200, { title, body, isInside: true });
    },
  );
}
