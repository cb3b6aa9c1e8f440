import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ResultEvent } from '../domain/result-event.ts';
import type { PollQueue } from '../jobs/queue.ts';
import { withdrawOrder } from '../jobs/withdraw.ts';
import type { OrderStore } from '../orders/store.ts';
import { auditRequest } from './audit-request.ts';
import { inTime } from './in-time.ts';
import { noSuchOrder, orderParams, readFor } from './order-access.ts';
import { problemResponse, sendProblem, usualProblems } from './problem.ts';

type App = Parameters<FastifyPluginAsyncZod>[0];

export interface WithdrawParts {
  readonly store: OrderStore;
  queue(account: string): PollQueue;
  /** Called for an order that was withdrawn over HTTP. */
  withdrawn(event: ResultEvent): void;
}

/** `DELETE /orders/:orderId` */
export function serveWithdraw(app: App, { store, queue, withdrawn }: WithdrawParts): void {
  app.delete('/orders/:orderId', {
    config: { scopes: ['orders:write', 'operator'] },
    schema: {
      tags: ['orders'],
      summary: 'Stop following an order',
      description:
        'It is not polled any more, and `unresolved/withdrawn` is published as its next version. A paid order stays paid. Proof that is pushed to us later is still published, as a correction. The record is kept.',
      params: orderParams,
      response: {
        200: z.object({
          orderId: z.string(),
          outcome: z.enum(['withdrawn', 'same']).describe('`same`: it was withdrawn before'),
        }),
        404: problemResponse('No such order'),
        409: problemResponse('`order-paid` or `order-closed`: there is nothing to stop. Nothing changed'),
        ...usualProblems,
      },
    },
    handler: async (request, reply) => {
      const { orderId } = request.params;
      const action = 'order-withdrawn';
      if ((await readFor(store, request, orderId)) === null) {
        auditRequest(request, { action, outcome: 'unknown-order', orderId });
        return sendProblem(reply, 404, noSuchOrder);
      }
      const result = await inTime(withdrawOrder(store, queue, orderId));
      auditRequest(request, { action, outcome: result.outcome, orderId });
      switch (result.outcome) {
        case 'withdrawn':
          withdrawn(result.event);
          return reply.send({ orderId, outcome: result.outcome });
        case 'same':
          return reply.send({ orderId, outcome: result.outcome });
        case 'paid':
          return sendProblem(
            reply,
            409,
            'The order is paid and stays paid; refund it if you must.',
            undefined,
            {
              kind: 'order-paid',
            },
          );
        case 'closed':
          return sendProblem(reply, 409, 'The order is closed: it is not polled any more.', undefined, {
            kind: 'order-closed',
          });
        case 'gone':
          return sendProblem(reply, 404, noSuchOrder);
      }
    },
  });
}
