import type { AddressInfo } from 'node:net';
import { checkReadiness } from '../api/readiness.ts';
import { createApi } from '../api/server.ts';
import { measure } from '../measure.ts';
import { fullAccessKeys } from '../named-keys.ts';
import { packageVersion } from '../service-facts.ts';
import { overviewOf } from './accounts-overview.ts';
import { endedWithin, type Role, type Shared } from './shared.ts';

/** Closing connections takes a moment; while Redis is away it may never end. */
const doorCloseMs = 1_000;

/** The HTTP server of this process: health and metrics in every role, everything else in the role `api`. */
export async function startHttp(
  shared: Shared,
  roles: readonly Role[],
  unserved: () => ReadonlyMap<string, number>,
) {
  const { config, log, redis, keys, metrics, lastProgressAt } = shared;
  const overview = overviewOf(shared, redis, shared.queue);
  const opened = roles.includes('api') ? await (await import('./door-role.ts')).openDoor(shared) : null;
  const app = await createApi({
    log,
    isToldElsewhere: shared.outage.takes,
    version: packageVersion(),
    apiKeys: [...config.apiKeys, ...fullAccessKeys(config.apiKeysSha256)],
    apiRatePerSecond: config.apiRatePerSecond,
    trustedProxies: config.trustedProxies,
    metricsPublic: config.metricsPublic,
    maxConnections: config.maxConnections,
    docsPublic: config.docsPublic,
    door: opened?.door ?? null,
    health: {
      metrics,
      readiness: () =>
        checkReadiness({ redis, keys, polls: roles.includes('worker'), lastProgressAt, unserved }),
      measure: async () => measure(metrics, await overview(shared.clock.now())),
    },
  });
  const close = async () => {
    opened?.stop();
    // In this order: requests under way still need what the door opened.
    await endedWithin(config.shutdownMs, app.close());
    await endedWithin(doorCloseMs, opened?.close() ?? Promise.resolve());
  };
  try {
    await app.listen({ host: config.host, port: config.port });
  } catch (error) {
    await close();
    throw new Error(`Cannot listen on ${config.host}:${config.port}; set HOST and PORT to a free address.`, {
      cause: error,
    });
  }
  const { port } = app.server.address() as AddressInfo;
  return { url: `http://${config.host}:${port}`, close };
}
