import { readFileSync } from 'node:fs';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifyPluginAsync, onRequestAsyncHookHandler } from 'fastify';
import { type FindKey, isBearer, isExpired } from './api-keys.ts';
import { auditRequest } from './audit-request.ts';
import { openapi } from './openapi.ts';
import { sendProblem } from './problem.ts';
import type { Login } from './ui/login.ts';

/** Of the overview page, which it leads to. */
const icon = new URL('./ui/assets/icon.svg', import.meta.url);

export interface DocsParts {
  readonly version: string;
  /** Anybody may read it. */
  readonly isPublic: boolean;
  readonly findKey: FindKey;
  /** `null` where people have no login. */
  readonly login: Login | null;
}

/** Describes the routes registered after it: at /docs for people, at /docs/json for programs. */
export async function serveDocs(app: FastifyInstance, parts: DocsParts): Promise<void> {
  await app.register(swagger, openapi(parts.version));
  const routes: FastifyPluginAsync = async (docs) => {
    if (!parts.isPublic) docs.addHook('onRequest', guardOf(parts));
    await docs.register(swaggerUi, {
      routePrefix: '/docs',
      theme: { title: 'payment-poller: HTTP API' },
      // Its logo would be Swagger's, and would lead nowhere.
      logo: { type: 'image/svg+xml', content: readFileSync(icon), href: '/', target: '_self' },
    });
  };
  await app.register(routes);
}

/** Programs show an API key, people have the login of the page at /. */
function guardOf({ findKey, login }: DocsParts): onRequestAsyncHookHandler {
  return async function (request, reply) {
    const key = findKey(request);
    if (key !== null && !isExpired(key, Date.now())) return;
    if (login !== null && !isBearer(request)) return login.guard.call(this, request, reply);
    if (isBearer(request)) {
      auditRequest(request, { action: 'rejected-key', outcome: key === null ? 'unknown' : 'expired' });
    }
    reply.header('www-authenticate', 'Bearer');
    return sendProblem(
      reply,
      401,
      'Send a valid API key as "Authorization: Bearer <key>", or set DOCS_PUBLIC=true. People log in at / once BOARD_PASSWORD or BOARD_USERS is set.',
    );
  };
}
