import { setImmediate as immediate } from 'node:timers/promises';

/** Sends one request and gives its reply. */
export type Batched<Request, Reply> = (request: Request) => Promise<Reply>;

/** A full batch goes out beside the one under way, so that this process prepares it while Redis works on the other. */
const mostUnderWay = 2;

/**
 * Gathers the requests that arrive while an earlier batch is under way, or in the same turn of the event loop, and sends
 * them together: the busier, the larger the batches and the cheaper each request; alone, a request waits for nothing.
 * Requests are sent in the order in which they came.
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
  let underWay = 0;

  async function sendWaiting(): Promise<void> {
    while (waiting.length >= (underWay === 1 ? 1 : limit)) {
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
    underWay -= 1;
  }

  return (request) =>
    new Promise((resolve, reject) => {
      waiting.push({ request, resolve, reject });
      if (underWay > 0 && (underWay === mostUnderWay || waiting.length < limit)) return;
      underWay += 1;
      setImmediate(() => void sendWaiting());
    });
}
