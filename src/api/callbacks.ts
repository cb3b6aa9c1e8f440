import { createHash } from 'node:crypto';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { isAnswered, type Order, type Reading } from '../domain/order.ts';
import { pollNow, promoteAnswer } from '../jobs/poll-now.ts';
import type { PollQueue } from '../jobs/queue.ts';
import type { CallbackResult } from '../observability/metrics.ts';
import { parseAnswerToken } from '../orders/begin-query.ts';
import type { OrderStore } from '../orders/store.ts';
import { isRefused, type Push, replyTo } from '../providers/callback-rules.ts';
import { decodeBody } from '../providers/content-coding.ts';
import type { Provider } from '../providers/provider.ts';
import { parseJson, readAnswer } from '../providers/read-answer.ts';
import { type CallbackAccount, createAdmission } from './callback-admission.ts';
import { inTime } from './in-time.ts';
import { sendProblem } from './problem.ts';

export interface CallbackParts {
  readonly accounts: ReadonlyMap<string, CallbackAccount>;
  readonly store: OrderStore;
  queue(account: string): PollQueue;
  counted(account: string, result: CallbackResult): void;
  /** The clock of the records' times; by default, this machine's. */
  now?(): number;
}

/** The largest push that a provider documents has less than a tenth of it. */
const maxBodyBytes = 64 * 1024;
/** One callback speaks of one payment; more orders under its names are a misuse of references. */
const maxOrdersPerHint = 5;

/**
 * The routes for providers. A callback is a hint and never more: it makes the next poll of its order immediate. The one
 * exception is the answer to a query of our own, which counts under the one-time token that we sent along with it.
 */
export function callbacks(parts: CallbackParts): FastifyPluginAsync {
  const admit = createAdmission({
    accounts: parts.accounts,
    orderOfQuery: (queryId) => inTime(parts.store.orderOfQuery(queryId)),
  });
  const answersLater = [...parts.accounts.values()].find(
    ({ provider }) => provider.asyncResult !== undefined,
  );

  return async (app) => {
    // Providers send what they like under any content type, also none that deserves the name: the bytes are taken as
    // they come and judged here.
    app.addHook('onRequest', async ({ raw }) => {
      sentHeaders.set(raw, { ...raw.headers });
      raw.headers['content-type'] = 'application/octet-stream';
    });
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: maxBodyBytes }, (_request, body, done) =>
      done(null, body),
    );

    app.route<{ Params: { account: string; token: string } }>({
      url: '/callbacks/:account/:token',
      method: ['POST', 'PUT', 'GET'],
      exposeHeadRoute: false,
      bodyLimit: maxBodyBytes,
      schema: { hide: true },
      async onRequest(request, reply) {
        if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return sendProblem(reply, 413);
        const { headers, params, ip, method } = request;
        const { authorization } = headers;
        const admission = await admit({ ...params, method, address: ip, authorization });
        if (admission.admitted) return;
        parts.counted(parts.accounts.has(params.account) ? params.account : 'unknown', admission.why);
        if (reply.sent) return reply;
        return admission.thanked && answersLater
          ? accept(reply, answersLater.provider, undefined)
          : sendProblem(reply, 404);
      },
      async handler(request, reply) {
        const account = parts.accounts.get(request.params.account);
        if (account === undefined) return sendProblem(reply, 404);
        const body = bodyOf(request);
        const fields = request.method === 'GET' ? { ...(request.query as object) } : parseJson(body);
        const result =
          account.provider.asyncResult === undefined
            ? await inTime(takeHint(parts, account, fields, pushOf(request)))
            : await inTime(takeAnswer(parts, account, request.params.token, body));
        parts.counted(account.id, result);
        // Redis was so slow that the provider was sent away; answering twice would log the path, and the token in it.
        if (reply.sent) return reply;
        return accept(reply, account.provider, fields);
      },
    });
  };
}

/** The headers as they were sent, before the content type was made one that Fastify takes. */
const sentHeaders = new WeakMap<object, Push['headers']>();

/** What a signature may cover. */
function pushOf({ raw, method, body }: FastifyRequest): Push {
  const headers = sentHeaders.get(raw) ?? raw.headers;
  return {
    method,
    authority: String(headers.host ?? ''),
    target: raw.url ?? '',
    headers,
    rawBody: Buffer.isBuffer(body) ? body : Buffer.alloc(0),
  };
}

/** What was posted; nothing where its content coding cannot be undone. */
function bodyOf({ body, headers }: FastifyRequest): Uint8Array {
  const sent = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  const decoded = decodeBody(headers['content-encoding'], sent, maxBodyBytes);
  return 'fault' in decoded ? Buffer.alloc(0) : decoded;
}

/** Makes the next poll of the orders that a callback speaks of immediate. */
async function takeHint(
  parts: CallbackParts,
  account: CallbackAccount,
  fields: unknown,
  push: Push,
): Promise<CallbackResult> {
  const rules = account.provider.callback;
  const parsed = rules?.body.safeParse(fields);
  if (rules === undefined || !parsed?.success) return 'garbage';
  const now = (parts.now ?? Date.now)();
  if (isRefused(rules, push, account.settings, parsed.data, now)) return 'wrong-signature';
  const names = rules.aliases(parsed.data).filter((name) => name != null && name !== '') as string[];
  const orders = await parts.store.ordersNamed(account.id, names);
  // A GET has no body: its query is what it says.
  const said = push.method === 'GET' ? Buffer.from(JSON.stringify(fields)) : push.rawBody;
  const bodySha256 = createHash('sha256').update(said).digest('hex');
  for (const orderId of orders.slice(0, maxOrdersPerHint)) {
    const { store, queue } = parts;
    await pollNow(store, queue(account.id), orderId, account.minHintIntervalMs, bodySha256);
  }
  return orders.length === 0 ? 'unknown-order' : 'hint';
}

/** Takes in the answer to a query of ours. What it says is decided on by the worker, like every other reading. */
async function takeAnswer(
  parts: CallbackParts,
  account: CallbackAccount,
  token: string,
  body: Uint8Array,
): Promise<CallbackResult> {
  const query = parseAnswerToken(token);
  if (query === null) return 'wrong-token';
  const { queryId, kind, credentials } = query;
  const orderId = await parts.store.orderOfQuery(queryId);
  if (orderId === '') return 'replay';
  const record = orderId === null ? null : await parts.store.read(orderId);
  if (orderId === null || record === null || record.order.account !== account.id) return 'wrong-token';
  // The account was pointed at another provider since: what is posted now is not the answer of the order's provider.
  if (record.order.provider !== account.provider.id) return 'wrong-token';
  const now = (parts.now ?? Date.now)();
  const reading = kind === 'timeout' ? queueTimeout(body, now) : readPushed(account, body, record.order, now);
  const outcome = await parts.store.deliver(
    orderId,
    { queryId, credentials, reading },
    isAnswered(reading),
    now,
  );
  if (outcome !== 'delivered') return 'replay';
  await promoteAnswer(parts.queue(account.id), orderId, now);
  return kind === 'timeout' ? 'queue-timeout' : 'result';
}

function readPushed(
  { provider, settings, overrides, currencies }: CallbackAccount,
  body: Uint8Array,
  order: Order,
  at: number,
): Reading {
  const answer = { httpStatus: 200, headers: {}, body };
  return readAnswer(provider, answer, order, {
    at,
    source: 'callback',
    settings,
    pushed: true,
    currencies,
    ...(overrides && { overrides }),
  });
}

/** Our query ran out in the provider's queue: nothing was learnt, ask again. Its body speaks of no payment. */
function queueTimeout(body: Uint8Array, at: number): Reading {
  return {
    kind: 'unavailable',
    throttled: false,
    retryAfterMs: null,
    source: 'callback',
    at,
    httpStatus: null,
    providerStatus: 'queue time-out',
    providerMessage: null,
    bodySha256: createHash('sha256').update(body).digest('hex'),
  };
}

function accept(reply: FastifyReply, { callback }: Provider, fields: unknown) {
  const { contentType, body } = replyTo(callback, fields);
  return reply.code(200).type(contentType).serializer(String).send(body);
}
