import type { FastifyPluginAsync, onRequestHookHandler } from 'fastify';
import type { Metrics } from '../observability/metrics.ts';
import { endsWithin } from '../redis/timeout.ts';
import type { Readiness } from './readiness.ts';
import { shareFor } from './share-for.ts';

export interface HealthParts {
  readonly metrics: Metrics;
  readonly readiness: () => Promise<Readiness>;
  /** Called before every scrape, for what is measured only when somebody asks. */
  readonly measure: () => Promise<void>;
  /** Guards /metrics; `null`: open. */
  readonly guard: onRequestHookHandler | null;
}

const measureMs = 2_000;
/** Anybody may ask for the metrics, and every measurement takes dozens of commands of Redis. */
const measureEveryMs = 1_000;

/** For orchestrators and Prometheus. Reveals no order and no setting. */
export function healthRoutes({ metrics, readiness, measure, guard }: HealthParts): FastifyPluginAsync {
  const measured = shareFor(measureEveryMs, measure);
  return async (app) => {
    app.get('/health/live', { schema: { hide: true } }, async () => ({ status: 'ok' }));

    app.get('/health/ready', { schema: { hide: true } }, async (_request, reply) => {
      const { ready, checks } = await readiness();
      return reply.code(ready ? 200 : 503).send({ status: ready ? 'ok' : 'unavailable', checks });
    });

    app.get(
      '/metrics',
      { schema: { hide: true }, ...(guard === null ? {} : { onRequest: guard }) },
      async (_request, reply) => {
        // Without Redis the counters of this process are worth the more; what it holds keeps its last value.
        await endsWithin(
          measured().catch(() => {}),
          measureMs,
        );
        return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics());
      },
    );
  };
}
