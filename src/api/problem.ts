import type { FastifyReply } from 'fastify';
import { z } from 'zod';

/** RFC 9457 problem details; `faults` lists everything that is wrong with an input. */
export const problemSchema = z.object({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  kind: z
    .enum([
      ...['order-conflict', 'reference-in-use', 'order-paid', 'order-closed'],
      ...['no-verdict', 'final-verdict', 'verdict-changed'],
    ] as const)
    .optional()
    .describe(
      'Kind of conflict. `order-conflict`: this orderId has another account, reference, amount or currency; `reference-in-use`: a paid order owns the reference; the others: the order is not in a state that allows it',
    ),
  requestId: z.string().optional().describe('The id of the request, as in the log'),
  orderId: z.string().optional().describe('The order that was paid under this reference'),
  faults: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});
export type Problem = z.infer<typeof problemSchema>;

/** Documented on every route that can answer one. */
export function problemResponse(description: string) {
  return { description, content: { 'application/problem+json': { schema: problemSchema } } };
}

/** What every route behind an API key may answer. */
export const usualProblems = {
  401: problemResponse('No valid API key'),
  403: problemResponse('The API key lacks a scope, or is not for this account'),
  422: problemResponse('Everything that is wrong with the request'),
  429: problemResponse('Too many requests with this key; `Retry-After` says how long to wait'),
  500: problemResponse('A bug of the service; the log has the details'),
  503: problemResponse('Storage temporarily unavailable; safe to retry'),
};

/** The content type of problems. */
export const problemType = 'application/problem+json';

const titles: { readonly [status: number]: string } = {
  400: 'Bad request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Request timeout',
  409: 'Conflict',
  413: 'Content too large',
  414: 'URI too long',
  415: 'Unsupported media type',
  422: 'Invalid input',
  429: 'Too many requests',
  431: 'Request header fields too large',
  500: 'Internal error',
  503: 'Unavailable',
};

/** What a conflict tells besides. */
export type Conflict = Pick<Problem, 'kind' | 'orderId'>;

type Faults = readonly { readonly path: string; readonly message: string }[];

/** The problem behind an HTTP status. */
export function problemOf(status: number, detail?: string, faults?: Faults, conflict?: Conflict): Problem {
  return {
    type: 'about:blank',
    title: titles[status] ?? 'Error',
    status,
    ...(detail === undefined ? {} : { detail }),
    ...conflict,
    ...(faults === undefined ? {} : { faults: faults.map(({ path, message }) => ({ path, message })) }),
  };
}

/** Answers with a problem. */
export function sendProblem(
  reply: FastifyReply,
  status: number,
  detail?: string,
  faults?: Faults,
  conflict?: Conflict,
) {
  // Serialised here: problems also answer what never reached a route, and so has no schema.
  return reply
    .code(status)
    .type(problemType)
    .serializer(JSON.stringify)
    .send({ ...problemOf(status, detail, faults, conflict), requestId: reply.request.id });
}

/** Answers that there is no such address. */
export function sendNotFound(reply: FastifyReply): FastifyReply {
  return sendProblem(reply, 404, 'Not found; see /docs for the routes.');
}
