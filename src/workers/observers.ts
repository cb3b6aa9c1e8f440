import type { ActivityLog } from '../accounts/activity.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { PollObserver } from './poll-observer.ts';

/** How often the log says that orders of another provider wait. */
const sayAgainMs = 60_000;

/**
 * Tells the log what the polls of one account teach. Texts in readings are redacted already.
 *
 * @param isLoggedElsewhere true for errors that are logged elsewhere, which are then not logged here
 */
export function logPolls(log: Log, isLoggedElsewhere: (error: unknown) => boolean): PollObserver {
  let turns = 0;
  let sayAgainAt = 0;
  return {
    reading({ order }, reading) {
      const { kind, source, httpStatus, providerStatus, providerMessage } = reading;
      log.debug(
        { orderId: order.orderId, reading: kind, source, httpStatus, providerStatus, providerMessage },
        'read',
      );
    },
    published(event, reading) {
      const { status, reason, polls, receipt } = event.data;
      log.info({ orderId: event.subject, id: event.id, status, reason, polls }, 'published');
      if (reading.kind !== 'paid' || reading.usedBy === undefined) return;
      log.error(
        { orderId: event.subject, usedBy: reading.usedBy, receipt },
        'one payment for two orders: it belongs to the order that was paid first; check both',
      );
    },
    contradiction({ order }, reading) {
      log.error(
        { orderId: order.orderId, reading: reading.kind, providerStatus: reading.providerStatus },
        'the provider contradicts a payment that it had confirmed; the order stays paid; check with the provider',
      );
    },
    unknownWord(word, orderId) {
      log.warn(
        { orderId, providerStatus: word },
        'unrecognised status; its orders stay open (see STATUS_OVERRIDES)',
      );
    },
    changedProvider({ order }) {
      turns += 1;
      const now = performance.now();
      if (now < sayAgainAt) return;
      sayAgainAt = now + sayAgainMs;
      const { orderId, provider } = order;
      log.error(
        { orderId, provider, turns },
        'orders were accepted for another provider than their account has now; they are not polled until ACCOUNTS is corrected (payment-poller doctor)',
      );
      turns = 0;
    },
    breaker(change, { kind, httpStatus, providerStatus, providerMessage }) {
      const why = { reading: kind, httpStatus, providerStatus, providerMessage };
      if (change === 'degraded') log.warn(why, 'the account is degraded; its orders wait');
      else log.info(why, 'the account has recovered');
    },
    neglected(what, orderId) {
      log.error(
        { orderId, neglected: what },
        'the order was updated, but a list or figure about it could not be written; repair that key or permission',
      );
    },
    error(error, orderId) {
      if (isLoggedElsewhere(error)) return;
      log.error({ err: error, orderId }, 'a poll could not be completed; it is retried');
    },
  };
}

/** Counts what the polls of one account teach. */
export function countPolls(metrics: Metrics, account: string): PollObserver {
  // An alert on growth sees the first one only where there was a zero before.
  const { contradictions, receiptsUsed, unrecognised, changedProviders, errors } = metrics;
  for (const counter of [contradictions, receiptsUsed, unrecognised, changedProviders, errors]) {
    counter.inc({ account }, 0);
  }
  // Looked up once: prom-client builds a key out of the labels otherwise, for every poll.
  const pollSeconds = metrics.pollSeconds.labels({ account });
  const polls = new Map<string, ReturnType<typeof metrics.polls.labels>>();
  return {
    reading(_record, reading, tookMs) {
      const counter = polls.get(reading.kind) ?? metrics.polls.labels({ account, reading: reading.kind });
      polls.set(reading.kind, counter);
      counter.inc();
      if (reading.source === 'poll') pollSeconds.observe(tookMs / 1_000);
      if (reading.kind === 'unrecognised') metrics.unrecognised.inc({ account });
    },
    published(event, reading) {
      const { status, reason, createdAt, settledAt } = event.data;
      metrics.verdicts.inc({ account, status, reason: reason ?? '' });
      if (reason === 'receipt-used') metrics.receiptsUsed.inc({ account });
      const tookMs = Date.parse(settledAt) - Date.parse(createdAt);
      if (event.stateversion === 1)
        metrics.verdictSeconds.observe({ account, status }, Math.max(0, tookMs) / 1_000);
      if (reading.kind === 'paid' && reading.paidAt !== null) {
        metrics.detectionSeconds.observe(
          { account },
          Math.max(0, Date.parse(settledAt) - reading.paidAt) / 1_000,
        );
      }
    },
    contradiction: () => metrics.contradictions.inc({ account }),
    unknownWord: () => {},
    changedProvider: () => metrics.changedProviders.inc({ account }),
    breaker: () => {},
    neglected: () => metrics.errors.inc({ account }),
    error: () => metrics.errors.inc({ account }),
  };
}

/** Notes for people when an account was last asked, and last answered. */
export function notePolls(activity: ActivityLog): PollObserver {
  return {
    reading: (_record, reading) => activity.note(reading),
    published: () => {},
    contradiction: () => {},
    unknownWord: () => {},
    changedProvider: () => {},
    breaker: () => {},
    neglected: () => {},
    error: () => {},
  };
}

/** Tells several observers. */
export function observeAll(...observers: readonly PollObserver[]): PollObserver {
  return {
    reading: (...args) => observers.forEach((each) => void each.reading(...args)),
    published: (...args) => observers.forEach((each) => void each.published(...args)),
    contradiction: (...args) => observers.forEach((each) => void each.contradiction(...args)),
    unknownWord: (...args) => observers.forEach((each) => void each.unknownWord(...args)),
    changedProvider: (...args) => observers.forEach((each) => void each.changedProvider(...args)),
    breaker: (...args) => observers.forEach((each) => void each.breaker(...args)),
    neglected: (...args) => observers.forEach((each) => void each.neglected(...args)),
    error: (...args) => observers.forEach((each) => void each.error(...args)),
  };
}
