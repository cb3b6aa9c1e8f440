import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { sendProblem } from '../problem.ts';
import type { Sections } from './overview-page.ts';

export interface PageEventsParts {
  /** A new rendering of the live parts. */
  render(now: number): Promise<Sections>;
  /** Whether the login of a reader is still valid. */
  isStillValid(request: FastifyRequest): Promise<boolean>;
  readonly everyMs: number;
  /** Aborted when the service stops. */
  readonly stop: AbortSignal;
}

interface Reader {
  /** Consecutive renderings skipped because its buffer was full. */
  missed: number;
  readonly request: FastifyRequest;
  readonly response: ServerResponse;
}

const maxReaders = 100;
/** A reader that has missed this many in a row is disconnected. */
const maxMissed = 5;

/**
 * Adds /events: the live parts of the page as server-sent events. They are rendered once for all readers, and only
 * while there are any.
 */
export function servePageEvents(app: FastifyInstance, parts: PageEventsParts): void {
  const readers = new Set<Reader>();
  let timer: NodeJS.Timeout | undefined;

  async function sendAll(): Promise<void> {
    try {
      const at = Date.now();
      const sections = Object.entries(await parts.render(at)).map(([id, { html }]) => [id, html]);
      const message = `data: ${JSON.stringify({ at, sections: Object.fromEntries(sections) })}\n\n`;
      await Promise.all([...readers].map((reader) => sendTo(reader, message)));
    } catch {
      // Redis is unreachable: the page shows that its figures are out of date, and /health/ready says why.
    }
    schedule();
  }

  async function sendTo(reader: Reader, message: string): Promise<void> {
    const { request, response } = reader;
    // A slow reader misses a rendering; the next one is complete.
    reader.missed = response.writableNeedDrain ? reader.missed + 1 : 0;
    if (!(await parts.isStillValid(request))) response.end('event: ended\ndata: \n\n');
    else if (reader.missed >= maxMissed) response.destroy();
    else if (reader.missed === 0) response.write(message);
  }

  function schedule(): void {
    clearTimeout(timer);
    timer =
      readers.size === 0 || parts.stop.aborted ? undefined : setTimeout(() => void sendAll(), parts.everyMs);
  }

  parts.stop.addEventListener('abort', () => {
    clearTimeout(timer);
    for (const { response } of readers) response.end();
  });

  app.get('/events', { exposeHeadRoute: false, schema: { hide: true } }, (request, reply) => {
    if (readers.size >= maxReaders || parts.stop.aborted) {
      void sendProblem(reply, 503, 'Too many pages are open; reload this one later.');
      return;
    }
    reply.hijack();
    const response = reply.raw;
    response.writeHead(200, {
      ...(reply.getHeaders() as OutgoingHttpHeaders),
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.write('retry: 3000\n\n');
    const reader = { missed: 0, request, response };
    readers.add(reader);
    response.on('close', () => {
      readers.delete(reader);
      if (readers.size === 0) schedule();
    });
    if (readers.size === 1) schedule();
  });
}
