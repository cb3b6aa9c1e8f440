import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { orderIdPattern } from '../domain/order.ts';
import { pollNow } from '../jobs/poll-now.ts';
import type { Producer } from '../jobs/producer.ts';
import { orderInputSchema } from '../jobs/validate-order.ts';
import { orderViewSchema } from '../orders/view.ts';
import type { ResultsHub } from '../results/results-hub.ts';
import { serveAcknowledgement } from './acknowledgement-routes.ts';
import { callerOf, seesAccount } from './api-keys.ts';
import { auditRequest } from './audit-request.ts';
import { awaitVerdict } from './await-verdict.ts';
import { inTime, redisMs } from './in-time.ts';
import { noSuchOrder, orderParams, readFor, type ViewParts, viewFor } from './order-access.ts';
import { mayKnow } from './other-orders.ts';
import { createPlaces } from './places.ts';
import { problemResponse, sendProblem, usualProblems } from './problem.ts';
import { serveWithdraw, type WithdrawParts } from './withdraw-route.ts';

export interface OrdersParts extends WithdrawParts, ViewParts {
  readonly producer: Producer;
  readonly hub: ResultsHub;
  minHintIntervalMs(account: string): number;
  /** Requests with `wait` of one key that may wait at once. */
  readonly waitsPerKey: number;
  /** Aborted when the service stops: waiting requests are answered then. */
  readonly stop: AbortSignal;
}

const enqueuedSchema = z
  .object({
    orderId: z.string(),
    outcome: z.enum(['new', 'same']),
    sharesReferenceWith: z
      .array(z.string())
      .optional()
      .describe('Open orders with the same reference: the first of them to be paid owns the payment'),
  })
  .meta({ example: { orderId: 'shop-1001', outcome: 'new' } });
const maxWaitSeconds = 60;
/** Over all keys. */
const maxWaits = 2_000;
/** The longest wait, and the time to read the order before and after it. */
const waitHandlerMs = maxWaitSeconds * 1_000 + 3 * redisMs;

type App = Parameters<FastifyPluginAsyncZod>[0];

/** The routes of orders: submit one, look it up, poll it now, withdraw it, acknowledge its verdict. */
export function ordersRoutes(parts: OrdersParts): FastifyPluginAsyncZod {
  return async (app) => {
    serveSubmit(app, parts);
    serveOrder(app, parts);
    servePollNow(app, parts);
    serveWithdraw(app, parts);
    serveAcknowledgement(app, parts);
  };
}

/** `POST /orders` */
function serveSubmit(app: App, parts: OrdersParts): void {
  app.post('/orders', {
    config: { scopes: ['orders:write'] },
    // The handler reports all faults at once, including those that only the account's provider can see.
    validatorCompiler: () => (value) => ({ value }),
    schema: {
      tags: ['orders'],
      summary: 'Submit a pending order',
      description: 'Acknowledged once it is in Redis. Submitting the same order again is safe.',
      body: orderInputSchema,
      response: {
        201: enqueuedSchema.describe('New, and followed from now on'),
        200: enqueuedSchema.describe('The same order again; nothing changed'),
        400: problemResponse('Not JSON'),
        409: problemResponse(
          '`order-conflict`: this orderId stands for other facts; `reference-in-use`: the order `orderId` was paid under this reference. Nothing changed',
        ),
        413: problemResponse('More than 64 KiB'),
        415: problemResponse('Not application/json'),
        ...usualProblems,
      },
    },
    handler: async (request, reply) => {
      const account = accountOf(request.body);
      // The same answer whether the account exists or not: this key is not to learn that.
      const action = 'order-submitted';
      if (account !== null && !seesAccount(request, account)) {
        auditRequest(request, { action, outcome: 'foreign-account' });
        return sendProblem(
          reply,
          403,
          `This API key is for the account ${request.apiKey?.accounts?.join(' or ')} only.`,
        );
      }
      const result = await parts.producer.enqueue(request.body);
      const { outcome, orderId } = result;
      // What is no order id may be anything.
      const known = orderId !== null && orderIdPattern.test(orderId) ? orderId : undefined;
      auditRequest(request, { action, outcome, orderId: known });
      switch (result.outcome) {
        case 'new':
        case 'same':
          return reply.code(result.outcome === 'new' ? 201 : 200).send({
            orderId: result.orderId,
            outcome: result.outcome,
            ...(result.sharesReferenceWith && { sharesReferenceWith: [...result.sharesReferenceWith] }),
          });
        case 'conflict':
          return sendProblem(
            reply,
            409,
            'Use another orderId, or the facts of the first time.',
            result.faults,
            { kind: 'order-conflict' },
          );
        case 'reference-in-use':
          if (!(await mayKnow(parts.store, request, result.usedBy))) {
            const detail = 'Another order was paid by this payment; start another payment for this order.';
            return sendProblem(
              reply,
              409,
              detail,
              [{ path: 'reference', message: 'already paid another order' }],
              {
                kind: 'reference-in-use',
              },
            );
          }
          return sendProblem(
            reply,
            409,
            `Order ${result.usedBy} was paid by this payment; start another payment for this order.`,
            result.faults,
            { kind: 'reference-in-use', orderId: result.usedBy },
          );
        case 'invalid':
          return sendProblem(reply, 422, 'Correct the order and submit it again.', result.faults);
      }
    },
  });
}

/** `GET /orders/:orderId`, with and without `wait`. */
function serveOrder(app: App, parts: OrdersParts): void {
  const places = createPlaces({ all: maxWaits, perCaller: parts.waitsPerKey });
  app.get('/orders/:orderId', {
    config: { scopes: ['orders:read'] },
    handlerTimeout: waitHandlerMs,
    schema: {
      tags: ['orders'],
      summary: 'What is known of an order, and why',
      params: orderParams,
      querystring: z.object({
        wait: z.coerce
          .number()
          .min(0)
          .max(maxWaitSeconds)
          .default(0)
          .describe('Hold the answer until a verdict, at most so many seconds'),
        after: z.coerce
          .number()
          .int()
          .min(0)
          .default(0)
          .describe('With `wait`: until a verdict newer than this stateversion'),
      }),
      response: { 200: orderViewSchema, 404: problemResponse('No such order'), ...usualProblems },
    },
    handler: async (request, reply) => {
      const { wait, after } = request.query;
      const { orderId } = request.params;
      if (wait === 0) {
        const record = await readFor(parts.store, request, orderId);
        return record === null ? sendProblem(reply, 404, noSuchOrder) : viewFor(parts, request, record);
      }
      const place = places.take(callerOf(request));
      if (typeof place === 'string') {
        reply.header('retry-after', 1);
        return sendProblem(
          reply,
          429,
          'Too many requests are waiting already; wait for fewer orders at a time.',
        );
      }
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const read = () => readFor(parts.store, request, orderId);
      const record = await awaitVerdict(parts.hub, {
        ...{ orderId, read, seconds: wait, after, gone: gone.signal, stop: parts.stop },
      }).finally(place);
      return record === null ? sendProblem(reply, 404, noSuchOrder) : viewFor(parts, request, record);
    },
  });
}

/** `POST /orders/:orderId/poll` */
function servePollNow(app: App, parts: OrdersParts): void {
  app.post('/orders/:orderId/poll', {
    config: { scopes: ['orders:write', 'operator'] },
    schema: {
      tags: ['orders'],
      summary: 'Ask the provider now',
      params: orderParams,
      response: {
        202: z.object({ orderId: z.string(), outcome: z.enum(['woken', 'waiting']) }),
        404: problemResponse('No such order'),
        409: problemResponse('The order is closed: nothing can change it any more'),
        ...usualProblems,
      },
    },
    handler: async (request, reply) => {
      const { orderId } = request.params;
      const record = await readFor(parts.store, request, orderId);
      const action = 'poll-requested';
      if (record === null) {
        auditRequest(request, { action, outcome: 'unknown-order', orderId });
        return sendProblem(reply, 404, noSuchOrder);
      }
      const { account } = record.order;
      const requested = await inTime(
        pollNow(parts.store, parts.queue(account), orderId, parts.minHintIntervalMs(account)),
      );
      auditRequest(request, { action, outcome: requested.outcome, orderId });
      switch (requested.outcome) {
        case 'woken':
        case 'waiting':
          return reply.code(202).send({ orderId, outcome: requested.outcome });
        case 'closed':
          return sendProblem(reply, 409, 'The order is closed; its verdict is final.');
        case 'gone':
          return sendProblem(reply, 404, noSuchOrder);
      }
    },
  });
}

/** The account that an order names; `null` where it names none, which is a fault of the order. */
function accountOf(body: unknown): string | null {
  const account: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'account') : null;
  return typeof account === 'string' ? account : null;
}
