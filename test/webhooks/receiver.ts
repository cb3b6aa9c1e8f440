import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** The secret of the endpoints of tests. */
export const testSecret = `whsec_${Buffer.from('a secret of the webhook tests').toString('base64')}`;

/** A request that a receiver got. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The event, as far as the body is JSON. */
  readonly event: { readonly [name: string]: unknown };
}

/** Answers a request, or does not. */
export type Behaviour = (request: Received, response: ServerResponse, nth: number) => void;

export const answer =
  (status: number, headers: { readonly [name: string]: string } = {}): Behaviour =>
  (_request, response) => {
    response.writeHead(status, headers).end();
  };

/** An endpoint on loopback that keeps what it receives. Closed after the test. */
export async function startReceiver(behaviour: Behaviour = answer(204)) {
  const received: Received[] = [];
  let behave = behaviour;
  const server = createServer((request, response) => {
    void read(request).then((body) => {
      const { url: path = '', headers } = request;
      const one = { path, headers, body, event: parsed(body) };
      received.push(one);
      behave(one, response, received.length);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    received,
    /** The ids of the events received, in order. */
    ids: () => received.map(({ event }) => String(event.id)),
    behaveLike(next: Behaviour) {
      behave = next;
    },
  };
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    // The sender gave up.
  }
  return Buffer.concat(chunks).toString();
}

function parsed(text: string): Received['event'] {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
