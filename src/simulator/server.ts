import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Call } from './call.ts';
import { jsonFields, textReply } from './call.ts';
import { type Control, controlMount } from './control.ts';
import { type ProviderRouter, send } from './provider-router.ts';

/** Who answers what. */
export interface ServerParts {
  readonly control: Control;
  readonly router: ProviderRouter;
  readonly now: () => number;
}

const providerBodyLimitBytes = 64 * 1_024;
const controlBodyLimitBytes = 256 * 1_024 * 1_024;
const idleConnectionMs = 65_000;

/** Makes the HTTP server: the first segment of the path names who answers. */
export function createSimulatorServer(parts: ServerParts): Server {
  const server = createServer({ keepAliveTimeout: idleConnectionMs }, (request, response) => {
    void answer(parts, request, response).catch((error: unknown) => {
      if (!response.headersSent)
        send(response, textReply(500, `The simulator itself failed: ${String(error)}`));
      else response.destroy();
    });
  });
  return server;
}

async function answer(
  { control, router, now }: ServerParts,
  request: IncomingMessage,
  response: ServerResponse,
) {
  const { method = 'GET', url = '/' } = request;
  const [mount, path, query] = split(url);
  const limitBytes = mount === controlMount ? controlBodyLimitBytes : providerBodyLimitBytes;
  const body = method === 'GET' ? '' : await readBody(request, limitBytes);
  if (body === undefined) return send(response, textReply(413, 'The body is too large.'));
  const fields = mount === controlMount ? {} : jsonFields(body);
  const call: Call = { method, path, query, headers: request.headers, body, fields, at: now() };
  if (mount === controlMount) return send(response, control(call));
  return router(mount, call, response);
}

// Cheaper than a URL object, which would be made for every request.
function split(url: string): [mount: string, path: string, query: string] {
  const mark = url.indexOf('?');
  const whole = mark < 0 ? url : url.slice(0, mark);
  const slash = whole.indexOf('/', 1);
  const mount = slash < 0 ? whole.slice(1) : whole.slice(1, slash);
  return [mount, slash < 0 ? '' : whole.slice(slash), mark < 0 ? '' : url.slice(mark + 1)];
}

/** Reads the body; undefined when it is larger than the limit. */
function readBody(request: IncomingMessage, limitBytes: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limitBytes) chunks.push(chunk);
    });
    request.on('end', () => resolve(bytes > limitBytes ? undefined : Buffer.concat(chunks).toString('utf8')));
    request.on('error', reject);
  });
}
