import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { InvalidPlaceError, type SearchParts, searchOrders } from '../orders/search.ts';
import { type OrderSummary, orderSummarySchema, summaryOf } from '../orders/view.ts';
import { seesAccount } from './api-keys.ts';
import type { Cursors } from './cursors.ts';
import { inTime } from './in-time.ts';
import { sendProblem, usualProblems } from './problem.ts';
import { filterOf, searchQuerySchema } from './search-query.ts';

export interface SearchRouteParts {
  readonly search: SearchParts;
  readonly cursors: Cursors;
}

const exampleOrder: OrderSummary = {
  orderId: 'shop-1001',
  account: 'jenga',
  provider: 'jenga',
  reference: 'OR28922980077',
  amount: '2.00',
  currency: 'KES',
  amountVerified: true,
  receipt: 'SH90HU7FO2',
  amountReceived: '2.00',
  createdAt: '2026-11-27T09:00:00.000Z',
  deadlineAt: '2026-11-27T09:10:00.000Z',
  phase: 'closed',
  status: 'paid',
  reason: null,
  stateversion: 1,
  settledAt: '2026-11-27T09:00:13.512Z',
  polls: 2,
  answeredPolls: 2,
  lastPolledAt: '2026-11-27T09:00:13.498Z',
  lastAnsweredAt: '2026-11-27T09:00:13.498Z',
  nextPollAt: null,
  acknowledged: null,
  withdrawnAt: null,
  metadata: { basket: 7 },
};

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
  .meta({ example: { orders: [exampleOrder], next: null } });

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
