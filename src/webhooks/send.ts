import type { Dispatcher } from 'undici';
import { Agent } from '../providers/agent.ts';
import type { AddressGuard } from './address-guard.ts';

/** The outcome of one request to an endpoint. `answer` consists of our own words and is safe to show. */
export type SendOutcome =
  | { readonly kind: 'delivered'; readonly answer: string }
  /** 410: the endpoint wants no more webhooks. */
  | { readonly kind: 'gone'; readonly answer: string }
  | { readonly kind: 'failed'; readonly answer: string; readonly retryAfterMs: number }
  /** The sender was closed while the request was under way. */
  | { readonly kind: 'aborted' };

/** Sends webhooks to one endpoint. Never throws. */
export interface WebhookSender {
  send(headers: { readonly [name: string]: string }, body: string): Promise<SendOutcome>;
  /** Aborts the requests under way. */
  close(): Promise<void>;
}

export interface SenderOptions {
  readonly url: string;
  readonly guard: AddressGuard;
  /** How long an endpoint may take to answer, from the beginning of the attempt, in ms. */
  readonly timeoutMs: number;
  readonly connections: number;
}

/** An answer's body means nothing. More of it is not read: the connection is closed instead. */
const maxBodyBytes = 16 * 1024;
/** Longest delay that an endpoint may ask for. */
const maxRetryAfterMs = 3_600_000;

/** Creates a sender with a connection pool of its own. Redirects are not followed. */
export function createWebhookSender({ url, guard, timeoutMs, connections }: SenderOptions): WebhookSender {
  const target = new URL(url);
  const agent = new Agent({
    connections,
    connect: { timeout: timeoutMs, lookup: guard.lookupFor(target) },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxHeaderSize: 16 * 1024,
  });
  const closing = new AbortController();

  return {
    send(headers, body) {
      const refused = guard.refusalOfHost(target);
      if (refused !== null) return Promise.resolve(failed(`not sent: ${refused}`));
      return new Promise((resolve) => {
        const answer = new AnswerHandler(resolve, timeoutMs, closing.signal);
        try {
          const { origin, pathname, search } = target;
          agent.dispatch({ origin, path: pathname + search, method: 'POST', headers, body }, answer);
        } catch (error) {
          answer.onResponseError(null, error as Error);
        }
      });
    },
    close() {
      closing.abort();
      return agent.destroy();
    },
  };
}

/** Resolves with the outcome as soon as the status is known; the rest of the answer is discarded. */
class AnswerHandler implements Dispatcher.DispatchHandler {
  readonly #resolve: (outcome: SendOutcome) => void;
  readonly #timeoutMs: number;
  #timer: NodeJS.Timeout;
  readonly #closing: AbortSignal;
  readonly #onClose = () => this.#end({ kind: 'aborted' });
  #controller: Dispatcher.DispatchController | null = null;
  #isSettled = false;
  #bytes = 0;

  constructor(resolve: (outcome: SendOutcome) => void, timeoutMs: number, closing: AbortSignal) {
    this.#resolve = resolve;
    this.#timeoutMs = timeoutMs;
    this.#closing = closing;
    // One limit for everything: resolving the name, connecting, sending, and headers that trickle in.
    this.#timer = setTimeout(() => this.#end(failed(`no answer within ${timeoutMs} ms`), true), timeoutMs);
    closing.addEventListener('abort', this.#onClose, { once: true });
    if (closing.aborted) this.#onClose();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isSettled) controller.abort(new Error('The attempt is over.'));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: { readonly [name: string]: string | readonly string[] | undefined },
  ): void {
    if (status < 200) return;
    this.#end(outcomeOf(status, headers['retry-after']));
    // A body that trickles in would occupy the connection for good.
    this.#timer = setTimeout(() => controller.abort(new Error('The body is too slow.')), this.#timeoutMs);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#bytes > maxBodyBytes) controller.abort(new Error('The body is not needed.'));
  }

  onResponseEnd(): void {
    clearTimeout(this.#timer);
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    clearTimeout(this.#timer);
    this.#end(failed(reasonOf(error)));
  }

  #end(outcome: SendOutcome, abort = false): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.#closing.removeEventListener('abort', this.#onClose);
    this.#resolve(outcome);
    if (abort) this.#controller?.abort(new Error('The endpoint did not answer in time.'));
  }
}

function outcomeOf(status: number, retryAfter: string | readonly string[] | undefined): SendOutcome {
  const answer = `HTTP ${status}`;
  if (status < 300) return { kind: 'delivered', answer };
  if (status < 400) return failed(`${answer}: redirects are not followed; configure the final URL`);
  if (status === 410) return { kind: 'gone', answer };
  return { kind: 'failed', answer, retryAfterMs: retryAfterMsOf(retryAfter) };
}

/** `Retry-After` in ms: seconds or an HTTP date. 0 if absent or invalid. */
function retryAfterMsOf(header: string | readonly string[] | undefined): number {
  const text = typeof header === 'string' ? header.trim() : '';
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), maxRetryAfterMs) : 0;
}

function failed(answer: string): SendOutcome {
  return { kind: 'failed', answer, retryAfterMs: 0 };
}

/** Only the code of an error: messages may contain the URL. */
function reasonOf(error: Error): string {
  if (error.name === 'AddressRefusedError') return `not sent: ${error.message}`;
  const code = 'code' in error ? String(error.code) : 'unknown';
  return code.includes('TIMEOUT') ? `no answer in time (${code})` : `connection failed (${code})`;
}
