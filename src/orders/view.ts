import { z } from 'zod';
import { toMajor } from '../domain/money.ts';
import { verdictStatuses } from '../domain/order.ts';
import { deadlineAt } from '../domain/schedule.ts';
import { acknowledgementOf } from './acknowledgement.ts';
import { explain } from './explain.ts';
import { paymentFactsOf } from './payment-facts.ts';
import type { OrderRecord } from './record.ts';

const instant = z.iso.datetime();

/** Who has acknowledged a verdict, when, and how they dealt with it. */
export const acknowledgedSchema = z.object({
  by: z.string(),
  at: instant,
  note: z.string(),
  stateversion: z.int(),
});

/** An order as people and checkouts see it. Amounts are decimal strings in major units, times RFC 3339. */
export const orderViewSchema = z.object({
  orderId: z.string(),
  account: z.string(),
  provider: z.string(),
  reference: z.union([z.string(), z.record(z.string(), z.string())]),
  amount: z.string(),
  currency: z.string(),
  amountVerified: z
    .boolean()
    .describe(
      '`paid`, and the provider said that at least `amount` arrived. False where its API cannot say, as with the STK query of Daraja: compare with your own records then',
    ),
  receipt: z.string().nullable().describe('As in the last result; `null` where the provider gave none'),
  amountReceived: z
    .string()
    .nullable()
    .describe('What arrived, in `currency`, as in the last result; `null` where the provider did not say'),
  acknowledged: acknowledgedSchema
    .nullable()
    .describe(
      'Who has dealt with the last verdict, when, and how; `null` if nobody has. A later verdict is not acknowledged by it',
    ),
  accountPaused: z
    .object({ since: instant, by: z.string(), reason: z.string() })
    .nullable()
    .describe(
      'People have paused its account, so it is not polled; `null` if not, or if the order is closed',
    ),
  withdrawnAt: instant.nullable().describe('When the order was withdrawn; it is not polled since'),
  createdAt: instant,
  deadlineAt: instant,
  phase: z
    .enum(['asking', 'watching', 'closed'])
    .describe('`watching`: a verdict is out that may still turn'),
  status: z
    .enum(verdictStatuses)
    .nullable()
    .describe('The last published verdict, `null` while there is none'),
  reason: z.string().nullable(),
  version: z.int().describe('Version of the last published result, 0 while there is none'),
  stateversion: z.int().describe('The same as `version`; the name of earlier releases'),
  settledAt: instant.nullable(),
  polls: z.int(),
  answeredPolls: z.int().describe('Polls that got a usable answer about the order'),
  lastPolledAt: instant.nullable(),
  lastAnsweredAt: instant.nullable(),
  nextPollAt: instant.nullable().describe('`null` once the order is closed'),
  explanation: z.string().describe('Why the order stands as it does, in a sentence or two'),
  history: z
    .array(z.looseObject({ at: instant, reading: z.string() }))
    .describe('Every change of reading, oldest first'),
  verdicts: z
    .array(
      z.object({
        version: z.int(),
        stateversion: z.int().describe('The same as `version`'),
        status: z.enum(verdictStatuses),
        reason: z.string().nullable(),
        at: instant,
      }),
    )
    .describe('The published verdicts, oldest first; the last eleven at most'),
  callbacks: z
    .array(z.object({ at: instant, firstAt: instant, count: z.int(), bodySha256: z.string() }))
    .describe(
      'Callbacks about the order, oldest first; repeats are merged. They prove nothing by themselves',
    ),
  metadata: z.record(z.string(), z.json()),
});
export type OrderView = z.infer<typeof orderViewSchema>;

/** An order in a list: without what only matters for a single one. */
export const orderSummarySchema = orderViewSchema.omit({
  ...{ explanation: true, history: true, verdicts: true, callbacks: true },
  accountPaused: true,
});
export type OrderSummary = z.infer<typeof orderSummarySchema>;

/** Converts a record to its entry in a list. */
export function summaryOf(record: OrderRecord): OrderSummary {
  const { explanation, history, verdicts, callbacks, accountPaused, ...summary } = viewOf(record);
  return summary;
}

/** Who has paused an order's account. */
export interface PausedBy {
  readonly since: number;
  readonly by: string;
  readonly reason: string;
}

/**
 * Converts a record to its public view.
 *
 * @param pause who has paused its account; default: nobody
 */
export function viewOf(record: OrderRecord, pause: PausedBy | null = null): OrderView {
  const { order, progress } = record;
  const { amountVerified, receipt, amountReceived } = paymentFactsOf(record);
  return {
    orderId: order.orderId,
    account: order.account,
    provider: order.provider,
    reference: order.reference as string,
    amount: toMajor(order.amountMinor),
    currency: order.currency,
    amountVerified,
    receipt,
    amountReceived,
    acknowledged: acknowledgedOf(record),
    accountPaused:
      pause === null || progress.phase === 'closed' ? null : { ...pause, since: iso(pause.since) },
    withdrawnAt: isoOrNull(progress.withdrawnAt ?? null),
    createdAt: iso(order.createdAt),
    deadlineAt: iso(deadlineAt(order)),
    phase: progress.phase,
    status: progress.verdict?.status ?? null,
    reason: progress.verdict?.reason ?? null,
    version: progress.stateversion,
    stateversion: progress.stateversion,
    settledAt: isoOrNull(progress.verdict?.at ?? null),
    polls: progress.polls,
    answeredPolls: progress.answeredPolls,
    lastPolledAt: isoOrNull(progress.lastPolledAt),
    lastAnsweredAt: isoOrNull(progress.lastAnsweredAt),
    nextPollAt: isoOrNull(record.nextPollAt),
    explanation: [explain(record), pausedText(record, pause)].filter((text) => text !== '').join(' '),
    history: record.history.map((entry) => ({ ...entry })),
    verdicts: verdictsOf(record),
    callbacks: record.callbacks.map(({ firstAt, at, ...rest }) => ({
      ...{ at: iso(at), firstAt: iso(firstAt) },
      ...rest,
    })),
    metadata: { ...order.metadata },
  };
}

function pausedText({ progress }: OrderRecord, pause: PausedBy | null): string {
  if (pause === null || progress.phase === 'closed') return '';
  const deadline = progress.phase === 'asking' ? ', but gets its verdict at the deadline all the same' : '';
  return `Its account has been paused since ${iso(pause.since)} by ${pause.by}: ${pause.reason}. Until it is resumed, the order is not polled${deadline}.`;
}

function acknowledgedOf(record: OrderRecord): OrderView['acknowledged'] {
  const acknowledgement = acknowledgementOf(record);
  return acknowledgement === null ? null : { ...acknowledgement, at: iso(acknowledgement.at) };
}

function verdictsOf({ progress }: OrderRecord): OrderView['verdicts'] {
  const { earlier = [], verdict, stateversion } = progress;
  const all = verdict === null ? earlier : [...earlier, { ...verdict, stateversion }];
  return all.map(({ stateversion, status, reason, at }) => {
    return { version: stateversion, stateversion, status, reason, at: iso(at) };
  });
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

function isoOrNull(at: number | null): string | null {
  return at === null ? null : iso(at);
}
