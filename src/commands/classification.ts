import { z } from 'zod';
import { decide } from '../domain/decide.ts';
import { toMajor, toMinor } from '../domain/money.ts';
import type { Order, Reading, Reference } from '../domain/order.ts';
import { freshProgress } from '../domain/progress.ts';
import { defaultSchedule } from '../domain/schedule.ts';
import type { Provider } from '../providers/provider.ts';
import { type Expected, parseJson, readAnswer } from '../providers/read-answer.ts';
import type { StatusTable } from '../providers/status-table.ts';
import { answerBytes } from './answer-bytes.ts';

/** The input of `classify`. A string `body` holds the exact bytes. */
export const answerInputSchema = z.strictObject({
  kind: z.enum(['status', 'result', 'callback']).default('status'),
  httpStatus: z.int().min(100).max(599).default(200),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.unknown(),
  order: z
    .looseObject({
      amount: z
        .union([z.string(), z.number()])
        .refine((amount) => toMinor(amount) !== null, 'must be in major units with at most two decimals')
        .optional(),
      /** Default: a currency of the provider. */
      currency: z
        .string()
        .trim()
        .toUpperCase()
        .regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code such as KES')
        .optional(),
      reference: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
      // Account settings that decide the direction of a payment.
      shortCode: z.string().optional(),
      shortCodes: z.array(z.string()).optional(),
      commandId: z.string().optional(),
    })
    .optional(),
});
export type AnswerInput = z.infer<typeof answerInputSchema>;

/** The reading of an answer, as `classify` prints it. */
export interface Classification {
  readonly reading: Reading['kind'];
  readonly certainty: 'firm' | 'soft' | null;
  readonly reason: string | null;
  readonly receipt: string | null;
  readonly amountReceived: string | null;
  readonly providerStatus: string | null;
  /** The verdict that this answer alone would lead to; `null` for none. */
  readonly verdict: string | null;
}

/** The reading of a callback: a hint which order to poll. */
export interface PushClassification {
  readonly reading: 'hint' | 'unrecognised';
  readonly reference: string | null;
}

/** Classifies an answer. Pure except for the clock. */
export function classify(
  provider: Provider,
  input: AnswerInput,
  overrides: StatusTable | undefined,
): Classification | PushClassification {
  const headers = Object.fromEntries(
    Object.entries(input.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const body = answerBytes(input.body, headers['content-encoding']);
  return input.kind === 'callback'
    ? classifyPush(provider, body)
    : classifyAnswer(provider, { ...input, headers }, body, overrides);
}

function classifyAnswer(
  provider: Provider,
  { kind, httpStatus, headers, order }: AnswerInput,
  body: Uint8Array,
  overrides: StatusTable | undefined,
): Classification {
  const now = Date.now();
  const reading = readAnswer(provider, { httpStatus, headers, body }, expectedOf(provider, order), {
    at: now,
    source: kind === 'result' ? 'callback' : 'poll',
    ...(kind === 'result' ? { pushed: true } : {}),
    ...(isFinal(provider, kind) && order !== undefined ? { settings: directionOf(order) } : {}),
    ...currenciesFor(provider, order?.currency),
    ...(overrides === undefined ? {} : { overrides }),
  });
  const policy = { confirmAfterMs: 1, watchMs: [] };
  const { publish } = decide(freshOrder(provider, now), freshProgress, reading, policy, now, 0);
  return { ...wordsOf(reading), providerStatus: reading.providerStatus, verdict: publish?.status ?? null };
}

/** True if the answer is about the payment, not just an acknowledgement of a query. */
function isFinal({ asyncResult }: Provider, kind: AnswerInput['kind']): boolean {
  return asyncResult === undefined || kind === 'result';
}

/** Where answers name no currency, the account is taken for one of the order's. */
function currenciesFor({ guarantees, currencies }: Provider, currency: string | undefined) {
  const isUnsaid = !guarantees.currency && currency !== undefined && currencies.includes(currency);
  return isUnsaid ? { currencies: [currency] } : {};
}

function directionOf({ shortCode, shortCodes, commandId }: NonNullable<AnswerInput['order']>) {
  return {
    ...(shortCode && { shortCode }),
    ...(shortCodes && { shortCodes }),
    ...(commandId && { commandId }),
  };
}

function wordsOf(reading: Reading): Omit<Classification, 'providerStatus' | 'verdict'> {
  const nothing = {
    reading: reading.kind,
    certainty: null,
    reason: null,
    receipt: null,
    amountReceived: null,
  };
  switch (reading.kind) {
    case 'paid': {
      const { kind, certainty, doubt, receipt, amountReceivedMinor: minor } = reading;
      return {
        reading: kind,
        certainty,
        reason: doubt,
        receipt,
        amountReceived: minor === null ? null : toMajor(minor),
      };
    }
    case 'failed':
    case 'expired':
      return { ...nothing, certainty: reading.certainty, reason: reading.reason };
    case 'pending':
    case 'not-found':
    case 'unrecognised':
    case 'unavailable':
    case 'refused':
      return nothing;
  }
}

function classifyPush({ callback }: Provider, body: Uint8Array): PushClassification {
  const parsed = callback?.body.safeParse(parseJson(body));
  const names = parsed?.success ? (callback?.aliases(parsed.data) ?? []) : [];
  const reference = names.find((name) => name != null && name !== '') ?? null;
  return { reading: reference === null ? 'unrecognised' : 'hint', reference };
}

/** Normalises a reference. An invalid one is kept and matches no answer. */
function asStored({ reference }: Provider, given: Reference): Reference {
  return reference.safeParse(given).data ?? given;
}

function expectedOf(provider: Provider, order: AnswerInput['order']): Expected {
  if (order === undefined) return null;
  return {
    reference: order.reference === undefined ? null : asStored(provider, order.reference),
    amountMinor: order.amount === undefined ? null : toMinor(order.amount),
    currency: order.currency ?? null,
  };
}

/** An order with a distant deadline, so that the verdict depends on the answer only. */
function freshOrder(provider: Provider, now: number): Order {
  return {
    orderId: 'classify',
    account: provider.id,
    provider: provider.id,
    reference: '',
    amountMinor: 0,
    currency: provider.currencies[0],
    createdAt: now,
    schedule: defaultSchedule,
    metadata: {},
  };
}
