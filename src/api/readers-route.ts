import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Redis } from '../redis/connection.ts';
import { createKeys } from '../redis/keys.ts';
import {
  type HttpReader,
  moveReader,
  readerNamePattern,
  readReader,
  readReaders,
  removeReader,
} from '../results/http-readers.ts';
import { auditRequest } from './audit-request.ts';
import { inTime } from './in-time.ts';
import { problemResponse, sendProblem, usualProblems } from './problem.ts';

export interface ReadersRouteParts {
  readonly redis: Redis;
  readonly prefix: string;
}

export const readerName = z.string().regex(readerNamePattern, 'must have 1 to 64 of A-Z a-z 0-9 . _ -');
const params = z.object({ name: readerName.meta({ example: 'books' }) });
/** 0, or a stream id whose halves Lua compares exactly. */
const position = z
  .string()
  .regex(/^\d{1,15}(-\d{1,15})?$/, 'must be 0 or a stream id such as 1723209757300-0');

const readerSchema = z
  .object({
    name: z.string(),
    acknowledged: z.string().describe('Stream id up to which the reader has handled everything'),
    acknowledgedAt: z.iso.datetime().describe('When it last said so'),
  })
  .meta({
    example: { name: 'books', acknowledged: '1795770013515-0', acknowledgedAt: '2026-11-27T10:00:00.000Z' },
  });
const bodySchema = z
  .strictObject({
    acknowledged: position.describe('`next` of a page, or the `streamid` of the last result handled'),
  })
  .meta({ example: { acknowledged: '1795770013515-0' } });

const noReader = 'There is no reader of this name.';

/** Whether the key of a request may use a reader: it sees all accounts of the key that created it. */
export function mayUseReader({ apiKey }: Pick<FastifyRequest, 'apiKey'>, { accounts }: HttpReader): boolean {
  if (apiKey === null) return false;
  if (apiKey.accounts === null) return true;
  return accounts?.every((account) => apiKey.accounts?.includes(account)) ?? false;
}

/** Readers of results over HTTP, which say up to where they have handled them. */
export function readersRoute({ redis, prefix }: ReadersRouteParts): FastifyPluginAsyncZod {
  const keys = createKeys(prefix);
  const config = { scopes: ['results:read'] as const };
  return async (app) => {
    app.get('/readers', {
      config,
      schema: {
        tags: ['results'],
        summary: 'List the readers',
        response: { 200: z.object({ readers: z.array(readerSchema) }), ...usualProblems },
      },
      handler: async (request) => {
        const all = await inTime(readReaders(redis, keys));
        return { readers: all.filter((reader) => mayUseReader(request, reader)).map(viewOf) };
      },
    });

    app.get('/readers/:name', {
      config,
      schema: {
        tags: ['results'],
        summary: 'Up to where a reader has handled the results',
        params,
        response: { 200: readerSchema, 404: problemResponse('No such reader'), ...usualProblems },
      },
      handler: async (request, reply) => {
        const reader = await inTime(readReader(redis, keys, request.params.name));
        return reader !== null && mayUseReader(request, reader)
          ? viewOf(reader)
          : sendProblem(reply, 404, noReader);
      },
    });

    app.put('/readers/:name', {
      config,
      schema: {
        tags: ['results'],
        summary: 'Acknowledge results, or create a reader',
        description:
          'Everything up to this stream id is handled. Results that a reader has not acknowledged are kept, and counted in ' +
          '`payment_poller_group_lag_entries` as those of the group `http:<name>`. A reader never goes back: an earlier id changes nothing, ' +
          'and the answer has the later one. To read again, send `after`; to start over, delete the reader.',
        params,
        body: bodySchema,
        response: {
          200: readerSchema,
          409: problemResponse('The name belongs to other accounts, or there are too many readers'),
          ...usualProblems,
        },
      },
      handler: async (request, reply) => {
        const { name } = request.params;
        const accounts = request.apiKey?.accounts ?? null;
        const moved = await inTime(moveReader(redis, keys, name, request.body.acknowledged, accounts));
        switch (moved.outcome) {
          case 'moved':
          case 'behind': {
            const { position: acknowledged } = moved;
            return { name, acknowledged, acknowledgedAt: new Date().toISOString() };
          }
          case 'future':
            return sendProblem(reply, 422, 'Correct the request and send it again.', [
              { path: 'acknowledged', message: 'is later than any result; send `next` of a page' },
            ]);
          case 'taken':
            return sendProblem(
              reply,
              409,
              'This name belongs to a reader of other accounts; choose another.',
            );
          case 'full':
            return sendProblem(reply, 409, 'There are 100 readers already; delete those that are not used.');
        }
      },
    });

    app.delete('/readers/:name', {
      config,
      schema: {
        tags: ['results'],
        summary: 'Remove a reader',
        description: 'Results are no longer kept for it.',
        params,
        response: { 204: z.null(), 404: problemResponse('No such reader'), ...usualProblems },
      },
      handler: async (request, reply) => {
        const { name } = request.params;
        const reader = await inTime(readReader(redis, keys, name));
        if (reader === null || !mayUseReader(request, reader)) return sendProblem(reply, 404, noReader);
        await inTime(removeReader(redis, keys, name));
        auditRequest(request, { action: 'reader-removed', outcome: name });
        return reply.code(204).send(null);
      },
    });
  };
}

function viewOf({ name, position: acknowledged, at }: HttpReader): z.infer<typeof readerSchema> {
  return { name, acknowledged, acknowledgedAt: new Date(at).toISOString() };
}
