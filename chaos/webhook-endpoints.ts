import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Webhook } from 'standardwebhooks';
import { resultEventSchema } from '../src/domain/result-event.ts';
import { handledId } from './consumers.ts';

/** How the endpoints behave until they recover. */
export const endpointKinds = ['healthy', 'failing', 'hanging', 'redirecting', 'gone', 'flapping'] as const;
export type EndpointKind = (typeof endpointKinds)[number];

/** Receivers of webhooks that fail on purpose. */
export interface WebhookEndpoints {
  urlOf(kind: EndpointKind): string;
  /** From now on every endpoint accepts what it gets. */
  recover(): void;
  /** What an endpoint has accepted, in the order of time. */
  acceptedBy(kind: EndpointKind): readonly string[];
  /** What must never arrive: a wrong signature, a request after a redirect, one id for two messages. */
  faults(): readonly string[];
  close(): Promise<void>;
}

const redirectedPath = '/redirected';

/** Opens one server for all endpoints, each with a path of its own. */
export async function openEndpoints(webhook: Webhook): Promise<WebhookEndpoints> {
  const accepted = new Map<EndpointKind, string[]>(endpointKinds.map((kind) => [kind, []]));
  const messages = new Map<string, string>();
  const faults = new Set<string>();
  let hasRecovered = false;
  let requests = 0;

  function answer(kind: EndpointKind, body: string, request: IncomingMessage, response: ServerResponse) {
    requests += 1;
    const id = idOf(webhook, body, request);
    if (id === null) faults.add(`a webhook to ${kind} could not be verified`);
    else {
      const message = String(request.headers['webhook-id']);
      if ((messages.get(message) ?? id) !== id) faults.add(`${message} stands for two results`);
      messages.set(message, id);
    }
    const status = hasRecovered ? 200 : statusOf(kind, requests);
    if (status === null) return;
    if (status < 300 && id !== null) accepted.get(kind)?.push(id);
    response.writeHead(status, status === 307 ? { location: redirectedPath } : {}).end();
  }

  const server = createServer((request, response) => {
    void read(request).then((body) => {
      if (body === null) return;
      const kind = endpointKinds.find((each) => request.url === `/${each}`);
      if (kind !== undefined) return answer(kind, body, request, response);
      faults.add(`a webhook went to ${request.url}`);
      response.writeHead(404).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    urlOf: (kind) => `http://127.0.0.1:${port}/${kind}`,
    recover() {
      hasRecovered = true;
    },
    acceptedBy: (kind) => accepted.get(kind) ?? [],
    faults: () => [...faults],
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The status that an endpoint answers with; `null`: none, it hangs. */
function statusOf(kind: EndpointKind, nth: number): number | null {
  switch (kind) {
    case 'healthy':
      return 204;
    case 'failing':
      return 500;
    case 'hanging':
      return null;
    case 'redirecting':
      return 307;
    case 'gone':
      return 410;
    case 'flapping':
      return [200, 503, 200, 400][nth % 4] ?? null;
  }
}

/** The result in a message, with the creation of its order; `null` unless its signature is right. */
function idOf(webhook: Webhook, body: string, { headers }: IncomingMessage): string | null {
  try {
    return handledId(resultEventSchema.parse(webhook.verify(body, headers as { [name: string]: string })));
  } catch {
    return null;
  }
}

/** The body; `null` if the sender died meanwhile. */
async function read(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    return null;
  }
  return Buffer.concat(chunks).toString();
}
