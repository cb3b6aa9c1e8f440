import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from '../redis/connection.ts';
import { type Result, readResults } from './replay.ts';

/** Reads the results stream once for all listeners in this process. */
export interface ResultsHub {
  /** Calls back for every new result of an order, until the returned function is called. */
  onOrder(orderId: string, listener: (result: Result) => void): () => void;
  /** Calls back after every new result, until the returned function is called. */
  onAny(listener: () => void): () => void;
  close(): Promise<void>;
}

const retryMs = 250;

export function createResultsHub(redis: Redis, prefix: string): ResultsHub {
  const emitter = new EventEmitter().setMaxListeners(0);
  const closing = new AbortController();
  const running = listen();

  async function listen(): Promise<void> {
    let position = '$';
    while (!closing.signal.aborted) {
      try {
        await listenFrom(position, (reached) => {
          position = reached;
        });
      } catch {
        // Readiness reports what is wrong with Redis; the next round continues from the same position.
        await delay(retryMs, undefined, { signal: closing.signal }).catch(() => {});
      }
    }
  }

  async function listenFrom(from: string, reached: (position: string) => void): Promise<void> {
    const results = readResults({
      redis,
      prefix,
      from,
      follow: true,
      signal: closing.signal,
      // Subscribers report entries that are not ours; here they are only skipped.
      onInvalid: reached,
    });
    for await (const result of results) {
      reached(result.streamId);
      emitter.emit(`order:${result.event.subject}`, result);
      emitter.emit('any');
    }
  }

  function on(name: string, listener: (result: Result) => void): () => void {
    emitter.on(name, listener);
    return () => emitter.off(name, listener);
  }

  return {
    onOrder: (orderId, listener) => on(`order:${orderId}`, listener),
    onAny: (listener) => on('any', listener),
    async close() {
      closing.abort();
      await running;
    },
  };
}
