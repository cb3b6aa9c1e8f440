import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import Fastify, { type FastifyBaseLogger, type FastifyError, LogController } from 'fastify';
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { Log } from '../log.ts';
import { digestOf, requireApiKey } from './api-keys.ts';
import { type CallbackParts, callbacks } from './callbacks.ts';
import { type HealthParts, healthRoutes } from './health-routes.ts';
import { type OrdersParts, ordersRoutes } from './orders-routes.ts';
import { sendProblem } from './problem.ts';
import { type ResultsRouteParts, resultsRoute } from './results-route.ts';

export interface ApiParts {
  readonly log: Log;
  readonly version: string;
  /** SHA-256 of every valid API key, hex. */
  readonly apiKeysSha256: readonly string[];
  readonly apiRatePerSecond: number;
  readonly trustedProxies: readonly string[];
  readonly metricsPublic: boolean;
  readonly orders: OrdersParts;
  readonly results: ResultsRouteParts;
  readonly callbacks: CallbackParts;
  readonly health: Omit<HealthParts, 'guard'>;
}

/** An order is far smaller; the callback door has a limit of its own. */
const bodyLimit = 64 * 1024;

/** The HTTP door: for checkouts, for readers of results, for providers, for those who watch. */
export async function createApi(parts: ApiParts) {
  const app = Fastify({
    loggerInstance: parts.log as FastifyBaseLogger,
    // Every request would be logged with its path, and callback paths carry tokens.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit,
    requestTimeout: 30_000,
    trustProxy: parts.trustedProxies.length > 0 ? [...parts.trustedProxies] : false,
    forceCloseConnections: 'idle',
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler((error: FastifyError, request, reply) =>
    answerError(error, parts.log, request.routeOptions.url, reply),
  );
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 404, 'There is nothing here; see /docs.'));

  await app.register(helmet, { global: true });
  await app.register(rateLimit, { global: false });
  await app.register(swagger, {
    openapi: {
      info: {
        title: 'payment-poller',
        version: parts.version,
        description: 'The truth about every pending mobile-money order, exactly once, with evidence.',
      },
      components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } },
      security: [{ apiKey: [] }],
    },
    transform: jsonSchemaTransform,
  });
  await app.register(swaggerUi, { routePrefix: '/docs' });

  const guard = requireApiKey(parts.apiKeysSha256);
  await app.register(
    async (v1) => {
      v1.addHook('onRequest', guard);
      v1.addHook(
        'onRequest',
        v1.rateLimit({
          max: parts.apiRatePerSecond,
          timeWindow: 1_000,
          keyGenerator: (request) => digestOf(request.headers.authorization ?? request.ip).toString('hex'),
        }),
      );
      await v1.register(ordersRoutes(parts.orders));
      await v1.register(resultsRoute(parts.results));
    },
    { prefix: '/v1' },
  );
  await app.register(callbacks(parts.callbacks));
  await app.register(healthRoutes({ ...parts.health, guard: parts.metricsPublic ? null : guard }));
  return app;
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
  return sendProblem(reply, 503, 'Redis cannot take this now; send it again, which is safe.');
}
