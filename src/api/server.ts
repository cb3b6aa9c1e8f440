import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyPluginAsync,
  LogController,
  type onRequestHookHandler,
} from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { Log } from '../log.ts';
import { createKeyCheck, type KeyCheck, keyDigestOf, requireApiKey } from './api-keys.ts';
import { type CallbackParts, callbacks } from './callbacks.ts';
import { serveDocs } from './docs.ts';
import { type HealthParts, healthRoutes } from './health-routes.ts';
import { redisMs } from './in-time.ts';
import { type OrdersParts, ordersRoutes } from './orders-routes.ts';
import { createPageLogin, type PagesParts, pages } from './page.ts';
import { problemOf, problemType, sendProblem } from './problem.ts';
import { isRedisFault } from './redis-fault.ts';
import { type ResultsRouteParts, resultsRoute } from './results-route.ts';

export interface ApiParts {
  readonly log: Log;
  readonly version: string;
  /** SHA-256 of every valid API key, hex. */
  readonly apiKeysSha256: readonly string[];
  readonly apiRatePerSecond: number;
  readonly trustedProxies: readonly string[];
  readonly metricsPublic: boolean;
  readonly docsPublic: boolean;
  /** What checkouts, readers and providers use; `null` in a process that only polls. */
  readonly door: Door | null;
  readonly health: Omit<HealthParts, 'guard'>;
}

export interface Door {
  readonly orders: OrdersParts;
  readonly results: ResultsRouteParts;
  readonly callbacks: CallbackParts;
  /** What people look at. */
  readonly pages: PagesParts;
}

/** An order is far smaller; the callback door has a limit of its own. */
const bodyLimit = 64 * 1024;
/** An order id has up to 128 characters, and so has the token of a callback. Longer ones are refused by their routes. */
const maxParamLength = 512;

/** The HTTP door: for checkouts, for readers of results, for providers, for those who watch. */
export async function createApi(parts: ApiParts) {
  const app = Fastify({
    loggerInstance: parts.log as FastifyBaseLogger,
    // Every request would be logged with its path, and callback paths carry tokens.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit,
    requestTimeout: 30_000,
    handlerTimeout: redisMs,
    routerOptions: { maxParamLength },
    // The router's own errors repeat the path, which may hold the token of a callback.
    frameworkErrors: (error, _request, reply) => sendProblem(reply, error.statusCode ?? 400),
    clientErrorHandler: answerBrokenRequest,
    trustProxy: parts.trustedProxies.length > 0 ? [...parts.trustedProxies] : false,
    forceCloseConnections: 'idle',
  });
  acceptJsonOnly(app);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler((error: FastifyError, request, reply) =>
    answerError(error, parts.log, request.routeOptions.url, reply),
  );
  app.setNotFoundHandler((_request, reply) => notFound(reply));

  // Upgrading to HTTPS is the business of the proxy that has it; without one the page at /docs would stay blank.
  await app.register(helmet, {
    global: true,
    contentSecurityPolicy: { directives: { 'upgrade-insecure-requests': null } },
  });
  await app.register(rateLimit, { global: false });
  hangUpWhenStopping(app);
  const isKnownKey = createKeyCheck(parts.apiKeysSha256);
  const guard = requireApiKey(isKnownKey);
  if (parts.door !== null) await openDoor(app, parts, parts.door, isKnownKey);
  await app.register(healthRoutes({ ...parts.health, guard: parts.metricsPublic ? null : guard }));
  return app;
}

function notFound(reply: Parameters<typeof sendProblem>[0]) {
  return sendProblem(reply, 404, 'There is nothing here; see /docs.');
}

/**
 * Idle connections are closed when the service stops; one that is still being answered would be kept open for the next
 * request, and hold up the end for more than a minute.
 */
function hangUpWhenStopping(app: Pick<FastifyInstance, 'addHook'>): void {
  let stopping = false;
  app.addHook('preClose', async () => {
    stopping = true;
  });
  app.addHook('onSend', async (_request, reply) => {
    if (stopping) reply.header('connection', 'close');
  });
}

/** Text is no order. An empty body is none: many clients announce JSON with every POST. */
function acceptJsonOnly(
  app: Pick<FastifyInstance, 'getDefaultJsonParser' | 'removeAllContentTypeParsers' | 'addContentTypeParser'>,
): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) =>
    body === '' ? done(null) : parse(request, body as string, done),
  );
}

/** What is no HTTP, or came too slowly, never reaches a route: the answer is written by hand. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const statuses: { readonly [code: string]: number } = {
    ERR_HTTP_REQUEST_TIMEOUT: 408,
    HPE_HEADER_OVERFLOW: 431,
  };
  const status = statuses[error.code ?? ''] ?? 400;
  const body = JSON.stringify(problemOf(status));
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: ${problemType}`;
  if (socket.writable) socket.write(`${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  socket.destroy(error);
}

async function openDoor(
  app: FastifyInstance,
  parts: ApiParts,
  door: Door,
  isKnownKey: KeyCheck,
): Promise<void> {
  await app.register(cookie);
  const login = createPageLogin(door.pages);
  await serveDocs(app, { version: parts.version, isPublic: parts.docsPublic, isKnownKey, login });
  const guard = requireApiKey(isKnownKey);
  await app.register(versionOne(door, parts.apiRatePerSecond, guard), { prefix: '/v1' });
  await app.register(callbacks(door.callbacks));
  await app.register(pages(door.pages, login));
}

/** The routes behind an API key. */
function versionOne(door: Door, ratePerSecond: number, guard: onRequestHookHandler): FastifyPluginAsync {
  return async (v1) => {
    v1.addHook('onRequest', guard);
    v1.addHook(
      'onRequest',
      v1.rateLimit({
        max: ratePerSecond,
        timeWindow: 1_000,
        keyGenerator: (request) => keyDigestOf(request).toString('hex'),
      }),
    );
    // Here too, so that without a key nobody learns which routes there are.
    v1.setNotFoundHandler((_request, reply) => notFound(reply));
    await v1.register(ordersRoutes(door.orders));
    await v1.register(resultsRoute(door.results));
  };
}

/** Errors as problems: what the caller did wrong is named, what went wrong here is logged and not shown. */
function answerError(
  error: FastifyError,
  log: Log,
  route: string | undefined,
  reply: Parameters<typeof sendProblem>[0],
) {
  if (error.validation !== undefined) {
    const faults = error.validation.map(({ instancePath, message }) => ({
      path: instancePath.replace(/^\//, '').replaceAll('/', '.'),
      message: message ?? 'is not valid',
    }));
    return sendProblem(reply, 422, 'Correct the request and send it again.', faults);
  }
  const status = error.statusCode ?? 500;
  if (status < 500) return sendProblem(reply, status, error.message);
  log.error({ err: error, route }, 'a request could not be served');
  return isRedisFault(error)
    ? sendProblem(reply, 503, 'Redis cannot take this now; send it again, which is safe.')
    : sendProblem(
        reply,
        500,
        'Something went wrong here, not with you. It is in our log; sending it again is safe.',
      );
}
