import type { FastifyReply } from 'fastify';
import { z } from 'zod';

/** RFC 9457 problem details; `faults` lists everything that is wrong with an input. */
export const problemSchema = z.object({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  faults: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});
export type Problem = z.infer<typeof problemSchema>;

/** Documented on every route that can answer one. */
export function problemResponse(description: string) {
  return { description, content: { 'application/problem+json': { schema: problemSchema } } };
}

const titles: { readonly [status: number]: string } = {
  400: 'Bad request',
  401: 'Unauthorized',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  413: 'Content too large',
  415: 'Unsupported media type',
  422: 'Invalid order',
  429: 'Too many requests',
  500: 'Internal error',
  503: 'Unavailable',
};

/** Answers with a problem. */
export function sendProblem(
  reply: FastifyReply,
  status: number,
  detail?: string,
  faults?: readonly { readonly path: string; readonly message: string }[],
) {
  const problem: Problem = {
    type: 'about:blank',
    title: titles[status] ?? 'Error',
    status,
    ...(detail === undefined ? {} : { detail }),
    ...(faults === undefined ? {} : { faults: faults.map(({ path, message }) => ({ path, message })) }),
  };
  // Serialised here: problems also answer what never reached a route, and so has no schema.
  return reply.code(status).type('application/problem+json').serializer(JSON.stringify).send(problem);
}
