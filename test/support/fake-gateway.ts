import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A request as the gateway received it. */
export interface ReceivedRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A well-formed answer. */
export interface HonestAnswer {
  readonly status: number;
  readonly headers?: { readonly [name: string]: string };
  /** JSON, or a string or a buffer holding the exact bytes. */
  readonly body: unknown;
}

/** The faults of a gateway. */
export const misbehaviours = [
  'hang',
  'hang after the headers',
  'slow headers',
  'slow bytes',
  'endless bytes',
  'reset',
  'reset after the headers',
  'cut short',
  'cut short in chunks',
  'length too small',
  'oversize',
  'oversize announced',
  'HTML',
  'empty',
  'no HTTP at all',
  'huge headers',
] as const;
export type Misbehaviour = (typeof misbehaviours)[number];

export type Behaviour = HonestAnswer | Misbehaviour;

/** A real local HTTP server that sends scripted answers and records its requests. */
export interface FakeGateway {
  readonly url: string;
  readonly requests: readonly ReceivedRequest[];
  /** Number of open connections. */
  openConnections(): number;
  close(): Promise<void>;
}

export async function startFakeGateway(
  behave: (request: ReceivedRequest, nth: number) => Behaviour,
): Promise<FakeGateway> {
  const requests: ReceivedRequest[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((incoming, response) => {
    void receive(incoming).then((request) => {
      requests.push(request);
      const behaviour = behave(request, requests.length);
      if (typeof behaviour === 'string') misbehave(behaviour, response);
      else answer(behaviour, response);
    });
  });
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    openConnections: () => sockets.size,
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

async function receive(incoming: IncomingMessage): Promise<ReceivedRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const { method = '', url = '', headers } = incoming;
  return { method, url, headers, body: Buffer.concat(chunks).toString('utf8') };
}

function answer({ status, headers, body }: HonestAnswer, response: ServerResponse): void {
  const text = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
}

/** A truncated body that looks like the beginning of a success. */
const bait = '{"code":"0","status":"S000000","ResultCode":"0","data":{';

function misbehave(how: Misbehaviour, response: ServerResponse): void {
  const socket = response.socket;
  if (socket === null) return;
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n';
  switch (how) {
    case 'hang':
      return;
    case 'hang after the headers':
      socket.write(`${head}Content-Length: 500\r\n\r\n`);
      return;
    case 'slow headers':
      socket.write(head);
      drip(socket, (nth) => `X-${nth}: x\r\n`);
      return;
    case 'slow bytes':
      socket.write(`${head}Content-Length: 5000\r\n\r\n${bait}`);
      drip(socket, () => ' ');
      return;
    case 'endless bytes':
      socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n`);
      drip(socket, () => `400\r\n${' '.repeat(0x400)}\r\n`, 1);
      return;
    case 'reset':
      socket.resetAndDestroy();
      return;
    case 'reset after the headers':
      socket.write(`${head}Content-Length: 500\r\n\r\n${bait}`, () => socket.resetAndDestroy());
      return;
    case 'cut short':
      socket.end(`${head}Content-Length: 500\r\n\r\n${bait}`);
      return;
    case 'cut short in chunks':
      socket.end(`${head}Transfer-Encoding: chunked\r\n\r\n${bait.length.toString(16)}\r\n${bait}\r\n`);
      return;
    case 'length too small':
      socket.end(`${head}Content-Length: 10\r\n\r\n${bait}`);
      return;
    case 'oversize':
      response.writeHead(200, { 'content-type': 'application/json' }).end(`"${'x'.repeat(2_000_000)}"`);
      return;
    case 'oversize announced':
      socket.write(`${head}Content-Length: 99999999999\r\n\r\n${bait}`);
      drip(socket, () => ' '.repeat(10_000), 1);
      return;
    case 'HTML':
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Paid S000000 SUCCESS</html>');
      return;
    case 'empty':
      response.writeHead(200).end();
      return;
    case 'no HTTP at all':
      socket.end('220 ready\r\n');
      return;
    case 'huge headers':
      socket.end(`${head}X-Big: ${'x'.repeat(200_000)}\r\n\r\n{}`);
      return;
  }
}

function drip(socket: Socket, next: (nth: number) => string, everyMs = 20): void {
  let nth = 0;
  const timer = setInterval(() => socket.write(next(nth++)), everyMs);
  socket.on('close', () => clearInterval(timer));
}
