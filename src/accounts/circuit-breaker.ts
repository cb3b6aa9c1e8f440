import { randomUUID } from 'node:crypto';
import type { Reading } from '../domain/order.ts';
import { createBatcher } from '../redis/batcher.ts';
import { type Redis, sendDirectly } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';
import { accountSignal } from './account-signal.ts';

const failedScript = loadScript('breaker-failed', import.meta.url);
const answeredScript = loadScript('breaker-answered', import.meta.url);
const enterScript = loadScript('breaker-enter', import.meta.url);
const deadlineScript = loadScript('breaker-deadline', import.meta.url);

/** When a sick provider is left alone. Times in milliseconds. */
export interface BreakerPolicy {
  /** Orders that must fail in a row, each counted once, until the circuit breaker opens. */
  readonly breakerFailures: number;
  /** The first rest; each further one is twice as long. */
  readonly breakerPauseMs: number;
  readonly breakerMaxPauseMs: number;
  /** Rest after a throttling answer that names no time. */
  readonly throttlePauseMs: number;
}

/** What the breaker knew when it let a poll pass; `report` needs it. */
export interface Admission {
  /** Failures, a rest or suspects stand in Redis and are to be cleared by an answer. */
  readonly troubled: boolean;
  /** The account is sick: one order probes at a time. */
  readonly probing: boolean;
  /** Since when the circuit breaker has been open; absent while it is closed. */
  readonly openSince?: number | undefined;
}

/** The order is to wait. */
export interface Wait {
  readonly waitUntil: number;
  /** Since when the circuit breaker has been open; absent: the order waits for another reason. */
  readonly openSince?: number | undefined;
}

/** The question behind a reading. */
export interface Asked {
  readonly orderId: string;
  /** Fingerprint of the credentials that sent it; `null`: not known. Default: those in use. */
  readonly credentials?: string | null;
}

/** What a reading changed for its account. */
export type GateChange = 'degraded' | 'recovered' | null;

/**
 * The circuit breaker of one account, shared by all processes through Redis. It counts only what speaks against the
 * account, by distinct orders in a row: after so many it opens, and the account rests, each time longer; then one order
 * probes while the others wait. Waiting uses nothing up and ends no order.
 *
 * An order that fails while the account answers for others is a *suspect*: from the second time on it counts no longer,
 * until it is answered itself. Suspects and orders whose probe has failed leave the probe to others.
 */
export interface CircuitBreaker {
  /** An order that may not pass looks again after about this long, in ms. */
  readonly retryMs: number;
  /** Fingerprint of the credentials in use. */
  readonly credentials: string;
  /** Lets an order pass, or says until when it is to wait. */
  admit(now: number): Promise<Admission | Wait>;
  /**
   * To be called right before the request, and only then: at a sick account it takes the turn to probe.
   * Returns until when to wait, `null` to go ahead.
   */
  enter(admission: Admission, now: number, orderId: string): Promise<number | null>;
  /**
   * Takes one of the few polls that orders past their deadline get though the circuit breaker is open.
   * Returns until when to wait, `null` to go ahead.
   */
  enterAtDeadline(now: number): Promise<number | null>;
  /**
   * Learns from a reading.
   *
   * @param asked by default, an order that nothing else is known of
   */
  report(
    admission: Pick<Admission, 'troubled' | 'probing'>,
    reading: Reading,
    now: number,
    asked?: Asked,
  ): Promise<GateChange>;
}

export interface CircuitBreakerParts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly account: string;
  readonly policy: BreakerPolicy;
  /** Fingerprint of the account's credentials: those that locked the account are not used again, new ones are. */
  readonly credentials: string;
  /** How long one poll may take at most. */
  readonly pollMs: number;
  /** Distance of the polls that orders past their deadline get while the circuit breaker is open. Default 400. */
  readonly deadlinePollEveryMs?: number;
}

/** How often orders of an account look whether its locked credentials were replaced. */
const lockedRetryMs = 60_000;
/** The breaker is looked at again after so long, however long the rest. */
const longestWaitMs = 3_600_000;
/** How often the others look whether the probe has come back, at most. */
const longestRetryMs = 1_000;
/** An order that failed so often while others were answered says nothing about the account any more. */
const suspectFrom = 2;
/** Lists of orders that failed are forgotten after so long without a new one. */
const listLifeMs = 3_600_000;

const fields = ['pausedUntil', 'level', 'failures', 'lockedBy', 'locked', 'suspects', 'openSince'];

export function createCircuitBreaker(parts: CircuitBreakerParts): CircuitBreaker {
  const { redis, keys, account, policy, credentials } = parts;
  const breaker = keys.breaker(account);
  const [probe, failed, suspects, tried] = [
    `${breaker}:probe`,
    `${breaker}:failed`,
    `${breaker}:suspects`,
    `${breaker}:tried`,
  ];
  const reportKeys = [breaker, probe, keys.accounts, failed, suspects, tried];
  const enterKeys = [breaker, probe, suspects, tried, `${breaker}:waiting`];
  const retryMs = Math.min(longestRetryMs, policy.breakerPauseMs);
  /** Longer than any order waits between two looks. */
  const giveWayMs = 3 * retryMs;

  /** One look for all who come at the same time. */
  const look = createBatcher<null, (string | null)[]>(async (requests) => {
    const known = await sendDirectly(redis, 'hmget', [breaker, ...fields]).catch(nothingWhereDamaged);
    return requests.map(() => known as (string | null)[]);
  }, Number.POSITIVE_INFINITY);

  async function failedNow(
    { probing }: Pick<Admission, 'probing'>,
    reading: Reading,
    now: number,
    orderId: string,
    asker: string | null,
  ): Promise<GateChange> {
    const locks = reading.kind === 'refused' && reading.locksAccount === true;
    const { breakerFailures, breakerPauseMs, breakerMaxPauseMs } = policy;
    const why = {
      reading: reading.kind,
      providerStatus: reading.providerStatus,
      httpStatus: reading.httpStatus,
    };
    const reply = await failedScript.run(redis, reportKeys, [
      ...[now, breakerFailures, breakerPauseMs, breakerMaxPauseMs, restMs(reading, policy)],
      ...[locks ? (asker ?? '') : '', asker === credentials ? 1 : 0, probing ? 1 : 0],
      ...[orderId, suspectFrom, listLifeMs],
      ...accountEvent(account, 'account.degraded', now, why),
    ]);
    return (reply as [string, number])[1] === 1 ? 'degraded' : null;
  }

  return {
    retryMs,
    credentials,

    async admit(now) {
      const [pausedUntil, level, failures, lockedBy, locked, suspected, since] = await look(null);
      const probing = Number(level ?? 0) > 0;
      const openSince = probing ? instantOf(since, now) : undefined;
      if (lockedBy === credentials || listed(locked).includes(credentials)) {
        return { waitUntil: now + lockedRetryMs };
      }
      const until = Number(pausedUntil ?? 0);
      // Looked at again after a while: an entry that somebody broke must not silence an account for ever.
      if (until > now) return { waitUntil: Math.min(until, now + longestWaitMs), openSince };
      const troubled = probing || [failures, suspected].some((count) => Number(count ?? 0) > 0);
      return { troubled: troubled || Boolean(lockedBy), probing, openSince };
    },

    async enter({ probing }, now, orderId) {
      if (!probing) return null;
      const reply = await enterScript.run(redis, enterKeys, [
        ...[now, orderId, parts.pollMs, suspectFrom, giveWayMs],
      ]);
      if (reply === '') return null;
      return now + (reply === 'give-way' ? giveWayMs : retryMs);
    },

    async enterAtDeadline(now) {
      const everyMs = parts.deadlinePollEveryMs ?? 400;
      const reply = String(await deadlineScript.run(redis, [breaker, `${breaker}:deadline`], [now, everyMs]));
      if (reply === '') return null;
      // Spread, so that those who wait do not all look in the same moment.
      const waitMs = Math.max(Number(reply) || 0, 0) + Math.ceil(Math.random() * retryMs);
      return now + Math.min(waitMs, longestWaitMs);
    },

    async report(
      admission,
      reading,
      now,
      { orderId, credentials: asker = credentials } = { orderId: randomUUID() },
    ) {
      switch (accountSignal(reading)) {
        case 'nothing':
          return null;
        case 'failed':
          // Other credentials were refused. That says nothing about ours; those that are locked are remembered all the same.
          if (
            reading.kind === 'refused' &&
            asker !== credentials &&
            (asker === null || !reading.locksAccount)
          )
            return null;
          return failedNow(admission, reading, now, orderId, asker);
        case 'answered': {
          if (!admission.troubled) return null;
          const event = accountEvent(account, 'account.recovered', now, { reading: reading.kind });
          const args = [asker ?? '', now, orderId, listLifeMs, suspectFrom, ...event];
          return (await answeredScript.run(redis, reportKeys, args)) === 1 ? 'recovered' : null;
        }
      }
    },
  };
}

/** A key of another type in the place of the breaker must not silence the account. */
function nothingWhereDamaged(error: unknown): string[] {
  if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return [];
  throw error;
}

function listed(text: string | null | undefined): readonly string[] {
  return (text ?? '').split(' ');
}

/** An entry that somebody broke counts as now. */
function instantOf(text: string | null | undefined, now: number): number {
  const at = Number(text ?? Number.NaN);
  return at > 0 && at <= now ? at : now;
}

function restMs(reading: Reading, policy: BreakerPolicy): number {
  if (reading.kind !== 'unavailable' || !reading.throttled) return 0;
  return reading.retryAfterMs ?? policy.throttlePauseMs;
}

function accountEvent(account: string, type: string, now: number, data: object): string[] {
  return [
    ...['specversion', '1.0', 'id', randomUUID(), 'source', `payment-poller/${account}`, 'type', type],
    ...['subject', account, 'time', new Date(now).toISOString(), 'datacontenttype', 'application/json'],
    ...['data', JSON.stringify({ account, ...data })],
  ];
}

/**
 * How an account stands.
 * - `closed`: it is asked.
 * - `resting`: the provider asked for a pause.
 * - `open`: it failed so often that it is left alone.
 * - `half-open`: one order probes whether it is back.
 * - `locked`: its credentials were refused for good; new ones are needed.
 */
export const breakerStates = ['closed', 'resting', 'open', 'half-open', 'locked'] as const;
export type BreakerState = (typeof breakerStates)[number];

export interface Breaker {
  readonly state: BreakerState;
  /** Orders that failed in a row. */
  readonly failures: number;
  /** Until when the account is left alone, `null` when it is not. */
  readonly pausedUntil: number | null;
}

/**
 * Reads the circuit breaker of an account, without touching it.
 *
 * @param credentials fingerprint of those in use; without it, an account is locked until other credentials were answered
 */
export async function readBreaker(
  redis: Redis,
  keys: Keys,
  account: string,
  now: number,
  credentials?: string,
): Promise<Breaker> {
  const names = ['pausedUntil', 'level', 'failures', 'lockedBy', 'locked'] as const;
  const known = await redis.hmget(keys.breaker(account), ...names);
  const [until, level, failures] = known.map(Number) as [number, number, number];
  const isPaused = until > now;
  const isLocked = credentials === undefined ? Boolean(known[3]) : listed(known[4]).includes(credentials);
  return { state: stateOf(isLocked, level > 0, isPaused), failures, pausedUntil: isPaused ? until : null };
}

function stateOf(isLocked: boolean, isOpen: boolean, isPaused: boolean): BreakerState {
  if (isLocked) return 'locked';
  if (isOpen) return isPaused ? 'open' : 'half-open';
  return isPaused ? 'resting' : 'closed';
}
