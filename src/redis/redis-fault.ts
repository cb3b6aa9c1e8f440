import { TimeoutError } from './timeout.ts';

/** Redis answered nothing at all within the time that it was given. */
export class RedisUnavailableError extends Error {
  override readonly name = 'RedisUnavailableError';
}

/** Replies to a command that makes no sense, or met the wrong kind of key: a fault of ours. */
const ourFaults = /^(?:ERR|WRONGTYPE|CROSSSLOT|NOSCRIPT|EXECABORT)\b/;
/** Redis up to 6.2 wraps what a command inside a script was answered. */
const refusalInScript = /-(?:OOM|MISCONF|READONLY|NOREPLICAS|MASTERDOWN|CLUSTERDOWN|LOADING)\b/;
/** ioredis has no classes for these errors, only texts. A test provokes them, and so notices when a release changes one. */
const ioredisTexts = new RegExp(
  `^(?:${[
    'Connection is closed',
    "Stream isn't writeable",
    'Socket timeout',
    'Command (?:timed out|aborted)',
    'connect ETIMEDOUT',
    "Cluster is(?:n't ready| disconnect)",
    'None of startup nodes',
    'Node is disconnected',
    'No master node',
    'Too many Cluster redirections',
    'ERR max number of clients',
  ].join('|')})`,
);
const ioredisNames: readonly string[] = ['MaxRetriesPerRequestError', 'ClusterAllFailedError'];
const networkCodes =
  /^(?:ECONN\w+|ENET\w+|EHOST\w+|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|FST_ERR_HANDLER_TIMEOUT)$/;

/**
 * Whether Redis caused this error: it is away, slow, full, or rejects us. Repeating the request may help then; any other
 * error of a handler is a bug. Fastify's handler time-out counts as Redis, since handlers wait for nothing else.
 */
export function isRedisFault(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // The innermost cause decides: the producer wraps every error.
  if (error.cause instanceof Error) return isRedisFault(error.cause);
  if (error instanceof TimeoutError || error instanceof RedisUnavailableError) return true;
  const { name, message } = error;
  if (ioredisNames.includes(name) || ioredisTexts.test(message)) return true;
  if (name === 'ReplyError') return !ourFaults.test(message) || refusalInScript.test(message);
  return 'code' in error && networkCodes.test(String(error.code));
}
