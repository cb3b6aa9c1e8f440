import { type DestinationStream, type Logger, pino } from 'pino';

export type Log = Logger;

/**
 * The root logger: JSON lines. What we log is chosen field by field; these paths are the second net, for objects that
 * carry a credential or a phone number by mistake.
 */
export function createLog(level: string, destination?: DestinationStream): Log {
  const options = { level, redact: { paths: redacted, censor: '[redacted]' } };
  return destination === undefined ? pino(options) : pino(options, destination);
}

const secretNames = [
  'authorization',
  'apiKey',
  'appSecret',
  'clientSecret',
  'consumerKey',
  'consumerSecret',
  'initiatorPassword',
  'passkey',
  'password',
  'phone',
  'secret',
  'securityCredential',
  'sign',
  'signature',
  'token',
];

const redacted = secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);
