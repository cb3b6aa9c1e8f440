import { randomUUID } from 'node:crypto';
import type { Reading } from '../domain/order.ts';
import { createBatcher } from '../redis/batcher.ts';
import { isWrongType, type Redis, sendDirectly } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';
import { accountEvent } from './account-event.ts';
import { accountSignal } from './account-signal.ts';
import { listed } from './breaker-state.ts';
import { type AccountPause, parsePause, restorePause } from './pause.ts';
import { whyFailed } from './why-failed.ts';

const failedScript = loadScript('breaker-failed', import.meta.url);
const answeredScript = loadScript('breaker-answered', import.meta.url);
const enterScript = loadScript('breaker-enter', import.meta.url);
const deadlineScript = loadScript('breaker-deadline', import.meta.url);

/** When polls to a failing account are paused, and for how long. Times in milliseconds. */
export interface BreakerPolicy {
  /** Distinct orders that must fail in a row to open the circuit breaker. */
  readonly breakerFailures: number;
  /** The first pause; each further one is twice as long, up to `breakerMaxPauseMs`. */
  readonly breakerPauseMs: number;
  readonly breakerMaxPauseMs: number;
  /** Pause after a throttling answer without `Retry-After`. */
  readonly throttlePauseMs: number;
}

/** The state of the breaker when it admitted a poll; `report` needs it. */
export interface Admission {
  /** Redis holds failures, a pause or suspects, which the next answer must clear. */
  readonly troubled: boolean;
  /** The breaker is half-open: one order at a time probes the account. */
  readonly probing: boolean;
  /** Since when the circuit breaker has been open; absent while it is closed. */
  readonly openSince?: number | undefined;
}

/** The poll is not admitted; the order waits. */
export interface Wait {
  readonly waitUntil: number;
  /** Since when the circuit breaker has been open; absent if the order waits for another reason. */
  readonly openSince?: number | undefined;
  /** The credentials are locked: not even orders past their deadline are polled. */
  readonly isLocked?: true;
  /** People have paused the account: no request is sent, and orders past their deadline get their verdict without one. */
  readonly pause?: AccountPause;
}

/** The poll or query that a reading answers. */
export interface Asked {
  readonly orderId: string;
  /** Fingerprint of the credentials that sent it; `null` if unknown. Default: those in use. */
  readonly credentials?: string | null;
}

/** How a reading changed the health of its account. */
export type HealthChange = 'degraded' | 'recovered' | null;

/**
 * The circuit breaker of one account, shared by all processes through Redis. After failures of `breakerFailures` distinct
 * orders in a row it opens and polls are paused. Then one order at a time probes while the others wait; a failed probe doubles
 * the pause. Waiting uses up no attempt and ends no order.
 *
 * An order that fails while the account answers for others becomes a *suspect*. From its second such failure on it no longer
 * counts, until it is answered. Suspects, and orders whose probe failed, let other orders probe first.
 */
export interface CircuitBreaker {
  /** About how long an order that was not admitted waits before it tries again, in ms. */
  readonly retryMs: number;
  /** Fingerprint of the credentials in use. */
  readonly credentials: string;
  /** Admits a poll, or says until when the order must wait. */
  admit(now: number): Promise<Admission | Wait>;
  /**
   * Acquires the probe if the breaker is half-open. Call it right before the request, and only then.
   * Returns until when to wait, `null` to go ahead.
   */
  enter(admission: Admission, now: number, orderId: string): Promise<number | null>;
  /**
   * Acquires one of the few polls that orders past their deadline get while the account is paused or the breaker is open.
   * Returns until when to wait, `null` to go ahead.
   */
  enterAtDeadline(now: number): Promise<number | null>;
  /**
   * Updates the breaker with a reading. Returns how the account's health changed, `null` if it did not.
   *
   * @param asked default: an anonymous order, polled with the credentials in use
   */
  report(
    admission: Pick<Admission, 'troubled' | 'probing'>,
    reading: Reading,
    now: number,
    asked?: Asked,
  ): Promise<HealthChange>;
}

export interface CircuitBreakerParts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly account: string;
  readonly policy: BreakerPolicy;
  /** Fingerprint of the credentials in use. Locked credentials stay locked; new ones are not affected. */
  readonly credentials: string;
  /** Longest duration of one poll, in ms. */
  readonly pollMs: number;
  /** Least interval between the polls of orders past their deadline while the account is paused, in ms. Default 400. */
  readonly deadlinePollEveryMs?: number;
  /** How often orders check whether people have resumed their account, in ms. Default 20,000: less than the sweeper tolerates. */
  readonly pausedRetryMs?: number;
}

/** How often orders check for new credentials while theirs are locked. */
const lockedRetryMs = 60_000;
const defaultPausedRetryMs = 20_000;
/** The breaker is checked at least this often, however long the pause. */
const longestWaitMs = 3_600_000;
/** Upper limit of `retryMs`. */
const longestRetryMs = 1_000;
/** After this many failures while others were answered, an order is a suspect and no longer counts. */
const suspectFrom = 2;
/** TTL of the sorted sets of failed orders, renewed by each new failure. */
const listLifeMs = 3_600_000;
/** The longest pause of an account that the throttling of a few orders may cause. */
const longestPauseByFewOrdersMs = 60_000;

type Fields = readonly (string | null | undefined)[];
const fields = ['pausedUntil', 'level', 'failures', 'lockedBy', 'locked', 'suspects', 'openSince'];

/** Opens the circuit breaker of one account. */
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
  /** Longer than `retryMs`, so that every waiting order gets a chance first. */
  const giveWayMs = 3 * retryMs;
  /** One read serves all polls that are admitted at the same time. */
  const readFields = createBatcher<null, Fields>(async (requests) => {
    const known = await sendDirectly(redis, 'hmget', [breaker, 'pause', ...fields]).catch(emptyIfWrongType);
    const [pause, ...rest] = known as Fields;
    const answer = [await keepPause(pause ?? ''), ...rest];
    return requests.map(() => answer);
  }, Number.POSITIVE_INFINITY);
  /** The field `pause` as it was last seen. */
  let lastPause = '';

  /** The field stays when a pause ends, so where it is missing, Redis has lost it. The account stays paused, also meanwhile. */
  async function keepPause(found: string): Promise<string> {
    if (found === '' && lastPause !== '') {
      const kept = await restorePause(redis, breaker, lastPause).catch(emptyIfWrongType);
      if (typeof kept === 'string') lastPause = kept;
    } else {
      lastPause = found;
    }
    return lastPause;
  }

  async function failedNow(
    { probing }: Pick<Admission, 'probing'>,
    reading: Reading,
    now: number,
    orderId: string,
    asker: string | null,
  ): Promise<HealthChange> {
    const locks = reading.kind === 'refused' && reading.locksAccount === true;
    const { breakerFailures, breakerPauseMs, breakerMaxPauseMs } = policy;
    const why = {
      reading: reading.kind,
      providerStatus: reading.providerStatus,
      httpStatus: reading.httpStatus,
    };
    const reply = await failedScript.run(redis, reportKeys, [
      ...[now, breakerFailures, breakerPauseMs, breakerMaxPauseMs, requestedPauseMs(reading, policy)],
      ...[locks ? (asker ?? '') : '', asker === credentials ? 1 : 0, probing ? 1 : 0],
      ...[orderId, suspectFrom, listLifeMs, longestPauseByFewOrdersMs, whyFailed(reading)],
      ...accountEvent(account, 'account.degraded', now, why),
    ]);
    return (reply as [string, number])[1] === 1 ? 'degraded' : null;
  }

  return {
    retryMs,
    credentials,

    async admit(now) {
      const [paused, pausedUntil, level, failures, lockedBy, locked, suspected, since] =
        await readFields(null);
      const probing = Number(level ?? 0) > 0;
      const openSince = probing ? instantOf(since, now) : undefined;
      const pause = parsePause(paused);
      if (pause !== null) {
        return { waitUntil: now + (parts.pausedRetryMs ?? defaultPausedRetryMs), openSince, pause };
      }
      if (lockedBy === credentials || listed(locked).includes(credentials)) {
        return { waitUntil: now + lockedRetryMs, isLocked: true };
      }
      const until = Number(pausedUntil ?? 0);
      // Capped, because a corrupt entry must not block an account forever.
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
      const reply = String(await deadlineScript.run(redis, [`${breaker}:deadline`], [everyMs]));
      if (reply === '') return null;
      // Jitter, so that waiting orders do not all retry at the same moment.
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
          // A refusal of other credentials says nothing about ours, but if they are locked, that is recorded.
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

/** A key of another type in place of the breaker must not block the account. */
function emptyIfWrongType(error: unknown): string[] {
  if (isWrongType(error)) return [];
  throw error;
}

/** Parses an instant; an invalid one counts as now. */
function instantOf(text: string | null | undefined, now: number): number {
  const at = Number(text ?? Number.NaN);
  return at > 0 && at <= now ? at : now;
}

function requestedPauseMs(reading: Reading, policy: BreakerPolicy): number {
  if (reading.kind !== 'unavailable' || !reading.throttled) return 0;
  return reading.retryAfterMs ?? policy.throttlePauseMs;
}
