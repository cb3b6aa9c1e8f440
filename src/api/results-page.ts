import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { verdictStatuses } from '../domain/order.ts';
import { cloudEvent, parseEvent, resultEventSchema } from '../domain/result-event.ts';
import type { OrderStore } from '../orders/store.ts';
import type { Redis } from '../redis/connection.ts';
import { createKeys } from '../redis/keys.ts';
import { readReader } from '../results/http-readers.ts';
import { lastStreamId, type Result } from '../results/replay.ts';
import { seesAccount } from './api-keys.ts';
import { exampleStreamId } from './examples.ts';
import { inTime } from './in-time.ts';
import { evidenceFor } from './other-orders.ts';
import { sendProblem } from './problem.ts';
import { mayUseReader } from './readers-route.ts';

export interface ResultsPageParts {
  readonly redis: Redis;
  readonly prefix: string;
  readonly store: Pick<OrderStore, 'read'>;
}

/** Redis counts both halves of an id in 64 bits; 19 digits always fit. */
export const streamId = z
  .string()
  .regex(/^(\d{1,19}(-\d{1,19})?|\$)$/, 'must be 0, $ or a stream id such as 1723209757300-0');

/** Most results on a page. */
export const maxPage = 500;
/** Entries examined for a page: a key for one of many accounts must not have the whole stream read. */
const examinedLimit = 1_000;
const batchSize = 250;
/** An id so far ahead of the last result is a mistake: it would hide all results until then. */
const aheadMs = 60_000;

const eventTypes = verdictStatuses.map((status) => `payment.${status}` as const);
const exampleAt = '2026-11-27T09:00:13.512Z';
/** A result as a page has it. */
export const publishedResultSchema = resultEventSchema.extend({
  type: z.enum(eventTypes).describe('What was published; `data.status` and `data.reason` say more'),
  stateversion: z.string().describe('`version` as a string, as on the stream and in CloudEvents'),
  version: z.int().describe('Version of the result: 1 for the first verdict of its order, then 2, …'),
  streamid: z.string().describe('Stream id: send it to `PUT /v1/readers/{name}` once this result is handled'),
});

export const resultsPageSchema = z
  .object({
    results: z.array(publishedResultSchema),
    next: z
      .string()
      .describe('Send it as `after`; everything up to it was on this page or is of other accounts'),
    more: z.boolean().describe('There are more results already; false: ask again later'),
  })
  .meta({
    example: {
      results: [
        {
          specversion: '1.0',
          id: 'shop-1001:1',
          source: 'payment-poller/jenga',
          type: 'payment.paid',
          subject: 'shop-1001',
          time: exampleAt,
          datacontenttype: 'application/json',
          stateversion: '1',
          version: 1,
          data: {
            ...{ orderId: 'shop-1001', account: 'jenga', provider: 'jenga', reference: 'OR28922980077' },
            ...{
              status: 'paid',
              reason: null,
              amountExpected: '2.00',
              amountReceived: '2.00',
              currency: 'KES',
            },
            ...{ amountVerified: true, receipt: 'SH90HU7FO2', providerStatus: 'Paid', providerMessage: null },
            ...{
              polls: 2,
              answeredPolls: 2,
              lastAnsweredAt: exampleAt,
              createdAt: '2026-11-27T09:00:00.000Z',
            },
            settledAt: exampleAt,
            evidence: [{ source: 'poll', at: exampleAt, httpStatus: 200, reading: 'paid' }],
            metadata: { basket: 7 },
          },
          streamid: exampleStreamId,
        },
      ],
      next: exampleStreamId,
      more: false,
    },
  });

interface PageQuery {
  readonly after?: string | undefined;
  readonly reader?: string | undefined;
  readonly limit: number;
}

/** Whether a request asks for a page, and not for server-sent events. */
export function asksForPage({ headers, query }: FastifyRequest): boolean {
  const accepted = headers.accept ?? '';
  if (/\btext\/event-stream\b/i.test(accepted)) return false;
  if (/\bapplication\/json\b/i.test(accepted)) return true;
  const { after, reader } = query as Partial<PageQuery>;
  return after !== undefined || reader !== undefined;
}

/** Answers with a page of results. */
export async function sendResultsPage(
  { redis, prefix, store }: ResultsPageParts,
  request: FastifyRequest,
  { after, reader, limit }: PageQuery,
  reply: FastifyReply,
) {
  const keys = createKeys(prefix);
  if (after !== undefined && reader !== undefined)
    return sendProblem(reply, 422, 'Give either after or reader.', [
      { path: 'reader', message: 'cannot be combined with after' },
    ]);
  let from = after ?? '0';
  if (reader !== undefined) {
    const known = await inTime(readReader(redis, keys, reader));
    if (known === null || !mayUseReader(request, known))
      return sendProblem(reply, 404, 'There is no reader of this name; PUT /v1/readers/{name} creates it.');
    from = known.position;
  }
  const last = await inTime(lastStreamId(redis, keys.results));
  if (from === '$') from = last;
  if (Number(from.split('-')[0]) > Math.max(Date.now(), Number(last.split('-')[0])) + aheadMs)
    return sendProblem(reply, 422, 'Correct the request and send it again.', [
      { path: 'after', message: 'is later than any result; send `next` of a page, or 0' },
    ]);
  const page = await readPage(redis, keys.results, from, limit, ({ event }) =>
    seesAccount(request, event.data.account),
  );
  const results = await Promise.all(page.results.map((result) => resultFor(store, request, result)));
  return reply.type('application/json').send({
    results: results.map(({ streamId: streamid, event }) => ({
      ...cloudEvent(event),
      streamid,
    })),
    next: page.next,
    more: page.more,
  });
}

interface Page {
  readonly results: readonly Result[];
  readonly next: string;
  readonly more: boolean;
}

/** Reads results after an entry, up to a limit of results and of entries examined. */
async function readPage(
  redis: Redis,
  stream: string,
  after: string,
  limit: number,
  isSeen: (result: Result) => boolean,
): Promise<Page> {
  const results: Result[] = [];
  let next = after;
  for (let examined = 0; examined < examinedLimit; ) {
    const entries = await inTime(
      redis.xrange(stream, `(${next}`, '+', 'COUNT', Math.min(batchSize, limit + 1)),
    );
    if (entries.length === 0) return { results, next, more: false };
    for (const [id, fields] of entries) {
      if (results.length === limit) return { results, next, more: true };
      next = id;
      examined += 1;
      const result = resultOf(id, fields);
      if (result !== null && isSeen(result)) results.push(result);
    }
  }
  return { results, next, more: true };
}

/** `null` for an entry that is not a result of ours: subscribers report it. */
function resultOf(streamId: string, fields: string[]): Result | null {
  try {
    return { streamId, event: parseEvent(fields) };
  } catch {
    return null;
  }
}

/** The result as this key may read it. */
export async function resultFor(
  store: ResultsPageParts['store'],
  request: FastifyRequest,
  { streamId, event }: Result,
): Promise<Result> {
  const evidence = await evidenceFor(store, request, event.data.evidence);
  return { streamId, event: { ...event, data: { ...event.data, evidence } } };
}
