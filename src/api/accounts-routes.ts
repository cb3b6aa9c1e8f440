import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { reasonSchema } from '../accounts/pause.ts';
import { accountIdPattern } from '../domain/order.ts';
import { pauseAccount, readPauseState, resumeAccount } from '../jobs/pause-account.ts';
import type { PollQueue } from '../jobs/queue.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { seesAccount } from './api-keys.ts';
import { auditRequest } from './audit-request.ts';
import { inTime } from './in-time.ts';
import { problemResponse, sendProblem, usualProblems } from './problem.ts';

export interface AccountsParts {
  readonly redis: Redis;
  readonly keys: Keys;
  queue(account: string): PollQueue;
  /** The accounts of this deployment: those of this process, and those that others have registered. */
  isAccount(account: string): Promise<boolean>;
}

const params = z.object({ account: z.string().max(40).regex(accountIdPattern) });
const noSuchAccount = 'No account has this id.';
const pausedSchema = z
  .object({ since: z.iso.datetime(), by: z.string(), reason: z.string() })
  .nullable()
  .describe('Since when, by whom and why; `null`: not paused');

/** `POST /accounts/:account/pause` and `/resume` */
export function accountsRoutes({ redis, keys, queue, isAccount }: AccountsParts): FastifyPluginAsyncZod {
  const stateOf = async (account: string) => {
    const { pause } = await readPauseState(redis, keys, account, queue(account));
    return pause === null ? null : { ...pause, since: new Date(pause.since).toISOString() };
  };
  return async (app) => {
    app.post('/accounts/:account/pause', {
      config: { scopes: ['operator'] },
      schema: {
        tags: ['accounts'],
        summary: 'Pause an account',
        description:
          'No request is sent to its provider until it is resumed. Orders are still accepted; those whose deadline passes become `unresolved/deadline` without a request, and are polled after the pause.',
        params,
        body: z.object({ reason: reasonSchema.describe('Why; shown wherever the account is') }),
        response: {
          200: z.object({
            account: z.string(),
            outcome: z.enum(['paused', 'same']).describe('`same`: it was paused for this reason already'),
            paused: pausedSchema,
          }),
          404: problemResponse('No such account'),
          ...usualProblems,
        },
      },
      handler: async (request, reply) => {
        const { account } = request.params;
        const action = 'account-paused';
        if (!seesAccount(request, account) || !(await inTime(isAccount(account)))) {
          auditRequest(request, { action, outcome: 'unknown-account' });
          return sendProblem(reply, 404, noSuchAccount);
        }
        const by = request.apiKey?.name ?? 'unknown';
        const { reason } = request.body;
        const outcome = await inTime(pauseAccount(redis, keys, account, { by, reason }));
        auditRequest(request, { action, outcome, account });
        return reply.send({ account, outcome, paused: await inTime(stateOf(account)) });
      },
    });

    app.post('/accounts/:account/resume', {
      config: { scopes: ['operator'] },
      schema: {
        tags: ['accounts'],
        summary: 'Resume a paused account',
        description:
          'Also one whose queue was paused on the board. Its most overdue orders are polled at once, the others within about 20 s, all under its rate limit.',
        params,
        response: {
          200: z.object({
            account: z.string(),
            outcome: z.enum(['resumed', 'same']).describe('`same`: it was not paused'),
            paused: pausedSchema,
          }),
          404: problemResponse('No such account'),
          ...usualProblems,
        },
      },
      handler: async (request, reply) => {
        const { account } = request.params;
        const action = 'account-resumed';
        if (!seesAccount(request, account) || !(await inTime(isAccount(account)))) {
          auditRequest(request, { action, outcome: 'unknown-account' });
          return sendProblem(reply, 404, noSuchAccount);
        }
        const by = request.apiKey?.name ?? 'unknown';
        const outcome = await inTime(resumeAccount(redis, keys, account, queue(account), by));
        auditRequest(request, { action, outcome, account });
        return reply.send({ account, outcome, paused: await inTime(stateOf(account)) });
      },
    });
  };
}
