import { type Bindings, type DestinationStream, type Logger, pino, stdSerializers, symbols } from 'pino';
import { redacted, redactedText, secretNames } from './redact.ts';
import { requestContext } from './request-context.ts';

export type Log = Logger;

/** Pino writes no object that lies deeper in a line. */
const depthLimit = 5;

/**
 * The root logger: JSON lines. What we log is chosen field by field; the names of `censor.ts` are the second net, for
 * objects that carry a credential or a phone number by mistake. Pino's own net finds them in the line itself; with
 * wildcards, for the objects in it, every line took thirty times as long.
 */
export function createLog(level: string, destination?: DestinationStream): Log {
  const options = {
    level,
    depthLimit,
    redact: { paths: [...secretNames], censor: redactedText },
    serializers,
    mixin: requestIdOf,
    formatters: { log: redactObjects },
  };
  const log = destination === undefined ? pino(options) : pino(options, destination);
  const { child } = log;
  log.child = function (this: Log, bindings: Bindings, ...how: []) {
    return child.call(this, redactObjects(bindings), ...how);
  } as Log['child'];
  return log;
}

/** Parts below HTTP log through loggers of their own; what they do for a request carries its id all the same. */
function requestIdOf(_fields: object, _level: number, logger: Log): { readonly requestId?: string } {
  const requestId = requestContext.getStore();
  if (requestId === undefined) return {};
  const { [symbols.chindingsSym]: bindings } = logger as { readonly [symbols.chindingsSym]?: string };
  // The logger of the request has it already, and a name that stands twice is no JSON for many readers.
  return bindings?.includes('"requestId":') ? {} : { requestId };
}

/** Errors and requests have serializers, which choose what is told of them. */
function redactObjects(fields: Bindings): Bindings {
  let copy: Bindings | null = null;
  for (const name in fields) {
    const value: unknown = fields[name];
    if (typeof value !== 'object' || value === null || name in serializers) continue;
    const safe = redacted(value, depthLimit);
    if (safe !== value) copy = { ...(copy ?? fields), [name]: safe };
  }
  return copy ?? fields;
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
