/** Thrown when work takes too long. The work is not cancelled and may still succeed. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/**
 * Waits for work at most `ms`. Work that takes longer is not cancelled; its result is ignored.
 *
 * @throws TimeoutError with the given message after `ms`
 */
export async function withTimeout<T>(
  work: Promise<T>,
  ms: number,
  message = `Redis did not answer within ${ms} ms.`,
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new TimeoutError(message)), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {});
  }
}

/** True if the work ended within `ms`. Otherwise it continues. @throws the error of the work, if it fails in time */
export async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  try {
    await withTimeout(work, ms);
    return true;
  } catch (error) {
    if (error instanceof TimeoutError) return false;
    throw error;
  }
}
