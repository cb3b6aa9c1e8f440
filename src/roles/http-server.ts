import type { AddressInfo } from 'node:net';
import { checkReadiness } from '../api/readiness.ts';
import { createApi, createCallbackApi } from '../api/server.ts';
import { createAudit } from '../audit/audit.ts';
import { fullAccessKeys } from '../config/named-keys.ts';
import { pauseText, readPauseState } from '../jobs/pause-account.ts';
import { packageVersion } from '../observability/package-info.ts';
import { endsWithin } from '../redis/timeout.ts';
import { overviewOf } from './accounts-overview.ts';
import { measure } from './measure.ts';
import type { Role, Shared } from './shared.ts';

/** Starts the HTTP server: health and metrics in every role, everything else only in the role `api`. */
export async function startHttp(
  shared: Shared,
  roles: readonly Role[],
  unserved: () => ReadonlyMap<string, number>,
) {
  const { config, log, redis, keys, metrics, lastProgressAt } = shared;
  const overview = overviewOf(shared, redis, shared.queue);
  const opened = roles.includes('api') ? await (await import('./api-role.ts')).openApi(shared) : null;
  const server = {
    log,
    audit: createAudit({
      ...{ redis: opened?.redis ?? redis, keys, log, isLoggedElsewhere: shared.outage.covers },
      counted(action, outcome) {
        if (action === 'login') metrics.logins.inc({ outcome });
        if (action === 'rejected-key') metrics.rejectedKeys.inc({ reason: outcome });
      },
    }),
    isLoggedElsewhere: shared.outage.covers,
    trustedProxies: config.trustedProxies,
    maxConnections: config.maxConnections,
  };
  const app = await createApi({
    ...server,
    version: packageVersion(),
    apiKeys: [...config.apiKeys, ...fullAccessKeys(config.apiKeysSha256)],
    apiRatePerSecond: config.apiRatePerSecond,
    metricsPublic: config.metricsPublic,
    callbacksElsewhere: config.callbackPort !== undefined,
    docsPublic: config.docsPublic,
    routes: opened?.routes ?? null,
    health: {
      metrics,
      readiness: () =>
        checkReadiness({
          ...{ redis, keys, lastProgressAt, unserved },
          polls: roles.includes('worker'),
          paused: () => pausedAccounts(shared),
        }),
      measure: () => measure(shared, metrics, overview),
    },
  });
  const callbackApp =
    opened === null || config.callbackPort === undefined
      ? null
      : await createCallbackApi(server, opened.routes.callbacks);
  const close = async () => {
    opened?.stop();
    // The server first: requests in flight still need the API's connections.
    await endsWithin(Promise.all([app.close(), callbackApp?.close()]), config.shutdownMs);
    await opened?.close();
  };
  try {
    const url = await listen(app, config.host, config.port, 'PORT');
    const callbackUrl =
      callbackApp === null
        ? null
        : await listen(callbackApp, config.host, config.callbackPort ?? 0, 'CALLBACK_PORT');
    return { url, callbackUrl, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function pausedAccounts({ config, redis, keys, queue }: Shared) {
  const all = await Promise.all(
    config.accounts.map(async ({ id }) => {
      const state = await readPauseState(redis, keys, id, queue(id));
      return { text: pauseText(id, state, true), isQueuePaused: state.isQueuePaused };
    }),
  );
  return all.flatMap(({ text, isQueuePaused }) => (text === null ? [] : [{ text, isQueuePaused }]));
}

type Listener = Awaited<ReturnType<typeof createCallbackApi>>;

/** Starts listening and returns the URL. @throws when the port is taken; the message names the setting to change */
async function listen(app: Listener, host: string, wanted: number, setting: string): Promise<string> {
  try {
    await app.listen({ host, port: wanted });
  } catch (cause) {
    throw new Error(`Cannot listen on ${host}:${wanted}; set HOST and ${setting} to a free address.`, {
      cause,
    });
  }
  const { port } = app.server.address() as AddressInfo;
  return `http://${host}:${port}`;
}
