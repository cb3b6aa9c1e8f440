import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import { type Job, Queue } from 'bullmq';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Json } from '../../domain/order.ts';
import { orderIdOf, type PollQueue } from '../../jobs/queue.ts';
import type { Log } from '../../observability/log.ts';
import type { OrderStore } from '../../orders/store.ts';
import { type OrderView, viewOf } from '../../orders/view.ts';
import { redact } from '../../providers/redact.ts';
import type { Redis } from '../../redis/connection.ts';
import type { Keys } from '../../redis/keys.ts';
import { isRedisFault } from '../../redis/redis-fault.ts';
import { auditRequest } from '../audit-request.ts';
import { sendProblem } from '../problem.ts';
import type { AccountInfo } from './overview.ts';
import { createRedaction, type Redaction } from './redact-personal-data.ts';

export interface BoardParts {
  readonly log: Log;
  /** Counts an error towards a Redis outage. True for such errors, which are logged once per outage. */
  isLoggedElsewhere(error: unknown): boolean;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly store: OrderStore;
  queue(account: string): PollQueue;
  readonly accounts: readonly AccountInfo[];
  readonly settings: { readonly boardWritable: boolean; readonly privateMetadata: readonly string[] };
}

/** Bull Board uses inline styles; apart from that, it loads only our own files too. */
const contentSecurityPolicy = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "object-src 'none'",
  "form-action 'self'",
  "base-uri 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** Bull Board over every account's queue and the sweeper's; to be registered behind a login, under /board. */
export function board(parts: BoardParts): FastifyPluginAsync {
  const { boardWritable, privateMetadata } = parts.settings;
  return async (app) => {
    const redaction = createRedaction(privateMetadata);
    const sweeper = new Queue('sweeper', {
      connection: parts.redis,
      prefix: parts.keys.queuePrefix('sweeper'),
      skipMetasUpdate: true,
    });
    sweeper.on('error', () => {});
    app.addHook('onClose', () => sweeper.close());
    const serverAdapter = new FastifyAdapter();
    serverAdapter.setBasePath('/board');
    createBullBoard({
      queues: [
        ...parts.accounts.map(({ id, provider }) => {
          return orderQueue(parts.queue(id), `Orders of ${id} at ${provider}`, parts, redaction);
        }),
        // Always read-only: without its scheduler, the sweeper would never run again.
        redactedQueue(sweeper, 'Compares the open orders with the queues', false, (job) =>
          Promise.resolve(job.data as Json),
        ),
      ],
      serverAdapter,
      options: {
        uiConfig: {
          boardTitle: 'payment-poller',
          miscLinks: [{ text: 'Overview', url: '/' }],
          hideDocsLink: true,
          sortQueues: false,
        },
      },
    });
    serverAdapter.setErrorHandler((error) => boardError(error, parts));
    app.addHook('onRequest', async (request, reply) => {
      reply.headers({ 'content-security-policy': contentSecurityPolicy, 'referrer-policy': 'same-origin' });
      return refuseWrite(request, reply, boardWritable);
    });
    app.addHook('onResponse', async (request, reply) => auditAction(request, reply.statusCode));
    app.addHook('onSend', withoutExternalFonts);
    app.addHook('onSend', readOnlyForViewers);
    await app.register(serverAdapter.registerPlugin());
  };
}

/**
 * All that BOARD_WRITABLE allows: pausing a queue, and retrying, promoting and removing jobs. The board's other actions set
 * limits of rate and concurrency that nobody would notice later, or delete whole queues (obliterate, empty).
 */
const allowed = [
  ...['pause', 'resume', 'promote', 'retry/:queueStatus', 'clean/:queueStatus'],
  ...[':jobId/retry', ':jobId/clean', ':jobId/promote'],
].map((action) => `/board/api/queues/:queueName/${action}`);

/** The adapter's own read-only mode responds 200 to some writes and does nothing; this refuses them. */
function refuseWrite(request: FastifyRequest, reply: FastifyReply, isWritable: boolean) {
  if (request.method === 'GET' || request.method === 'HEAD') return;
  if (!isWritable)
    return sendProblem(reply, 405, 'The board is read-only; set BOARD_WRITABLE=true to allow actions.');
  const { queueName } = request.params as { queueName?: string };
  if (queueName === 'sweeper') return sendProblem(reply, 405, "The sweeper's queue is always read-only.");
  if (request.method === 'PUT' && allowed.includes(request.routeOptions.url ?? '')) return;
  const detail = 'The board can only pause queues and retry, promote and remove jobs.';
  return sendProblem(reply, 405, detail);
}

/** Records every attempt to change something in the audit trail, with the action and the response status. */
function auditAction(request: FastifyRequest, status: number): void {
  if (request.method === 'GET' || request.method === 'HEAD') return;
  const { queueName = '', jobId = '' } = request.params as { queueName?: string; jobId?: string };
  const words = (request.routeOptions.url ?? '')
    .split('/')
    .filter((word) => word !== '' && !word.startsWith(':'));
  const outcome = `${words.at(-1) ?? 'unknown'} ${queueName.slice(0, 40)}: ${status}`;
  auditRequest(request, { action: 'board-action', outcome, orderId: orderIdOf(jobId) ?? undefined });
}

/** Error messages of Redis and libraries go to the log only: they contain keys, scripts and addresses. */
function boardError(error: Error & { statusCode?: number }, { log, isLoggedElsewhere }: BoardParts) {
  const status = isRedisFault(error) ? 503 : (error.statusCode ?? 500);
  if (status >= 500 && !isLoggedElsewhere(error)) log.error({ err: error }, 'the board could not be served');
  const unavailable = 'Redis is temporarily unavailable; try again.';
  const message =
    status === 503 ? unavailable : status < 500 ? error.message : 'Internal error; see the log.';
  // The adapter's types only allow the statuses that it sends itself.
  return { status: status as 500, body: { error: 'ERRORS.INTERNAL_SERVER_ERROR', message } };
}

/** Removes the links to another site's fonts: the policy blocks them, and that site must not see who uses the board. */
async function withoutExternalFonts(_request: FastifyRequest, _reply: FastifyReply, payload: unknown) {
  return typeof payload === 'string' && payload.startsWith('<!DOCTYPE')
    ? payload.replace(/<link href="https:\/\/[^>]*>/g, '')
    : payload;
}

/** Hides buttons from viewers, whose actions would be refused. */
async function readOnlyForViewers({ user }: FastifyRequest, _reply: FastifyReply, payload: unknown) {
  return typeof payload === 'string' && user?.role !== 'operator'
    ? payload.replaceAll('"readOnlyMode":false', '"readOnlyMode":true')
    : payload;
}

/** A queue whose jobs show their order beside their own data. The order is read only when somebody opens the board. */
function orderQueue(
  queue: PollQueue,
  description: string,
  { store, settings }: BoardParts,
  redaction: Redaction,
) {
  return redactedQueue(
    queue as unknown as Queue,
    description,
    settings.boardWritable,
    async (job, isSingle) => {
      const data = job.data as { [name: string]: Json };
      const orderId = orderIdOf(job.id ?? '') ?? String(data.orderId ?? '');
      // One record that cannot be read must not hide all other orders.
      const record = await store.read(orderId).catch((error: Error) => error);
      if (record instanceof Error) return { ...data, order: whyUnreadable(record) };
      if (record === null) return data;
      const view = redaction.view(viewOf(record));
      return { ...data, order: (isSingle ? inFull(view) : inShort(view)) as Json };
    },
  );
}

/** Describes a damaged record; for Redis faults, only a general message. */
function whyUnreadable(error: Error): string {
  return error.name === 'ReplyError' || isRedisFault(error)
    ? 'The order cannot be read from Redis now.'
    : error.message;
}

/** The order as shown in a list of jobs. */
function inShort(view: OrderView) {
  const last = view.history.at(-1);
  const { phase, status, reason, polls, nextPollAt, deadlineAt, account, reference } = view;
  return {
    ...{
      account,
      reference,
      amount: `${view.currency} ${view.amount}`,
      phase,
      verdict: status,
      reason,
      polls,
    },
    ...{
      lastReading: last?.reading ?? null,
      lastReadingAt: last?.at ?? null,
      providerSaid: statusTextOf(last),
      nextPollAt,
      deadlineAt,
    },
  };
}

function statusTextOf(last: OrderView['history'][number] | undefined): string | null {
  const said = [last?.providerStatus, last?.providerMessage].filter((text) => typeof text === 'string');
  return said.length === 0 ? null : said.join(': ');
}

function inFull(view: OrderView) {
  const { answeredPolls, lastAnsweredAt, createdAt, settledAt, explanation, metadata, history } = view;
  const more = { answeredPolls, lastAnsweredAt, createdAt, settledAt, explanation };
  return { ...inShort(view), ...more, metadata, history: history.toReversed() };
}

type Show = (job: Job, isSingle: boolean) => Promise<Json>;

/** An adapter that shows redacted jobs, with the data that `show` returns. */
function redactedQueue(queue: Queue, description: string, isWritable: boolean, show: Show): BullMQAdapter {
  const adapter = new BullMQAdapter(queue, {
    readOnlyMode: !isWritable,
    description,
    externalJobUrl: (job) => {
      const orderId = orderIdOf(String(job.id ?? ''));
      return {
        displayText: 'Order',
        href: orderId === null ? '/' : `/orders/${encodeURIComponent(orderId)}`,
      };
    },
  });
  const [getJob, getJobs] = [adapter.getJob.bind(adapter), adapter.getJobs.bind(adapter)];
  return Object.assign(adapter, {
    async getJob(id: string) {
      const job = (await getJob(id)) as Job | undefined;
      return job === undefined ? undefined : redactedJob(job, await show(job, true));
    },
    async getJobs(...range: Parameters<typeof getJobs>) {
      const jobs = (await getJobs(...range)) as unknown as Job[];
      return Promise.all(jobs.map(async (job) => redactedJob(job, await show(job, false))));
    },
  } as object) as BullMQAdapter;
}

/** The same job, on which actions still work, with a redacted `toJSON`. */
function redactedJob(job: Job, data: Json): Job {
  const shown = job.toJSON();
  const failedReason = shown.failedReason === undefined ? undefined : redact(shown.failedReason);
  const stacktrace = shown.stacktrace?.map((trace) => redact(trace)) ?? null;
  return Object.assign(job, { toJSON: () => ({ ...shown, data, failedReason, stacktrace }) });
}
