import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { acknowledge, unacknowledge } from '../orders/acknowledge.ts';
import { noteSchema } from '../orders/acknowledgement.ts';
import type { OrderStore } from '../orders/store.ts';
import { acknowledgedSchema } from '../orders/view.ts';
import { auditRequest } from './audit-request.ts';
import { inTime } from './in-time.ts';
import { noSuchOrder, orderParams, readFor } from './order-access.ts';
import { problemResponse, sendProblem, usualProblems } from './problem.ts';

type App = Parameters<FastifyPluginAsyncZod>[0];

const path = '/orders/:orderId/acknowledgement';

/** `POST` and `DELETE /orders/:orderId/acknowledgement` */
export function serveAcknowledgement(app: App, { store }: { readonly store: OrderStore }): void {
  app.post(path, {
    config: { scopes: ['operator'] },
    schema: {
      tags: ['orders'],
      summary: 'Acknowledge a verdict that needs attention',
      description:
        'For an `unresolved` verdict, or one that may still change. The verdict on the stream does not change and the order is polled as before; it no longer counts as unresolved money. A later verdict needs attention again.',
      params: orderParams,
      body: z.object({
        note: noteSchema.describe('What was done about it'),
        stateversion: z
          .int()
          .min(1)
          .optional()
          .describe('The version that was looked at: a later one is not acknowledged'),
      }),
      response: {
        200: z.object({
          orderId: z.string(),
          outcome: z.enum(['acknowledged', 'same']),
          acknowledged: acknowledgedSchema,
        }),
        404: problemResponse('No such order'),
        409: problemResponse(
          '`no-verdict`, `final-verdict`: there is nothing to acknowledge; `verdict-changed`: look at the order again',
        ),
        ...usualProblems,
      },
    },
    handler: async (request, reply) => {
      const { orderId } = request.params;
      const { note, stateversion } = request.body;
      const action = 'order-acknowledged';
      if ((await readFor(store, request, orderId)) === null) {
        auditRequest(request, { action, outcome: 'unknown-order', orderId });
        return sendProblem(reply, 404, noSuchOrder);
      }
      const by = request.apiKey?.name ?? 'unknown';
      const result = await inTime(acknowledge(store, orderId, { by, at: Date.now(), note }, stateversion));
      auditRequest(request, { action, outcome: result.outcome, orderId });
      switch (result.outcome) {
        case 'acknowledged':
        case 'same': {
          const { at, ...rest } = result.acknowledgement;
          const acknowledged = { ...rest, at: new Date(at).toISOString() };
          return reply.send({ orderId, outcome: result.outcome, acknowledged });
        }
        case 'gone':
          return sendProblem(reply, 404, noSuchOrder);
        case 'no-verdict':
        case 'final':
        case 'changed':
          return sendProblem(reply, 409, refusals[result.outcome].detail, undefined, {
            kind: refusals[result.outcome].kind,
          });
      }
    },
  });

  app.delete(path, {
    config: { scopes: ['operator'] },
    schema: {
      tags: ['orders'],
      summary: 'Take an acknowledgement back',
      params: orderParams,
      response: {
        200: z.object({
          orderId: z.string(),
          outcome: z.enum(['removed', 'none']).describe('`none`: the last verdict was not acknowledged'),
        }),
        404: problemResponse('No such order'),
        ...usualProblems,
      },
    },
    handler: async (request, reply) => {
      const { orderId } = request.params;
      const action = 'acknowledgement-removed';
      if ((await readFor(store, request, orderId)) === null) {
        auditRequest(request, { action, outcome: 'unknown-order', orderId });
        return sendProblem(reply, 404, noSuchOrder);
      }
      const outcome = await inTime(unacknowledge(store, orderId));
      auditRequest(request, { action, outcome, orderId });
      return outcome === 'gone' ? sendProblem(reply, 404, noSuchOrder) : reply.send({ orderId, outcome });
    },
  });
}

const refusals = {
  'no-verdict': { kind: 'no-verdict', detail: 'The order has no verdict yet.' },
  final: { kind: 'final-verdict', detail: 'The verdict is final; there is nothing to acknowledge.' },
  changed: {
    kind: 'verdict-changed',
    detail: 'The verdict has changed since; look at the order again, then acknowledge what it says now.',
  },
} as const;
