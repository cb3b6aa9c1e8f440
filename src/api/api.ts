import cookie from '@fastify/cookie';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyPluginAsync, onRequestHookHandler } from 'fastify';
import { type AccountsParts, accountsRoutes } from './accounts-routes.ts';
import { callerOf, type FindKey, requireApiKey } from './api-keys.ts';
import { type CallbackParts, callbacks } from './callbacks.ts';
import { serveDocs } from './docs.ts';
import { type OrdersParts, ordersRoutes } from './orders-routes.ts';
import { ordersSearchRoute, type SearchRouteParts } from './orders-search-route.ts';
import { sendNotFound } from './problem.ts';
import { readersRoute } from './readers-route.ts';
import { type ResultsRouteParts, resultsRoute } from './results-route.ts';
import { createPageLogin, type PagesParts, pages } from './ui/page.ts';

/** What checkouts, readers and providers use. */
export interface RouteParts {
  readonly orders: OrdersParts;
  readonly search: SearchRouteParts;
  readonly accounts: AccountsParts;
  readonly results: ResultsRouteParts;
  readonly callbacks: CallbackParts;
  /** What people look at. */
  readonly pages: PagesParts;
}

export interface ApiSettings {
  readonly version: string;
  readonly apiRatePerSecond: number;
  readonly docsPublic: boolean;
  /** Callbacks have a listener of their own, and are not served here. */
  readonly callbacksElsewhere: boolean;
}

/** Everything that a process of the role `api` serves besides health and metrics. Loaded by those processes only. */
export async function registerApi(
  app: FastifyInstance,
  settings: ApiSettings,
  parts: RouteParts,
  findKey: FindKey,
): Promise<void> {
  await app.register(rateLimit, { global: false });
  await app.register(cookie);
  const login = createPageLogin(parts.pages);
  await serveDocs(app, { version: settings.version, isPublic: settings.docsPublic, findKey, login });
  const guard = requireApiKey(findKey);
  await app.register(versionOne(parts, settings.apiRatePerSecond, guard), { prefix: '/v1' });
  if (!settings.callbacksElsewhere) await app.register(callbacks(parts.callbacks));
  await app.register(pages(parts.pages, login));
}

/** The routes behind an API key. */
function versionOne(
  parts: RouteParts,
  ratePerSecond: number,
  guard: onRequestHookHandler,
): FastifyPluginAsync {
  return async (v1) => {
    // Before the guard: refusals are for nobody's cache either.
    v1.addHook('onRequest', async (_request, reply) => void reply.header('cache-control', 'no-store'));
    v1.addHook('onRoute', ({ method, url, config }) => {
      // Forgotten, it would be open to every key.
      if (config?.scopes === undefined)
        throw new Error(`${method} ${url} must name the scopes that open it.`);
    });
    v1.addHook('onRequest', guard);
    v1.addHook(
      'onRequest',
      v1.rateLimit({
        max: ratePerSecond,
        timeWindow: 1_000,
        keyGenerator: callerOf,
      }),
    );
    // Here too, so that without a key nobody learns which routes there are.
    v1.setNotFoundHandler((_request, reply) => sendNotFound(reply));
    await v1.register(ordersRoutes(parts.orders));
    await v1.register(ordersSearchRoute(parts.search));
    await v1.register(accountsRoutes(parts.accounts));
    await v1.register(resultsRoute(parts.results));
    await v1.register(readersRoute(parts.results));
  };
}
