import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { until } from './waiting.ts';

/** The gateway's answer about one reference, in Lipia's format. */
export type Said =
  | 'pending'
  | 'paid'
  | 'cancelled'
  /** The receipt; default: a different one for each reference. */
  | { readonly receipt: string }
  | { readonly status: number; readonly headers?: { readonly [name: string]: string } };

/** A gateway with scripted answers that can delay them and counts requests per reference. */
export interface HeldGateway {
  readonly url: string;
  /** Sets the answer about one reference or all of them. Default `pending`. */
  say(said: Said, reference?: string): void;
  /** Requests about this reference (or any) hang from now on until `release`. */
  hold(reference?: string): void;
  release(reference?: string): void;
  /** Arrival times of the requests about a reference. */
  arrivals(reference: string): readonly number[];
  /** Number of requests in total. */
  total(): number;
  /** Most concurrent requests about one reference. */
  maxAtOnce(reference: string): number;
  /** Resolves once `count` requests about a reference have arrived. */
  arrived(reference: string, count: number): Promise<void>;
  close(): Promise<void>;
}

const all = '*';

export async function startHeldGateway(amount = '100.00'): Promise<HeldGateway> {
  const said = new Map<string, Said>();
  const held = new Set<string>();
  const waiting: { reference: string; answer(): void }[] = [];
  const seen = new Map<string, number[]>();
  const open = new Map<string, { now: number; most: number }>();
  const sockets = new Set<Socket>();

  const server = createServer((request, response) => {
    const reference = new URL(request.url ?? '/', 'http://gateway').searchParams.get('reference') ?? '';
    seen.set(reference, [...(seen.get(reference) ?? []), Date.now()]);
    const count = open.get(reference) ?? { now: 0, most: 0 };
    open.set(reference, { now: count.now + 1, most: Math.max(count.most, count.now + 1) });
    response.on('close', () => {
      const { now, most } = open.get(reference) ?? { now: 1, most: 1 };
      open.set(reference, { now: now - 1, most });
    });
    const answer = () => send(response, said.get(reference) ?? said.get(all) ?? 'pending', reference, amount);
    if (held.has(reference) || held.has(all)) waiting.push({ reference, answer });
    else answer();
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const arrivals = (reference: string) => seen.get(reference) ?? [];

  return {
    url: `http://127.0.0.1:${port}`,
    say: (what, reference = all) => void said.set(reference, what),
    hold: (reference = all) => void held.add(reference),
    release(reference = all) {
      held.delete(reference);
      const ready = waiting.filter((each) => reference === all || each.reference === reference);
      for (const each of ready) waiting.splice(waiting.indexOf(each), 1);
      for (const each of ready) each.answer();
    },
    arrivals,
    total: () => [...seen.values()].reduce((sum, times) => sum + times.length, 0),
    maxAtOnce: (reference) => open.get(reference)?.most ?? 0,
    arrived: async (reference, count) => {
      await until(`${count} requests about ${reference}`, () => arrivals(reference).length >= count);
    },
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** The receipt of the payment that this gateway knows by a reference. */
export function receiptOf(reference: string): string {
  return createHash('sha256').update(reference).digest('hex').slice(0, 10).toUpperCase();
}

function send(response: ServerResponse, said: Said, reference: string, amount: string): void {
  if (typeof said === 'object' && 'status' in said) {
    response.writeHead(said.status, { 'content-type': 'text/plain', ...said.headers }).end('no');
    return;
  }
  const receipt = typeof said === 'object' ? said.receipt : receiptOf(reference);
  const word = typeof said === 'object' ? 'paid' : said;
  const fields = {
    pending: { Status: 'PENDING', ResultCode: 0, ResultDesc: 'Waiting' },
    paid: { Status: 'SUCCESS', ResultCode: 0, ResultDesc: 'Success', MpesaReceiptNumber: receipt },
    cancelled: { Status: 'FAILED', ResultCode: 1032, ResultDesc: 'Request cancelled by user' },
  }[word];
  const body = {
    success: true,
    data: {
      status: word === 'paid',
      response: { ...fields, Amount: Number(amount), TransactionReference: reference },
    },
  };
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
