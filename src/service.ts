import type { Config } from './config/config.ts';
import type { Log } from './observability/log.ts';
import { awaitRedis, connectRedis } from './redis/connection.ts';
import { startHttp } from './roles/http-server.ts';
import { startRegistration } from './roles/registration.ts';
import { allRoles, type FaultPoints, type Role, redisStartMs, share } from './roles/shared.ts';
import { startWorkers } from './roles/worker-role.ts';

export type { FaultPoints, Role } from './roles/shared.ts';

/** A running payment-poller. */
export interface Service {
  /** URL of the HTTP server: the API, and in every role health and metrics. */
  readonly url: string;
  /** URL of the separate server for callbacks; `null` without CALLBACK_PORT or the role `api`. */
  readonly callbackUrl: string | null;
  /** Stops fetching jobs, waits up to `shutdownMs` for work in flight, closes everything. */
  close(): Promise<void>;
}

/**
 * Starts a service with the given roles.
 *
 * @throws when Redis does not answer within 6 s or the port is taken; everything is closed again then
 */
export async function startService(
  config: Config,
  log: Log,
  roles: readonly Role[] = allRoles,
  faultPoints: FaultPoints = {},
): Promise<Service> {
  const redis = connectRedis(config.redisUrl, 'patient');
  const shared = share(config, log, redis, faultPoints);
  const running: { close(): Promise<void> }[] = [];
  let url = '';
  let callbackUrl: string | null = null;
  try {
    await awaitRedis(redis, config.redisUrl, redisStartMs);
    await shared.clock.start();
    const registration = await startRegistration(shared);
    running.push(registration);
    // The API starts first and stops last, because providers send callbacks while orders are polled.
    const http = await startHttp(shared, roles, registration.unserved);
    ({ url, callbackUrl } = http);
    running.push(http);
    // Before the workers, so that no result is published before the webhooks follow the stream.
    if (roles.includes('webhooks'))
      running.push(await (await import('./roles/webhooks-role.ts')).startWebhooks(shared));
    if (roles.includes('worker')) running.push(await startWorkers(shared));
    if (config.notifyWebhookUrl !== undefined) {
      const { startNotifications } = await import('./roles/notify.ts');
      running.push(startNotifications(shared, config.notifyWebhookUrl, registration.unserved));
    }
  } catch (error) {
    await Promise.all(running.map((part) => part.close()));
    shared.outage.close();
    shared.clock.close();
    redis.disconnect();
    throw error;
  }
  log.info(
    {
      roles,
      accounts: config.accounts.map(({ id }) => id),
      prefix: config.prefix,
      url,
      ...(callbackUrl !== null && { callbackUrl }),
    },
    'payment-poller is running',
  );
  return {
    url,
    callbackUrl,
    async close() {
      for (const part of running.toReversed()) await part.close();
      shared.outage.close();
      shared.clock.close();
      redis.disconnect();
    },
  };
}
