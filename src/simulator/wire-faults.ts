import type { ServerResponse } from 'node:http';
import type { Reply } from './call.ts';
import type { FaultKind } from './words.ts';

/** The faults that break the answer on its way. */
export const wireFaults = [
  'hang',
  'reset',
  'cut-short',
  'wrong-length',
  'oversize',
  'slow',
] as const satisfies readonly FaultKind[];

/** One way to break an answer on its way. */
export type WireFault = (typeof wireFaults)[number];

/** Whether a fault happens on the wire and not in the answer's words. */
export function isWireFault(kind: FaultKind): kind is WireFault {
  return wireFaults.some((fault) => fault === kind);
}

/** How much "oversize" sends, in bytes. */
export const oversizeBytes = 30 * 1_024 * 1_024;

/** Breaks an answer; the true answer is asked for only where some of it is sent. */
export async function breakAnswer(
  kind: WireFault,
  response: ServerResponse,
  trueReply: () => Reply | Promise<Reply>,
): Promise<void> {
  switch (kind) {
    case 'hang':
      return; // Until the client gives up or the simulator closes.
    case 'reset':
      response.socket?.resetAndDestroy();
      return;
    case 'cut-short':
      return cutShort(response, whole(await trueReply()));
    case 'wrong-length':
      return tellTooLittle(response, whole(await trueReply()));
    case 'oversize':
      return flood(response);
    case 'slow':
      return trickle(response, whole(await trueReply()));
  }
}

interface Whole {
  readonly status: number;
  readonly bytes: Buffer;
}

// A body that is empty cannot be broken, so it is given something to break.
function whole({ status, body }: Reply): Whole {
  return { status, bytes: Buffer.from(body.length > 1 ? body : '{"status":true}') };
}

const headersFor = (length: number) => ({ 'content-type': 'application/json', 'content-length': length });

/** The full length is announced, half of it is sent, and the connection closes. */
function cutShort(response: ServerResponse, { status, bytes }: Whole): void {
  response.writeHead(status, headersFor(bytes.length));
  response.write(bytes.subarray(0, bytes.length >> 1), () => response.socket?.end());
}

/** The length announced stops within the JSON; the rest of the body follows where the next answer should begin. */
function tellTooLittle(response: ServerResponse, { status, bytes }: Whole): void {
  response.writeHead(status, headersFor(bytes.length - Math.ceil(bytes.length / 4)));
  response.end(bytes);
}

const floodChunk = Buffer.alloc(64 * 1_024, 'x');

/** Valid JSON without an announced length, far bigger than any answer. */
function flood(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write('{"padding":"');
  let sentBytes = 0;
  const pour = (): void => {
    while (sentBytes < oversizeBytes) {
      if (response.destroyed) return;
      sentBytes += floodChunk.length;
      if (!response.write(floodChunk)) {
        response.once('drain', pour);
        return;
      }
    }
    response.end('"}');
  };
  pour();
}

const trickleEveryMs = 100;

/** One byte each 100 ms: headers come at once, the whole body in half a minute or more. */
function trickle(response: ServerResponse, { status, bytes }: Whole): void {
  response.writeHead(status, headersFor(bytes.length));
  let sentBytes = 0;
  const drip = (): void => {
    sentBytes += 1;
    response.write(bytes.subarray(sentBytes - 1, sentBytes));
    if (sentBytes < bytes.length) return;
    clearInterval(timer);
    response.end();
  };
  const timer = setInterval(drip, trickleEveryMs);
  response.once('close', () => clearInterval(timer));
  drip();
}
