/**
 * Receives webhooks of payment-poller and verifies them with the package `standardwebhooks` (npm install standardwebhooks).
 *
 *     WEBHOOK_SECRET=whsec_... PORT=8000 node examples/webhook.ts
 */
import { createServer, type IncomingMessage } from 'node:http';
import { Webhook } from 'standardwebhooks';

const webhook = new Webhook(process.env.WEBHOOK_SECRET ?? '');
const largestBody = 1024 * 1024;

interface Event {
  readonly id: string;
  readonly type: string;
  readonly data: { readonly [name: string]: unknown };
}

/**
 * Replace this. A message may come again, with the same `_messageId`: in one transaction, insert the id into a table where it is
 * unique, and update the order only if `stateversion` is higher than the one stored with it.
 */
async function handle(_messageId: string, event: Event) {
  const { status = event.type, reason, receipt } = event.data;
  console.log(event.id, status, reason ?? receipt ?? '');
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > largestBody) throw new Error('The body is too large.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

const server = createServer(async (request, response) => {
  try {
    const body = await read(request);
    const event = verified(body, request.headers as Record<string, string>);
    if (event === null) return response.writeHead(401).end();
    await handle(String(request.headers['webhook-id']), event);
    // Anything but a 2xx within ten seconds is sent again. Leave long work to a queue.
    return response.writeHead(204).end();
  } catch (error) {
    console.error(error);
    return response.writeHead(500).end();
  }
});
server.listen(Number(process.env.PORT ?? 8000), process.env.HOST ?? '127.0.0.1');

/** The event; `null` unless the signature and the time are right. */
function verified(body: string, headers: Record<string, string>): Event | null {
  try {
    return webhook.verify(body, headers) as Event;
  } catch {
    return null;
  }
}
