import { setImmediate as immediate } from 'node:timers/promises';

/** Sends one request as part of a batch and resolves with its reply. */
export type Batched<Request, Reply> = (request: Request) => Promise<Reply>;

/** A second batch may be sent once it is full, so that this process prepares it while Redis works on the first. */
const maxInFlight = 2;

/**
 * Collects the requests that arrive in the same turn of the event loop, or while an earlier batch is in flight, and sends
 * them together, in order of arrival. Batches grow with load, which makes each request cheaper; a lone request is not delayed.
 *
 * @param send returns one reply per request, in order; an `Error` rejects that request, a rejection all of the batch
 * @param limit most requests in one batch
 */
export function createBatcher<Request, Reply>(
  send: (requests: readonly Request[]) => Promise<readonly (Reply | Error)[]>,
  limit: number,
): Batched<Request, Reply> {
  interface Waiting {
    readonly request: Request;
    readonly resolve: (reply: Reply) => void;
    readonly reject: (error: unknown) => void;
  }
  let waiting: Waiting[] = [];
  let inFlight = 0;

  async function sendWaiting(): Promise<void> {
    while (waiting.length >= (inFlight === 1 ? 1 : limit)) {
      const batch = waiting.slice(0, limit);
      waiting = waiting.slice(limit);
      try {
        const replies = await send(batch.map(({ request }) => request));
        batch.forEach(({ resolve, reject }, index) => {
          const reply = replies[index] as Reply | Error;
          if (reply instanceof Error) reject(reply);
          else resolve(reply);
        });
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
      // Callers often send their next request as soon as they have a reply: let it join the next batch.
      await immediate();
    }
    inFlight -= 1;
  }

  return (request) =>
    new Promise((resolve, reject) => {
      waiting.push({ request, resolve, reject });
      if (inFlight > 0 && (inFlight === maxInFlight || waiting.length < limit)) return;
      inFlight += 1;
      setImmediate(() => void sendWaiting());
    });
}
