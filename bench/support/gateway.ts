import { createServer, type Server, type Socket } from 'node:net';

/**
 * A status server that costs almost nothing: it takes whole GET requests off keep-alive connections and answers in the
 * form of Lipia's transaction status. Every `finalEvery`th answer is final, whichever order it is about, so that the mix
 * of pending and paid is the same from the first second to the last. It runs in a process of its own.
 */
export interface Gateway {
  readonly port: number;
  close(): void;
}

/** What the gateway has answered so far. */
export interface Answered {
  readonly polls: number;
  readonly final: number;
}

/** How it behaves. */
export interface GatewayOptions {
  /** Every so many answers one is final; 0: none. */
  readonly finalEvery: number;
  /** When orders are asked about whose reference begins like this, it is noted; default: none. */
  readonly noted?: string;
}

/** When each of the noted orders was first asked about, by the clock of this machine in milliseconds. */
export type Arrivals = { readonly [reference: string]: number };

/** What is asked about: the amount of every order, in major units. */
export const orderAmount = '100.00';

const statusPath = 'GET /payments/status?reference=';
const head = [
  'HTTP/1.1 200 OK',
  'content-type: application/json; charset=utf-8',
  'cache-control: no-store',
  `date: ${new Date().toUTCString()}`,
  'connection: keep-alive',
  'keep-alive: timeout=60',
  '',
].join('\r\n');
const endOfRequest = '\r\n\r\n';
const referenceEnd = /[ &]/;

export async function startGateway({ finalEvery, noted }: GatewayOptions): Promise<Gateway> {
  const arrivals: { [reference: string]: number } = {};
  let polls = 0;
  let final = 0;

  function answer(request: string): string {
    if (request.startsWith('GET /arrivals')) return reply(JSON.stringify(arrivals satisfies Arrivals));
    if (!request.startsWith(statusPath)) return reply(JSON.stringify({ polls, final } satisfies Answered));
    const rest = request.slice(statusPath.length, statusPath.length + 128);
    const reference = rest.slice(0, rest.search(referenceEnd));
    polls += 1;
    if (noted !== undefined && reference.startsWith(noted)) {
      arrivals[reference] ??= performance.timeOrigin + performance.now();
    }
    if (finalEvery === 0 || polls % finalEvery !== 0) return reply(pendingBody(reference));
    final += 1;
    return reply(paidBody(reference));
  }

  const server: Server = createServer((socket) => serve(socket, answer));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { port: typeof address === 'object' ? (address?.port ?? 0) : 0, close: () => server.close() };
}

function serve(socket: Socket, answer: (request: string) => string): void {
  let unread = '';
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    unread += chunk.toString('latin1');
    let replies = '';
    for (let end = unread.indexOf(endOfRequest); end >= 0; end = unread.indexOf(endOfRequest)) {
      replies += answer(unread.slice(0, end));
      unread = unread.slice(end + endOfRequest.length);
    }
    if (replies !== '') socket.write(replies, 'latin1');
  });
}

/** With the headers that Node's own server would send. */
function reply(body: string): string {
  return `${head}content-length: ${body.length}\r\n\r\n${body}`;
}

function pendingBody(reference: string): string {
  return `{"success":true,"status":"success","message":"Payment status: Payment is still being processed","data":{"response":{"Amount":100,"ExternalReference":"${reference}","MpesaReceiptNumber":"","Phone":"","ResultCode":0,"ResultDesc":"Payment is still being processed","Status":"PENDING","TransactionReference":"${reference}"},"status":false}}`;
}

/** One payment pays one order, so every reference has a receipt of its own. */
function receiptOf(reference: string): string {
  return `S${reference.replace(/[^A-Za-z0-9]/g, '').slice(-40)}`;
}

function paidBody(reference: string): string {
  return `{"success":true,"status":"success","message":"Payment status: Payment completed successfully","data":{"response":{"Amount":100,"ExternalReference":"${reference}","MpesaReceiptNumber":"${receiptOf(reference)}","Phone":"","ResultCode":0,"ResultDesc":"Payment completed successfully","Status":"SUCCESS","TransactionReference":"${reference}"},"status":true}}`;
}
