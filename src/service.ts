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
  /** Where this process listens: the HTTP API, and health and metrics in every role. */
  readonly url: string;
  /** Where this process listens for callbacks alone; `null` without CALLBACK_PORT, and in other roles. */
  readonly callbackUrl: string | null;
  /** Stops taking work, lets what is under way end within `shutdownMs`, closes everything. */
  close(): Promise<void>;
}

/**
 * Builds the parts, starts the roles.
 *
 * @throws when Redis does not answer within 6 s, or the port is taken; nothing is left open then
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
    // The API starts first and stops last: providers send callbacks while orders are polled.
    const http = await startHttp(shared, roles, registration.unserved);
    ({ url, callbackUrl } = http);
    running.push(http);
    if (roles.includes('worker')) running.push(await startWorkers(shared));
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
