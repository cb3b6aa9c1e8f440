import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { InvalidPlaceError, type SearchParts, searchOrders } from '../orders/search.ts';
import { orderSummarySchema, summaryOf } from '../orders/view.ts';
import { seesAccount } from './api-keys.ts';
import type { Cursors } from './cursors.ts';
import { exampleSummary } from './examples.ts';
import { inTime } from './in-time.ts';
import { sendProblem, usualProblems } from './problem.ts';
import { filterOf, searchQuerySchema } from './search-query.ts';

export interface SearchRouteParts {
  readonly search: SearchParts;
  readonly cursors: Cursors;
}

const foundSchema = z
  .object({
    orders: z.array(orderSummarySchema),
    next: z
      .string()
      .nullable()
      .describe(
        'Send it as `cursor` for the next page; `null` at the end. A page may be short or empty and have one: each request examines a limited number of orders',
      ),
  })
  .meta({ example: { orders: [exampleSummary], next: null } });

/** `GET /orders`: search and list. */
export function ordersSearchRoute({ search, cursors }: SearchRouteParts): FastifyPluginAsyncZod {
  return async (app) => {
    app.get('/orders', {
      config: { scopes: ['orders:read'] },
      schema: {
        tags: ['orders'],
        summary: 'Find orders, or list them, latest first',
        description:
          'Every filter that is given must hold. `metadata.<key>=<value>` finds orders by their metadata, for example `metadata.basket=7`; ' +
          'keys in `INDEXED_METADATA` are looked up, others are searched for order by order. With `reference`, `receipt` or indexed metadata ' +
          'over several accounts, the orders are listed account by account. `GET /v1/orders/{orderId}` has the history of an order.',
        querystring: searchQuerySchema,
        response: { 200: foundSchema, ...usualProblems },
      },
      handler: async (request, reply) => {
        const { cursor, limit, ...query } = request.query;
        if (query.account !== undefined && !seesAccount(request, query.account))
          return sendProblem(reply, 403, 'This API key is not for this account.');
        const accounts = request.apiKey?.accounts ?? null;
        const asked = JSON.stringify([Object.entries(query).sort(), accounts]);
        const after = cursor === undefined ? null : await inTime(cursors.open(cursor, asked));
        if (cursor !== undefined && after === null) return refuseCursor(reply);
        try {
          const filter = filterOf(request.query, accounts);
          const { records, next } = await inTime(searchOrders(search, filter, limit, after));
          return {
            orders: records.map(summaryOf),
            next: next === null ? null : await inTime(cursors.seal(next, asked)),
          };
        } catch (error) {
          if (error instanceof InvalidPlaceError) return refuseCursor(reply);
          throw error;
        }
      },
    });
  };
}

function refuseCursor(reply: Parameters<typeof sendProblem>[0]) {
  const message = 'belongs to another search, or is not one; leave it out to begin again';
  return sendProblem(reply, 422, 'Begin the list again.', [{ path: 'cursor', message }]);
}
