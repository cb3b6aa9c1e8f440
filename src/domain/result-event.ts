import { z } from 'zod';
import { type Evidence, evidenceOf, moneyEvidence } from './evidence.ts';
import { toMajor } from './money.ts';
import {
  type Json,
  type Order,
  type Reading,
  readingSources,
  type Verdict,
  verdictStatuses,
  withdrawnVerdict,
} from './order.ts';
import type { Progress } from './progress.ts';

const amount = z.string().regex(/^\d+\.\d\d$/);
const rfc3339 = z.iso.datetime();

/** The `data` of a result: the verdict and the order's facts. Amounts are decimal strings in major units. */
export const resultDataSchema = z.looseObject({
  orderId: z.string(),
  account: z.string(),
  provider: z.string(),
  reference: z.union([z.string(), z.record(z.string(), z.string())]),
  status: z.enum(verdictStatuses),
  /** `null` for paid. */
  reason: z.string().nullable(),
  amountExpected: amount,
  amountReceived: amount.nullable(),
  currency: z.string(),
  amountVerified: z
    .boolean()
    .describe('True if the status is `paid` and the provider reported the amount received'),
  receipt: z.string().nullable(),
  providerStatus: z.string().nullable(),
  providerMessage: z.string().nullable(),
  polls: z.int(),
  answeredPolls: z.int(),
  lastAnsweredAt: rfc3339.nullable(),
  /** With reason `deadline`: how long the account's circuit breaker had been open. Absent if it was closed. */
  circuitBreakerOpenMs: z.int().optional(),
  createdAt: rfc3339,
  settledAt: rfc3339,
  evidence: z.array(z.looseObject({ source: z.enum(readingSources), at: rfc3339, reading: z.string() })),
  metadata: z.record(z.string(), z.json()),
});
export type ResultData = z.infer<typeof resultDataSchema>;

/** One entry of the results stream: CloudEvents 1.0 attributes, with the verdict as `data`. */
export const resultEventSchema = z.object({
  specversion: z.literal('1.0'),
  /** `<orderId>:<stateversion>`. */
  id: z.string(),
  source: z.string(),
  type: z.string().regex(/^payment\.(paid|failed|expired|unresolved)$/),
  subject: z.string(),
  time: rfc3339,
  datacontenttype: z.literal('application/json'),
  stateversion: z.coerce.number().int().positive(),
  /** Only on a correction: the id of the result that this one supersedes. */
  supersedes: z.string().optional(),
  data: resultDataSchema,
});
export type ResultEvent = z.infer<typeof resultEventSchema>;

/**
 * Builds the event for a verdict. `progress` and `history` already include the reading that led to it.
 *
 * @param openSince since when the account's circuit breaker has been open; absent while it is closed
 */
export function buildEvent(
  order: Order,
  progress: Progress,
  verdict: Verdict,
  reading: Reading,
  history: readonly Evidence[],
  now: number,
  openSince?: number,
): ResultEvent {
  const received = reading.kind === 'paid' ? reading.amountReceivedMinor : null;
  const { providerStatus, providerMessage } = reading;
  const facts = {
    amountReceived: received === null ? null : toMajor(received),
    receipt: reading.kind === 'paid' ? reading.receipt : null,
    ...{ providerStatus, providerMessage },
    ...(verdict.reason === 'deadline' &&
      openSince !== undefined && { circuitBreakerOpenMs: Math.max(0, now - openSince) }),
  };
  return eventOf(order, progress, verdict, facts, history, now);
}

/** Builds the event of an order that is withdrawn. What is known of its money by then is in it. */
export function buildWithdrawal(
  order: Order,
  progress: Progress,
  history: readonly Evidence[],
  now: number,
): ResultEvent {
  const money = moneyEvidence(history);
  const last = money ?? history.at(-1);
  const facts = {
    amountReceived: money?.amountReceived ?? null,
    receipt: money?.receipt ?? null,
    providerStatus: last?.providerStatus ?? null,
    providerMessage: last?.providerMessage ?? null,
  };
  return eventOf(order, progress, withdrawnVerdict, facts, history, now);
}

type EventFacts = Pick<
  ResultData,
  'amountReceived' | 'receipt' | 'providerStatus' | 'providerMessage' | 'circuitBreakerOpenMs'
>;

function eventOf(
  order: Order,
  progress: Progress,
  verdict: Verdict,
  { circuitBreakerOpenMs, ...facts }: EventFacts,
  history: readonly Evidence[],
  now: number,
): ResultEvent {
  const time = new Date(now).toISOString();
  const version = progress.stateversion;
  return {
    specversion: '1.0',
    id: `${order.orderId}:${version}`,
    source: `payment-poller/${order.account}`,
    type: `payment.${verdict.status}`,
    subject: order.orderId,
    time,
    datacontenttype: 'application/json',
    stateversion: version,
    ...(version > 1 ? { supersedes: `${order.orderId}:${version - 1}` } : {}),
    data: {
      orderId: order.orderId,
      account: order.account,
      provider: order.provider,
      reference: order.reference as Exclude<typeof order.reference, object> | Record<string, string>,
      status: verdict.status,
      reason: verdict.reason,
      amountExpected: toMajor(order.amountMinor),
      amountReceived: facts.amountReceived,
      currency: order.currency,
      amountVerified: verdict.status === 'paid' && facts.amountReceived !== null,
      receipt: facts.receipt,
      providerStatus: facts.providerStatus,
      providerMessage: facts.providerMessage,
      polls: progress.polls,
      answeredPolls: progress.answeredPolls,
      lastAnsweredAt:
        progress.lastAnsweredAt === null ? null : new Date(progress.lastAnsweredAt).toISOString(),
      ...(circuitBreakerOpenMs !== undefined && { circuitBreakerOpenMs }),
      createdAt: new Date(order.createdAt).toISOString(),
      settledAt: time,
      evidence: evidenceOf(verdict, history).map((entry) => ({ ...entry })),
      metadata: { ...order.metadata } as Record<string, Json>,
    },
  };
}

/** The flat fields of a stream entry, in the documented order. */
export function eventFields(event: ResultEvent): string[] {
  return [
    ...['specversion', event.specversion],
    ...['id', event.id],
    ...['source', event.source],
    ...['type', event.type],
    ...['subject', event.subject],
    ...['time', event.time],
    ...['datacontenttype', event.datacontenttype],
    ...['stateversion', String(event.stateversion)],
    ...(event.supersedes === undefined ? [] : ['supersedes', event.supersedes]),
    ...['data', JSON.stringify(event.data)],
  ];
}

/**
 * The event as CloudEvents JSON. `stateversion` is a string there, as on the stream; `version` is the same as a number, as in every
 * answer of the API.
 */
export function cloudEvent(event: ResultEvent) {
  return { ...event, stateversion: String(event.stateversion), version: event.stateversion };
}

/**
 * Parses the fields of a stream entry.
 *
 * @throws ZodError or SyntaxError when payment-poller did not write the entry; neither message quotes the entry's values
 */
export function parseEvent(fields: readonly string[]): ResultEvent {
  const entry: { [name: string]: unknown } = Object.create(null);
  for (let i = 0; i + 1 < fields.length; i += 2) entry[fields[i] as string] = fields[i + 1];
  return resultEventSchema.parse({ ...entry, data: parseData(String(entry.data)) });
}

function parseData(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new SyntaxError('The data of the entry is not JSON.');
  }
}
