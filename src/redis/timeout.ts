/** The work took too long. It was not cancelled: it may still happen. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/**
 * The result of the work, if it ends in time. Work that does not is not cancelled; its result is ignored.
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

/** Whether the work ended in time. Work that did not goes on. @throws what the work throws in time */
export async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  try {
    await withTimeout(work, ms);
    return true;
  } catch (error) {
    if (error instanceof TimeoutError) return false;
    throw error;
  }
}
