import type { Dispatcher } from 'undici';
import { Agent } from './agent.ts';
import { decodeBody } from './content-coding.ts';
import { LocalFault, localFaultOf } from './local-fault.ts';
import type { ProviderAnswer, ProviderRequest } from './provider.ts';
import { createStallWatch } from './stall-watch.ts';

/** Bounds on what a provider may cost us. */
export interface TransportLimits {
  /** For the headers, for silence within the body, and for the body as long as bytes keep coming. */
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

/**
 * Sends one request and reads the whole answer. Never throws for anything the other side does.
 *
 * `send` throws a `LocalFault` when the fault is on our side, as for all requests under way when it is closed.
 */
export interface Transport {
  send(request: ProviderRequest): Promise<ProviderAnswer | TransportFault>;
  close(): Promise<void>;
}

/**
 * HTTP over a keep-alive pool per origin, read by a handler of our own: undici's `request` costs half as much again, `fetch`
 * five times as much (docs/engine.md section 4).
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
  const stalls = createStallWatch();
  let isClosed = false;

  /** The fault of the other side; ours is thrown. */
  function judge(error: unknown): Omit<TransportFault, 'httpStatus'> {
    if (isClosed) throw new LocalFault('The request was given up: this process stops.', true, error);
    const local = localFaultOf(error);
    if (local !== null) throw local;
    const fault = faultOf(error);
    if (fault.fault === 'timeout' && stalls.hasJustStalled()) {
      throw new LocalFault('This process stood still for too long to see the answer in time.', false, error);
    }
    return fault;
  }

  return {
    send: ({ url, method, headers, body }) =>
      new Promise((resolve, reject) => {
        const failed = (error: unknown, httpStatus: number | null) => {
          try {
            resolve({ ...judge(error), httpStatus });
          } catch (local) {
            reject(local);
          }
        };
        const reader = new AnswerReader(limits, resolve, failed);
        try {
          const { origin, pathname, search } = new URL(url);
          const allHeaders = { ...ownHeaders, ...headers };
          const request = {
            origin,
            path: pathname + search,
            method,
            headers: allHeaders,
            body: body ?? null,
          };
          agent.dispatch(request, reader);
        } catch (error) {
          failed(error, null);
        }
      }),
    close() {
      isClosed = true;
      stalls.close();
      return agent.destroy();
    },
  };
}

const ownHeaders = {
  accept: 'application/json',
  'accept-encoding': 'identity',
  'user-agent': 'payment-poller',
};

class TooLarge extends Error {}
class TooSlow extends Error {}

/** Gathers one answer within the limits. */
class AnswerReader implements Dispatcher.DispatchHandler {
  readonly #limits: TransportLimits;
  readonly #done: (answer: ProviderAnswer | TransportFault) => void;
  readonly #failed: (error: unknown, httpStatus: number | null) => void;
  readonly #chunks: Uint8Array[] = [];
  #length = 0;
  #httpStatus: number | null = null;
  #headers: ProviderAnswer['headers'] = {};
  #bodyBeganAt = 0;

  constructor(
    limits: TransportLimits,
    done: (answer: ProviderAnswer | TransportFault) => void,
    failed: (error: unknown, httpStatus: number | null) => void,
  ) {
    this.#limits = limits;
    this.#done = done;
    this.#failed = failed;
  }

  // undici takes a handler without it for one of its older interface.
  onRequestStart(): void {}

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    httpStatus: number,
    headers: ProviderAnswer['headers'],
  ): void {
    if (httpStatus < 200) return;
    this.#httpStatus = httpStatus;
    this.#headers = headers;
    this.#bodyBeganAt = performance.now();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#length += chunk.length;
    this.#chunks.push(chunk);
    if (this.#length > this.#limits.maxBodyBytes) controller.abort(new TooLarge());
    // undici's `bodyTimeout` measures silence only, and trickling bytes could go on for ever.
    else if (performance.now() - this.#bodyBeganAt > this.#limits.timeoutMs) controller.abort(new TooSlow());
  }

  onResponseEnd(): void {
    const [first] = this.#chunks;
    const sent = this.#chunks.length === 1 && first ? first : Buffer.concat(this.#chunks, this.#length);
    const answer = { httpStatus: this.#httpStatus ?? 0, headers: this.#headers, body: sent };
    this.#done(decodeAnswer(answer, this.#limits.maxBodyBytes));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#failed(error, this.#httpStatus);
  }
}

/** The answer with its body decoded. One that cannot be still has its status, which says enough where it is an error. */
export function decodeAnswer(answer: ProviderAnswer, maxBytes: number): ProviderAnswer | TransportFault {
  const { httpStatus, headers } = answer;
  const body = decodeBody(headers['content-encoding'], answer.body, maxBytes);
  if (body === answer.body) return answer;
  if (!('fault' in body)) return { httpStatus, headers, body };
  return httpStatus >= 200 && httpStatus < 300
    ? { ...body, httpStatus }
    : { httpStatus, headers, body: new Uint8Array() };
}

function faultOf(error: unknown): Omit<TransportFault, 'httpStatus'> {
  if (error instanceof TooLarge) return { fault: 'too-large', reason: 'answer over the size limit' };
  if (error instanceof TooSlow) return { fault: 'timeout', reason: 'answer not complete in time' };
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  if (code.includes('TIMEOUT')) return { fault: 'timeout', reason: `no answer in time (${code})` };
  return { fault: 'broken', reason: `connection failed (${code})` };
}
