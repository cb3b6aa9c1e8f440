import { setImmediate as immediate } from 'node:timers/promises';

/** Sends one request and gives its reply. */
export type Batched<Request, Reply> = (request: Request) => Promise<Reply>;

/**
 * Gathers the requests that arrive while an earlier batch is under way, or in the same turn of the event loop, and sends
 * them together: the busier, the larger the batches and the cheaper each request; alone, a request waits for nothing.
 *
 * @param send gives one reply per request, in their order; an Error fails its request, and a rejection all of them
 * @param limit requests in one batch at most
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
  let isBusy = false;

  async function sendWaiting(): Promise<void> {
    while (waiting.length > 0) {
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
      // Whoever got a reply may ask for more at once.
      await immediate();
    }
    isBusy = false;
  }

  return (request) =>
    new Promise((resolve, reject) => {
      waiting.push({ request, resolve, reject });
      if (isBusy) return;
      isBusy = true;
      setImmediate(() => void sendWaiting());
    });
}
