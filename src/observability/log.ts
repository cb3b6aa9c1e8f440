import { type Bindings, type DestinationStream, type Logger, pino, stdSerializers, symbols } from 'pino';
import { redacted, redactedText, secretNames } from './redact.ts';
import { requestContext } from './request-context.ts';

export type Log = Logger;

/** Pino does not write objects nested deeper than this. */
const depthLimit = 5;

/**
 * Creates the root logger, which writes JSON lines. Logged fields are chosen one by one; redaction by the names in `redact.ts` is
 * a second safeguard against credentials and phone numbers. Pino's `redact` covers top-level fields only: with wildcards for
 * nested objects, every line took thirty times as long.
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

/** Adds the request id to lines that modules below HTTP log while they serve a request. */
function requestIdOf(_fields: object, _level: number, logger: Log): { readonly requestId?: string } {
  const requestId = requestContext.getStore();
  if (requestId === undefined) return {};
  const { [symbols.chindingsSym]: bindings } = logger as { readonly [symbols.chindingsSym]?: string };
  // The request's own logger has the id already; many JSON parsers reject duplicate names.
  return bindings?.includes('"requestId":') ? {} : { requestId };
}

/** Redacts nested objects. Errors and requests are left to their serializers. */
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

/** Only the method of a request is logged: callback paths contain tokens. */
const serializers = { err: errorFacts, req: ({ method }: { method?: string }) => ({ method }) };

/**
 * The fields of an error that are logged. Not all of them: ioredis attaches the failed command with its arguments, which may
 * hold the password of a connection or the metadata of an order.
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
