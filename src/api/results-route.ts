import { once } from 'node:events';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { cloudEvent } from '../domain/result-event.ts';
import type { OrderStore } from '../orders/store.ts';
import type { Redis } from '../redis/connection.ts';
import { createKeys } from '../redis/keys.ts';
import { lastStreamId, type Result, readResults } from '../results/replay.ts';
import type { ResultsHub } from '../results/results-hub.ts';
import { callerOf, isExpired, seesAccount } from './api-keys.ts';
import { createPlaces } from './places.ts';
import { problemResponse, sendProblem, usualProblems } from './problem.ts';
import { readerName } from './readers-route.ts';
import {
  asksForPage,
  maxPage,
  resultFor,
  resultsPageSchema,
  sendResultsPage,
  streamId,
} from './results-page.ts';

export interface ResultsRouteParts {
  readonly redis: Redis;
  readonly prefix: string;
  readonly hub: ResultsHub;
  readonly store: Pick<OrderStore, 'read'>;
  /** Event streams that one key may follow at once. */
  readonly streamsPerKey: number;
  /** A reader that takes nothing for so long is dropped. Default 10 000. */
  readonly writeMs?: number;
  /** Aborted when the service stops. */
  readonly stop: AbortSignal;
}

/** Keeps proxies from closing an idle stream, and finds readers that are gone. */
const heartbeatMs = 15_000;
/** Over all keys. */
const maxReaders = 200;
const defaultWriteMs = 10_000;

/** The results as server-sent events; `Last-Event-ID` goes on where a reader left off. */
export function resultsRoute(parts: ResultsRouteParts): FastifyPluginAsyncZod {
  const places = createPlaces({ all: maxReaders, perCaller: parts.streamsPerKey });
  return async (app) => {
    app.get('/results', {
      // It would hold a reader's place for ever, and tell nothing.
      exposeHeadRoute: false,
      config: { scopes: ['results:read'] },
      schema: {
        tags: ['results'],
        summary: 'Follow the verdicts as server-sent events, or read them page by page',
        description:
          'With `Accept: application/json`: one page of results, those after the stream id `after`, oldest first; send `next` as `after` ' +
          'for the page that follows. `reader` continues after what this reader has acknowledged. Otherwise server-sent events: every event is one entry of the results stream: `id` its stream id, `event` its type, `data` the CloudEvent as JSON. ' +
          'Send `Last-Event-ID` (or `from`) to go on after an entry; `0` starts at the beginning, default is from now on.',
        querystring: z.object({
          from: streamId.optional().describe('Server-sent events: start after this entry'),
          after: streamId.optional().describe('Pages: results after this entry; default `0`, the beginning'),
          reader: readerName.optional().describe('Pages: results after what this reader has acknowledged'),
          limit: z.coerce.number().int().min(1).max(maxPage).default(100).describe('Pages: most results'),
        }),
        headers: z.object({ 'last-event-id': streamId.optional() }),
        response: {
          200: {
            description: 'A page of results, or a stream of events',
            content: {
              'application/json': { schema: resultsPageSchema },
              'text/event-stream': { schema: z.string() },
            },
          },
          404: problemResponse('No such reader'),
          ...usualProblems,
          503: problemResponse('Too many readers, or Redis cannot tell the results now'),
        },
      },
      handler: async (request, reply) => {
        if (asksForPage(request)) return sendResultsPage(parts, request, request.query, reply);
        const place = places.take(callerOf(request));
        if (place === 'caller') {
          reply.header('retry-after', 5);
          return sendProblem(reply, 429, 'This key has too many event streams open; close one.');
        }
        if (place === 'all')
          return sendProblem(reply, 503, 'Too many event streams are open; try again later.');
        try {
          const from = request.headers['last-event-id'] ?? request.query.from ?? '$';
          // Known before the reader learns that it listens: "from now on" means from then on.
          const start =
            from === '$' ? await lastStreamId(parts.redis, createKeys(parts.prefix).results) : from;
          if (reply.sent) return;
          reply.hijack();
          const response = reply.raw;
          response.writeHead(200, {
            ...(reply.getHeaders() as OutgoingHttpHeaders),
            'content-type': 'text/event-stream',
            'cache-control': 'no-store',
            'x-accel-buffering': 'no',
            // Nothing comes after it on this connection.
            connection: 'close',
          });
          response.write(': payment-poller results\n\n');
          await follow(request, response, start, parts).finally(() => response.end());
        } finally {
          place();
        }
      },
    });
  };
}

/** Sends what the stream holds of the key's accounts, then what comes, until the reader, its key or the service goes. */
async function follow(
  request: FastifyRequest,
  response: ServerResponse,
  start: string,
  { redis, prefix, hub, store, stop, writeMs = defaultWriteMs }: ResultsRouteParts,
) {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  // What is written to a reader that has just gone is lost, and no error of ours.
  response.on('error', () => gone.abort());
  const ended = AbortSignal.any([gone.signal, stop]);
  let news = Promise.withResolvers<void>();
  const off = hub.onAny(() => news.resolve());
  ended.addEventListener('abort', () => news.resolve(), { once: true });
  const mayRead = () => request.apiKey !== null && !isExpired(request.apiKey, Date.now());
  const heartbeat = setInterval(() => {
    if (!mayRead()) gone.abort();
    else if (!response.writableNeedDrain) response.write(': still here\n\n');
  }, heartbeatMs);
  try {
    let position = start;
    while (!ended.aborted && mayRead()) {
      news = Promise.withResolvers<void>();
      for await (const result of readResults({
        redis,
        prefix,
        from: position,
        signal: ended,
        // Passed over once, not anew with every result that follows.
        onInvalid: (streamId) => {
          position = streamId;
        },
      })) {
        position = result.streamId;
        if (!seesAccount(request, result.event.data.account)) continue;
        if (!mayRead()) return;
        if (!response.write(toServerSentEvent(await resultFor(store, request, result))) && !ended.aborted) {
          await drained(response, ended, writeMs);
        }
      }
      if (!ended.aborted) await news.promise;
    }
  } finally {
    clearInterval(heartbeat);
    off();
  }
}

/** Waits until the reader has taken what was sent; one that takes nothing is hung up on, or it would keep its place for ever. */
async function drained(response: ServerResponse, ended: AbortSignal, writeMs: number): Promise<void> {
  const late = setTimeout(() => response.destroy(), writeMs);
  await once(response, 'drain', { signal: ended }).catch(() => {});
  clearTimeout(late);
}

function toServerSentEvent({ streamId: id, event }: Result): string {
  const data = JSON.stringify(cloudEvent(event));
  return `id: ${id}\nevent: ${event.type}\ndata: ${data}\n\n`;
}
