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

/** Bull Board styles its parts inline; apart from that it too loads nothing that is not ours. */
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
        // Read-only whatever the settings: without its scheduler nothing would be swept any more.
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
    app.addHook('onSend', withoutForeignFonts);
    app.addHook('onSend', readOnlyForViewers);
    await app.register(serverAdapter.registerPlugin());
  };
}

/**
 * What BOARD_WRITABLE allows, and nothing else: to pause a queue, and to retry, promote and remove jobs. What the board offers
 * besides would stay in Redis unseen (limits of rate and concurrency), or undo a whole queue (obliterate, empty).
 */
const allowed = [
  ...['pause', 'resume', 'promote', 'retry/:queueStatus', 'clean/:queueStatus'],
  ...[':jobId/retry', ':jobId/clean', ':jobId/promote'],
].map((action) => `/board/api/queues/:queueName/${action}`);

/** The adapter's own read-only mode lets some writes through with a 200 that does nothing; here they are refused. */
function refuseWrite(request: FastifyRequest, reply: FastifyReply, isWritable: boolean) {
  if (request.method === 'GET' || request.method === 'HEAD') return;
  if (!isWritable)
    return sendProblem(reply, 405, 'The board only shows; set BOARD_WRITABLE=true to let it act.');
  const { queueName } = request.params as { queueName?: string };
  if (queueName === 'sweeper')
    return sendProblem(reply, 405, 'The sweeper runs by itself; nobody needs to touch its queue.');
  if (request.method === 'PUT' && allowed.includes(request.routeOptions.url ?? '')) return;
  const detail =
    'The board pauses queues, and retries, promotes and removes jobs; orders are submitted elsewhere.';
  return sendProblem(reply, 405, detail);
}

/** Every attempt to change something is in the audit trail, with what it was and the status of its answer. */
function auditAction(request: FastifyRequest, status: number): void {
  if (request.method === 'GET' || request.method === 'HEAD') return;
  const { queueName = '', jobId = '' } = request.params as { queueName?: string; jobId?: string };
  const words = (request.routeOptions.url ?? '')
    .split('/')
    .filter((word) => word !== '' && !word.startsWith(':'));
  const outcome = `${words.at(-1) ?? 'unknown'} ${queueName.slice(0, 40)}: ${status}`;
  auditRequest(request, { action: 'board-action', outcome, orderId: orderIdOf(jobId) ?? undefined });
}

/** What Redis or a library said of a fault is for our log: it names keys, scripts and addresses. */
function boardError(error: Error & { statusCode?: number }, { log, isLoggedElsewhere }: BoardParts) {
  const status = isRedisFault(error) ? 503 : (error.statusCode ?? 500);
  if (status >= 500 && !isLoggedElsewhere(error)) log.error({ err: error }, 'the board could not be served');
  const unavailable = 'Redis is temporarily unavailable; try again.';
  const message =
    status === 503
      ? unavailable
      : status < 500
        ? error.message
        : 'Something went wrong here; it is in the log.';
  // Its types know only the statuses that the board gives by itself.
  return { status: status as 500, body: { error: 'ERRORS.INTERNAL_SERVER_ERROR', message } };
}

/** Its page asks another site for fonts: the policy would refuse them, and nobody need know who looks at this board. */
async function withoutForeignFonts(_request: FastifyRequest, _reply: FastifyReply, payload: unknown) {
  return typeof payload === 'string' && payload.startsWith('<!DOCTYPE')
    ? payload.replace(/<link href="https:\/\/[^>]*>/g, '')
    : payload;
}

/** Viewers see no buttons that would be refused. */
async function readOnlyForViewers({ user }: FastifyRequest, _reply: FastifyReply, payload: unknown) {
  return typeof payload === 'string' && user?.role !== 'operator'
    ? payload.replaceAll('"readOnlyMode":false', '"readOnlyMode":true')
    : payload;
}

/** A queue whose jobs show their order beside their own data: read when somebody looks, never for a poll. */
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
    async (job, isAlone) => {
      const data = job.data as { [name: string]: Json };
      const orderId = orderIdOf(job.id ?? '') ?? String(data.orderId ?? '');
      // One record that cannot be read must not hide all other orders.
      const record = await store.read(orderId).catch((error: Error) => error);
      if (record instanceof Error) return { ...data, order: whyUnreadable(record) };
      if (record === null) return data;
      const view = redaction.view(viewOf(record));
      return { ...data, order: (isAlone ? inFull(view) : inShort(view)) as Json };
    },
  );
}

/** Of a damaged record what is wrong with it; of a fault of Redis no more than that. */
function whyUnreadable(error: Error): string {
  return error.name === 'ReplyError' || isRedisFault(error)
    ? 'The order cannot be read from Redis now.'
    : error.message;
}

/** What is shown in a list of jobs. */
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
      providerSaid: saidIn(last),
      nextPollAt,
      deadlineAt,
    },
  };
}

function saidIn(last: OrderView['history'][number] | undefined): string | null {
  const said = [last?.providerStatus, last?.providerMessage].filter((text) => typeof text === 'string');
  return said.length === 0 ? null : said.join(': ');
}

function inFull(view: OrderView) {
  const { answeredPolls, lastAnsweredAt, createdAt, settledAt, explanation, metadata, history } = view;
  const more = { answeredPolls, lastAnsweredAt, createdAt, settledAt, explanation };
  return { ...inShort(view), ...more, metadata, history: history.toReversed() };
}

type Show = (job: Job, isAlone: boolean) => Promise<Json>;

/** An adapter whose jobs leave the process redacted, with the data that `show` gives them. */
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
      return job === undefined ? undefined : dressed(job, await show(job, true));
    },
    async getJobs(...range: Parameters<typeof getJobs>) {
      const jobs = (await getJobs(...range)) as unknown as Job[];
      return Promise.all(jobs.map(async (job) => dressed(job, await show(job, false))));
    },
  } as object) as BullMQAdapter;
}

/** The job itself, which can still be acted on; only what is shown of it differs. */
function dressed(job: Job, data: Json): Job {
  const shown = job.toJSON();
  const failedReason = shown.failedReason === undefined ? undefined : redact(shown.failedReason);
  const stacktrace = shown.stacktrace?.map((trace) => redact(trace)) ?? null;
  return Object.assign(job, { toJSON: () => ({ ...shown, data, failedReason, stacktrace }) });
}
