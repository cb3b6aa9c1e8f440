import { type DestinationStream, type Logger, pino, stdSerializers } from 'pino';

export type Log = Logger;

/**
 * The root logger: JSON lines. What we log is chosen field by field; these paths are the second net, for objects that
 * carry a credential or a phone number by mistake.
 */
export function createLog(level: string, destination?: DestinationStream): Log {
  const options = { level, redact: { paths: redacted, censor: '[redacted]' }, serializers };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** Fastify would log the path of a request, and callback paths carry tokens. */
const serializers = { err: errorFacts, req: ({ method }: { method?: string }) => ({ method }) };

/**
 * What is told of an error. Not everything that hangs on it: ioredis adds the command that failed with all its arguments,
 * among them the password of a connection and the metadata of an order.
 */
function errorFacts(error: unknown) {
  if (!(error instanceof Error)) return typeof error === 'string' ? withoutTokens(error) : '(no error)';
  const { type, message, stack } = stdSerializers.err(error);
  const code = 'code' in error ? { code: String(error.code) } : {};
  return { type, message: withoutTokens(message), stack: withoutTokens(stack), ...code };
}

function withoutTokens(text: string): string {
  return text.replace(/\/callbacks\/[^\s"']+/g, '/callbacks/…');
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
