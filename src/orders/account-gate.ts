import { randomUUID } from 'node:crypto';
import { createBatcher } from '../batcher.ts';
import { isAnswered, type Reading } from '../order.ts';
import { type Redis, sendDirectly } from '../redis.ts';
import type { Keys } from './keys.ts';
import { loadScript } from './script.ts';

const failedScript = loadScript('gate-failed');
const answeredScript = loadScript('gate-answered');

/** When a sick provider is left alone. Times in milliseconds. */
export interface BreakerPolicy {
  /** Unavailable or refused readings in a row after which the account rests. */
  readonly breakerFailures: number;
  /** The first rest; each further one is twice as long. */
  readonly breakerPauseMs: number;
  readonly breakerMaxPauseMs: number;
  /** Rest after a throttling answer that names no time. */
  readonly throttlePauseMs: number;
}

/** What the gate knew when it let a poll pass; `report` needs it. */
export interface Admission {
  /** Failures in a row, or a rest, stand in Redis and are to be cleared by an answer. */
  readonly troubled: boolean;
  /** The account is sick: one order probes at a time. */
  readonly probing: boolean;
}

/** What a reading changed for its account. */
export type GateChange = 'degraded' | 'recovered' | null;

/**
 * The breaker of one account, shared by all processes through Redis: after failures in a row the account rests, each
 * time longer; then one order probes while the others wait. Waiting uses nothing up and ends no order.
 */
export interface AccountGate {
  /** Lets an order pass, or says until when it is to wait. */
  admit(now: number): Promise<Admission | { readonly waitUntil: number }>;
  /**
   * To be called right before the request, and only then: at a sick account it takes the turn to probe.
   * Returns until when to wait, `null` to go ahead.
   */
  enter(admission: Admission, now: number): Promise<number | null>;
  /** Learns from a reading. */
  report(admission: Admission, reading: Reading, now: number): Promise<GateChange>;
}

export interface AccountGateParts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly account: string;
  readonly policy: BreakerPolicy;
  /** Fingerprint of the account's settings: credentials that locked the account are not used again, new ones are. */
  readonly credentials: string;
  /** How long one poll may take at most. */
  readonly pollMs: number;
}

/** How often orders of an account look whether its locked credentials were replaced. */
const lockedRetryMs = 60_000;
/** The gate is looked at again after so long, however long the rest. */
const longestWaitMs = 3_600_000;
/** How often the others look whether the probe has come back. */
const probeRetryMs = 1_000;

export function createAccountGate(parts: AccountGateParts): AccountGate {
  const { redis, keys, account, policy, credentials } = parts;
  const gate = keys.gate(account);
  const probe = `${gate}:probe`;
  const eventKeys = [gate, probe, keys.accounts];

  /** One look for all who come at the same time. */
  const look = createBatcher<null, (string | null)[]>(async (requests) => {
    const known = await sendDirectly(redis, 'hmget', [gate, 'pausedUntil', 'level', 'failures', 'lockedBy']);
    return requests.map(() => known as (string | null)[]);
  }, Number.POSITIVE_INFINITY);

  return {
    async admit(now) {
      const [pausedUntil, level, failures, lockedBy] = await look(null);
      if (lockedBy === credentials) return { waitUntil: now + lockedRetryMs };
      const until = Number(pausedUntil ?? 0);
      // Looked at again after a while: an entry that somebody broke must not silence an account for ever.
      if (until > now) return { waitUntil: Math.min(until, now + longestWaitMs) };
      const probing = Number(level ?? 0) > 0;
      return { troubled: probing || Number(failures ?? 0) > 0 || Boolean(lockedBy), probing };
    },

    async enter({ probing }, now) {
      if (!probing || (await redis.set(probe, '1', 'PX', parts.pollMs, 'NX')) === 'OK') return null;
      return now + probeRetryMs;
    },

    async report({ troubled, probing }, reading, now) {
      if (reading.kind === 'unavailable' || reading.kind === 'refused') {
        const rest = restMs(reading, policy);
        const locked = reading.kind === 'refused' && reading.locksAccount ? credentials : '';
        const { breakerFailures, breakerPauseMs, breakerMaxPauseMs } = policy;
        const why = {
          reading: reading.kind,
          providerStatus: reading.providerStatus,
          httpStatus: reading.httpStatus,
        };
        const reply = await failedScript.run(redis, eventKeys, [
          ...[now, breakerFailures, breakerPauseMs, breakerMaxPauseMs, rest, locked, probing ? 1 : 0],
          ...accountEvent(account, 'account.degraded', now, why),
        ]);
        return (reply as [string, number])[1] === 1 ? 'degraded' : null;
      }
      if (!troubled || !(isAnswered(reading) || reading.kind === 'unrecognised')) return null;
      const fields = accountEvent(account, 'account.recovered', now, { reading: reading.kind });
      return (await answeredScript.run(redis, eventKeys, [credentials, ...fields])) === 1
        ? 'recovered'
        : null;
    },
  };
}

function restMs(
  reading: Extract<Reading, { kind: 'unavailable' | 'refused' }>,
  policy: BreakerPolicy,
): number {
  if (reading.kind === 'refused' || !reading.throttled) return 0;
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
  /** Failures in a row. */
  readonly failures: number;
  /** Until when the account is left alone, `null` when it is not. */
  readonly pausedUntil: number | null;
}

/** Reads the breaker of an account, without touching it. */
export async function readBreaker(redis: Redis, keys: Keys, account: string, now: number): Promise<Breaker> {
  const known = await redis.hmget(keys.gate(account), 'pausedUntil', 'level', 'failures', 'lockedBy');
  const [until, level, failures] = known.map(Number) as [number, number, number];
  const isPaused = until > now;
  const state = known[3]
    ? 'locked'
    : level > 0
      ? isPaused
        ? 'open'
        : 'half-open'
      : isPaused
        ? 'resting'
        : 'closed';
  return { state, failures, pausedUntil: isPaused ? until : null };
}
