import { accessSync, constants } from 'node:fs';
import { z } from 'zod';
import { parseRedisUrl, type RedisUrlParameters, withRedisParameters } from './url.ts';

/** Settings of the service that secure its Redis connections. */
export const redisSecuritySettings = {
  redisCaFile: z
    .string()
    .optional()
    .describe(
      'PEM file of the private certificate authority that signed the certificates of Redis and of its sentinels, if there is one',
    ),
  redisCertFile: z.string().optional().describe('PEM file of the client certificate, if Redis requires one'),
  redisKeyFile: z.string().optional().describe('PEM file of the private key of REDIS_CERT_FILE'),
  redisSentinelUsername: z
    .string()
    .optional()
    .describe('User name for the sentinels, which do not know the users of Redis'),
  redisSentinelPassword: z.string().optional().meta({ secret: true }).describe('Password for the sentinels'),
};

/** Values of `redisSecuritySettings`, with REDIS_URL. */
export interface RedisSecurity {
  readonly redisUrl: string;
  readonly redisCaFile?: string | undefined;
  readonly redisCertFile?: string | undefined;
  readonly redisKeyFile?: string | undefined;
  readonly redisSentinelUsername?: string | undefined;
  readonly redisSentinelPassword?: string | undefined;
}

/**
 * Adds certificate paths and sentinel credentials to the Redis URL, so that every connection opened from it uses them.
 *
 * @param faults receives what is wrong; messages name settings, never their values
 */
export function secureRedisUrl(settings: RedisSecurity, faults: string[]): string {
  const { redisUrl, redisCaFile, redisCertFile, redisKeyFile } = settings;
  const files = Object.entries({
    REDIS_CA_FILE: redisCaFile,
    REDIS_CERT_FILE: redisCertFile,
    REDIS_KEY_FILE: redisKeyFile,
  }).flatMap(([variable, path]) => (path === undefined ? [] : [{ variable, path }]));
  if (files.length > 0 && !parseRedisUrl(redisUrl).tls) {
    // With a certificate configured, the operator expects an encrypted connection.
    const names = files.map(({ variable }) => variable).join(' and ');
    faults.push(
      `REDIS_URL does not use TLS, so ${names} would have no effect: write rediss instead of redis.`,
    );
    return redisUrl;
  }
  if ((redisCertFile === undefined) !== (redisKeyFile === undefined)) {
    faults.push('REDIS_CERT_FILE and REDIS_KEY_FILE belong together: set both or neither.');
  }
  for (const { variable, path } of files) {
    if (!isReadable(path)) faults.push(`${variable} is not the path of a readable file.`);
  }
  const parameters = {
    ca: redisCaFile,
    cert: redisCertFile,
    key: redisKeyFile,
    sentinelUsername: settings.redisSentinelUsername,
    sentinelPassword: settings.redisSentinelPassword,
  };
  const set = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return withRedisParameters(redisUrl, Object.fromEntries(set) as RedisUrlParameters);
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
