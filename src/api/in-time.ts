import { withTimeout } from '../redis/timeout.ts';

/** A frozen Redis keeps its connections open and says nothing; whoever waits for us gives up after about ten seconds. */
export const redisMs = 5_000;

/**
 * What the work gives. Fastify's own `handlerTimeout` does not see requests whose body has been read.
 *
 * @throws when it takes longer than `redisMs`; it is not undone
 */
export function inTime<T>(work: Promise<T>): Promise<T> {
  return withTimeout(work, redisMs);
}
