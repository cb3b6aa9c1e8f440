import { Agent, type OutgoingHttpHeaders, request } from 'node:http';

/** What a provider sends of its own accord. */
export interface Push {
  /** Default POST. A GET sends `query` and no body. */
  readonly method?: 'POST' | 'PUT' | 'GET';
  /** Without its question mark. */
  readonly query?: string;
  /** JSON. */
  readonly body: string;
  readonly headers?: OutgoingHttpHeaders;
}

/** A push on its way to the merchant. */
export interface Post extends Push {
  readonly url: string;
}

/** Sends results and callbacks, each once: a post that fails is lost, as it often is in life. */
export interface Posts {
  /** Sends now; resolves to whether a 2xx came back, and never rejects. */
  send(post: Post): Promise<boolean>;
  /** Runs a step after a delay by the real clock; dropped when the simulator closes first. */
  after(delayMs: number, step: () => void): void;
  close(): void;
}

const answerTimeoutMs = 10_000;
const maxSockets = 256;

/** Makes the sender, with its own keep-alive connections. */
export function createPosts(): Posts {
  const agent = new Agent({ keepAlive: true, maxSockets });
  const timers = new Set<NodeJS.Timeout>();
  let closed = false;
  return {
    send(post) {
      return closed ? Promise.resolve(false) : deliver(agent, post);
    },
    after(delayMs, step) {
      if (closed) return;
      const timer = setTimeout(() => {
        timers.delete(timer);
        step();
      }, delayMs);
      timers.add(timer);
    },
    close() {
      closed = true;
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      agent.destroy();
    },
  };
}

function deliver(agent: Agent, { url, method = 'POST', query, body, headers }: Post): Promise<boolean> {
  return new Promise((resolve) => {
    const target = query === undefined ? url : `${url}?${query}`;
    const content = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const outgoing = request(target, {
      agent,
      method,
      timeout: answerTimeoutMs,
      headers: { ...(method === 'GET' ? {} : content), ...headers },
    });
    outgoing.on('response', (response) => {
      const { statusCode = 0 } = response;
      response.resume();
      response.on('end', () => resolve(statusCode >= 200 && statusCode < 300));
    });
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', () => resolve(false));
    outgoing.on('close', () => resolve(false)); // No whole answer; after one this changes nothing.
    outgoing.end(method === 'GET' ? undefined : body);
  });
}
