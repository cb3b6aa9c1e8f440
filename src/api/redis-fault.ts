/** What Redis answers when it could not make sense of a command: the command, or what it met there, is our fault. */
const ours = /^(?:ERR|WRONGTYPE|CROSSSLOT|NOSCRIPT|EXECABORT)\b/;
/** Redis up to 6.2 wraps what a command inside a script was told. */
const refusalInScript = /-(?:OOM|MISCONF|READONLY|NOREPLICAS|MASTERDOWN|CLUSTERDOWN|LOADING)\b/;
/** ioredis tells these by their text alone. Those that begin with "Redis" are our own, about one that says nothing. */
const away = new RegExp(
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
    'no answer to PING',
    'Redis (?:at .+ )?(?:did|does) not ',
  ].join('|')})`,
);
const network = /^(?:ECONN\w+|ENET\w+|EHOST\w+|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|FST_ERR_HANDLER_TIMEOUT)$/;

/**
 * Whether it is Redis that failed: it is away, slow, full, or refuses us. Sending the request again may help then. What
 * else a handler throws is a bug of ours. Fastify's own handler time-out counts as Redis: handlers wait for nothing else.
 */
export function isRedisFault(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // What is at the bottom decides: the producer says of any fault that Redis did not take the order.
  if (error.cause instanceof Error) return isRedisFault(error.cause);
  const { name, message } = error;
  if (name === 'MaxRetriesPerRequestError' || name === 'ClusterAllFailedError' || away.test(message))
    return true;
  if (name === 'ReplyError') return !ours.test(message) || refusalInScript.test(message);
  return 'code' in error && network.test(String(error.code));
}
