import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import helmet from '@fastify/helmet';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { Audit } from '../audit/audit.ts';
import type { ApiKey } from '../config/named-keys.ts';
import { readJson } from '../jobs/read-json.ts';
import type { Log } from '../observability/log.ts';
import { requestContext } from '../observability/request-context.ts';
import { isRedisFault } from '../redis/redis-fault.ts';
import type { ApiSettings, RouteParts } from './api.ts';
import { createKeyFinder, requireApiKey } from './api-keys.ts';
import { createStrangerBudget, requestIdOf } from './audit-request.ts';
import type { CallbackParts } from './callbacks.ts';
import { type HealthParts, healthRoutes } from './health-routes.ts';
import { redisMs } from './in-time.ts';
import { problemOf, problemType, sendNotFound, sendProblem } from './problem.ts';
import { limitRefused } from './refused-requests.ts';

/** What every listener of ours has. */
export interface ServerParts {
  readonly log: Log;
  readonly audit: Audit;
  /** Counts an error towards a Redis outage. True for such errors, which are logged once per outage. */
  isLoggedElsewhere(error: unknown): boolean;
  readonly trustedProxies: readonly string[];
  /** Further ones are closed at once. */
  readonly maxConnections: number;
}

export interface ApiParts extends ServerParts, ApiSettings {
  readonly apiKeys: readonly ApiKey[];
  readonly metricsPublic: boolean;
  /** What checkouts, readers and providers use; `null` in a process that only polls. */
  readonly routes: RouteParts | null;
  readonly health: Omit<HealthParts, 'guard'>;
}

/** An order is far smaller; callbacks have a limit of their own. */
const bodyLimit = 64 * 1024;
/** An order id has up to 128 characters, and so has the token of a callback. Longer ones are refused by their routes. */
const maxParamLength = 512;
/** Whoever has sent less than a whole request by then is answered 408. A body alone has `redisMs`. */
const requestMs = 10_000;

/** The HTTP server: for checkouts, for readers of results, for those who watch, and for providers unless they have their own. */
export async function createApi(parts: ApiParts) {
  const app = await createServer(parts);
  app.setNotFoundHandler((_request, reply) => sendNotFound(reply));
  const findKey = createKeyFinder(parts.apiKeys);
  if (parts.routes !== null) {
    const { registerApi } = await import('./api.ts');
    await registerApi(app, parts, parts.routes, findKey);
  }
  const guard = parts.metricsPublic ? null : requireApiKey(findKey, ['metrics:read']);
  await app.register(healthRoutes({ ...parts.health, guard }));
  return app;
}

/** A listener for providers that serves callbacks and nothing else: it can face the internet as it is. */
export async function createCallbackApi(parts: ServerParts, routes: CallbackParts) {
  const app = await createServer(parts);
  const { callbacks } = await import('./callbacks.ts');
  // The same answer as to a callback that is refused.
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 404));
  await app.register(callbacks(routes));
  return app;
}

/** A listener without routes, with the limits and the answers to errors that all of ours have. */
async function createServer(parts: ServerParts) {
  const app = Fastify({
    loggerInstance: parts.log as FastifyBaseLogger,
    // Every request would be logged with its path, and callback paths carry tokens.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: requestIdOf,
    bodyLimit,
    requestTimeout: requestMs,
    // Node looks for late requests every 30 s by default.
    http: { headersTimeout: requestMs, connectionsCheckingInterval: 1_000 },
    handlerTimeout: redisMs,
    routerOptions: { maxParamLength },
    // The router's own errors repeat the path, which may hold the token of a callback.
    frameworkErrors: (error, request, reply) =>
      sendProblem(reply.header('x-request-id', request.id), error.statusCode ?? 400),
    clientErrorHandler: answerBrokenRequest,
    trustProxy: parts.trustedProxies.length > 0 ? [...parts.trustedProxies] : false,
    // Zod does their work; without these, Fastify loads Ajv and fast-json-stringify all the same.
    schemaController: { compilersFactory: { buildValidator: unused, buildSerializer: unused } },
    forceCloseConnections: 'idle',
  });
  app.server.maxConnections = parts.maxConnections;
  app.decorate('audit', parts.audit);
  app.decorate('strangers', createStrangerBudget());
  app.decorateRequest('apiKey', null);
  app.decorateRequest('user', null);
  limitRefused(app, parts.trustedProxies);
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    requestContext.run(request.id, done);
  });
  // What reads the body goes on in the connection's own context.
  app.addHook('preValidation', (request, _reply, done) => requestContext.run(request.id, done));
  acceptJsonOnly(app);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(error, parts, request, reply));

  // Upgrading to HTTPS is the business of the proxy that has it; without one the page at /docs would stay blank.
  await app.register(helmet, {
    global: true,
    contentSecurityPolicy: { directives: { 'upgrade-insecure-requests': null } },
  });
  hangUpWhenStopping(app);
  return app;
}

function unused(): never {
  throw new Error('A schema was to be compiled by something other than Zod.');
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
  app: Pick<FastifyInstance, 'removeAllContentTypeParsers' | 'addContentTypeParser'>,
): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    if (body === '') return done(null);
    try {
      const { value, faults } = readJson(String(body).replace(/^\uFEFF/, ''));
      // In the form of a failed validation, which is answered with all faults.
      const validation = faults.map(({ path, message }) => ({ instancePath: path, message }));
      done(
        faults.length === 0 ? null : Object.assign(new Error('The body is ambiguous.'), { validation }),
        value,
      );
    } catch {
      done(Object.assign(new Error('The body is not JSON.'), { statusCode: 400 }));
    }
  });
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

/** Errors as problems: what the caller did wrong is named, what went wrong here is logged and not shown. */
function answerError(
  error: FastifyError,
  { isLoggedElsewhere }: Pick<ServerParts, 'isLoggedElsewhere'>,
  request: FastifyRequest,
  reply: Parameters<typeof sendProblem>[0],
) {
  if (isLateBody(error, request)) {
    // When the connection ends, Fastify would log that the rest of the body cannot be answered any more.
    request.log.level = 'silent';
    reply.header('connection', 'close');
    return sendProblem(reply, 408, 'The body did not arrive in time.');
  }
  if (error.validation !== undefined) {
    const faults = error.validation.map(({ instancePath, message }) => ({
      path: instancePath.replace(/^\//, '').replaceAll('/', '.'),
      message: message ?? 'is not valid',
    }));
    return sendProblem(reply, 422, 'Correct the request and send it again.', faults);
  }
  const status = error.statusCode ?? 500;
  if (status === 415)
    return sendProblem(
      reply,
      415,
      'Send the body as JSON, with the header "Content-Type: application/json".',
    );
  if (status < 500) return sendProblem(reply, status, error.message);
  if (!isLoggedElsewhere(error)) {
    request.log.error({ err: error, route: request.routeOptions.url }, 'a request could not be served');
  }
  return isRedisFault(error)
    ? sendProblem(reply, 503, 'Storage temporarily unavailable; it is safe to send this again.')
    : sendProblem(
        reply,
        500,
        'Something went wrong here, not with you. It is in our log; sending it again is safe.',
      );
}

/** The handler's time ran out while the client was still sending: its fault, neither ours nor that of Redis. */
function isLateBody({ code }: FastifyError, { raw }: FastifyRequest): boolean {
  return code === 'FST_ERR_HANDLER_TIMEOUT' && !raw.complete;
}
