/** A frozen Redis keeps its connections open and says nothing; whoever waits for us gives up after about ten seconds. */
export const redisMs = 5_000;

/**
 * What the work gives. Fastify's own `handlerTimeout` does not see requests whose body has been read.
 *
 * @throws when it takes longer than `redisMs`; it is not undone
 */
export async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Redis did not answer within ${redisMs} ms.`)), redisMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
