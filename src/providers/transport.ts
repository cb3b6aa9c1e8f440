import { Agent } from 'undici';
import type { ProviderAnswer, ProviderRequest } from './provider.ts';

/** Bounds on what a provider may cost us. */
export interface TransportLimits {
  /** For the headers, and again for the body. */
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
  /** Keep-alive connections per origin. */
  readonly connections: number;
}

/** No whole answer came. `reason` is our own text, safe to show. */
export interface TransportFault {
  readonly fault: 'timeout' | 'too-large' | 'broken';
  readonly reason: string;
  readonly httpStatus: number | null;
}

/** Sends one request and reads the whole answer. Never throws for anything the other side does. */
export interface Transport {
  send(request: ProviderRequest): Promise<ProviderAnswer | TransportFault>;
  close(): Promise<void>;
}

/**
 * HTTP over a keep-alive pool per origin: undici's `request`, which costs a third of `fetch` (docs/engine.md section 4).
 * Redirects are not followed: a status API that moves is a matter for configuration, and credentials must not travel.
 */
export function createTransport(limits: TransportLimits): Transport {
  const agent = new Agent({
    connections: limits.connections,
    connect: { timeout: limits.timeoutMs },
    headersTimeout: limits.timeoutMs,
    bodyTimeout: limits.timeoutMs,
    maxHeaderSize: 64 * 1024,
  });

  return {
    async send(request) {
      let httpStatus: number | null = null;
      try {
        const { origin, pathname, search } = new URL(request.url);
        const response = await agent.request({
          origin,
          path: pathname + search,
          method: request.method,
          headers: { accept: 'application/json', 'user-agent': 'payment-poller', ...request.headers },
          body: request.body ?? null,
        });
        httpStatus = response.statusCode;
        const body = await readBody(response.body, limits);
        return { httpStatus, headers: response.headers, body };
      } catch (error) {
        return { ...faultOf(error), httpStatus };
      }
    },
    close: () => agent.destroy(),
  };
}

type ResponseBody = Awaited<ReturnType<Agent['request']>>['body'];

class TooLarge extends Error {}
class TooSlow extends Error {}

/** The body within the limits. undici's `bodyTimeout` measures silence only, so trickling bytes need a timer of their own. */
async function readBody(stream: ResponseBody, limits: TransportLimits): Promise<Uint8Array> {
  const timer = setTimeout(() => stream.destroy(new TooSlow()), limits.timeoutMs);
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      length += chunk.length;
      if (length > limits.maxBodyBytes) {
        stream.destroy();
        throw new TooLarge();
      }
      chunks.push(chunk);
    }
  } finally {
    clearTimeout(timer);
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, length);
}

function faultOf(error: unknown): Omit<TransportFault, 'httpStatus'> {
  if (error instanceof TooLarge) return { fault: 'too-large', reason: 'answer over the size limit' };
  if (error instanceof TooSlow) return { fault: 'timeout', reason: 'answer not complete in time' };
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  if (code.includes('TIMEOUT')) return { fault: 'timeout', reason: `no answer in time (${code})` };
  return { fault: 'broken', reason: `connection failed (${code})` };
}
