import type { Evidence } from '../domain/evidence.ts';
import type { Order } from '../domain/order.ts';
import type { Progress } from '../domain/progress.ts';

/**
 * The compact form of a record's larger parts: values in a fixed order, without names and without trailing `null`s. Unpacking
 * does not validate; the codec does.
 */
type Packed = readonly unknown[];

/** The facts of an order that have no field of their own. */
export type OrderDetails = Pick<Order, 'provider' | 'schedule' | 'metadata'>;

export function packDetails({ provider, schedule, metadata }: OrderDetails): Packed {
  const { firstPollAfterMs, initialIntervalMs, factor, maxIntervalMs, jitter, deadlineMs } = schedule;
  return [provider, metadata, firstPollAfterMs, initialIntervalMs, factor, maxIntervalMs, jitter, deadlineMs];
}

export function unpackDetails([provider, metadata, ...times]: Packed): object {
  const [firstPollAfterMs, initialIntervalMs, factor, maxIntervalMs, jitter, deadlineMs] = times;
  const schedule = { firstPollAfterMs, initialIntervalMs, factor, maxIntervalMs, jitter, deadlineMs };
  return { provider, schedule, metadata };
}

/** The progress without the phase and the time of withdrawal, which have fields of their own, because scripts read them. */
export type KnownProgress = Omit<Progress, 'phase' | 'withdrawnAt'>;

export function packProgress(known: KnownProgress): Packed {
  const { stateversion, polls, answeredPolls, lastPolledAt, lastAnsweredAt } = known;
  const { verdict, watchedSince, candidate, moneySeen, earlier = [] } = known;
  return trimmed([
    ...[stateversion, polls, answeredPolls, lastPolledAt, lastAnsweredAt],
    ...[verdict, watchedSince, candidate, moneySeen ? true : null],
    earlier.length === 0
      ? null
      : earlier.map(({ stateversion, status, reason, at }) => [stateversion, status, reason, at]),
  ]);
}

export function unpackProgress([stateversion, polls, answeredPolls, ...rest]: Packed): object {
  const [lastPolledAt = null, lastAnsweredAt = null, verdict = null, watchedSince = null] = rest;
  const [candidate = null, moneySeen, earlier] = rest.slice(4);
  return {
    ...{ stateversion, verdict, watchedSince, candidate, moneySeen: moneySeen ?? false },
    ...{ polls, lastPolledAt, answeredPolls, lastAnsweredAt },
    ...(earlier != null && { earlier: (earlier as Packed[]).map(unpackVerdict) }),
  };
}

function unpackVerdict([stateversion, status, reason, at]: Packed): object {
  return { stateversion, status, reason, at };
}

/** Packs times as epoch milliseconds and the hash as base64, which takes about half the space of the published form. */
export function packEvidence(evidence: Evidence): Packed {
  const { source, at, httpStatus, reading, providerStatus, providerMessage, bodySha256 } = evidence;
  const { certainty, reason, receipt, amountReceived, overridden, count, firstAt, otherAmount } = evidence;
  const { usedBy, furtherReceipts, askedAt } = evidence;
  return trimmed([
    ...[source, Date.parse(at), httpStatus, reading, providerStatus, providerMessage],
    bodySha256 === null ? null : Buffer.from(bodySha256, 'hex').toString('base64url'),
    ...[certainty, reason, receipt, amountReceived, overridden, count],
    firstAt === undefined ? null : Date.parse(firstAt),
    ...[otherAmount, usedBy, furtherReceipts],
    askedAt === undefined ? null : Date.parse(askedAt),
  ]);
}

/** @throws RangeError when a time is invalid */
export function unpackEvidence([source, at, httpStatus, reading, ...rest]: Packed): object {
  const [providerStatus = null, providerMessage = null, print = null, ...further] = rest;
  const [certainty, reason, receipt, amountReceived, overridden, count, firstAt, ...more] = further;
  const [otherAmount, usedBy, furtherReceipts, askedAt] = more;
  const known = { certainty, reason, receipt, amountReceived, overridden, count };
  const added = { otherAmount, usedBy, furtherReceipts };
  return {
    ...{ source, at: isoOf(at), httpStatus, reading, providerStatus, providerMessage },
    bodySha256: print === null ? null : Buffer.from(String(print), 'base64url').toString('hex'),
    ...Object.fromEntries(Object.entries({ ...known, ...added }).filter(([, value]) => value != null)),
    ...(firstAt != null && { firstAt: isoOf(firstAt) }),
    ...(askedAt != null && { askedAt: isoOf(askedAt) }),
  };
}

function isoOf(at: unknown): string {
  return new Date(at as number).toISOString();
}

function trimmed(values: readonly unknown[]): Packed {
  return values.slice(0, values.findLastIndex((value) => value != null) + 1);
}
