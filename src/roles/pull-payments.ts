import type { AccountConfig } from '../config/config.ts';
import { promote } from '../jobs/poll-now.ts';
import type { Log } from '../observability/log.ts';
import { noteContradicted } from '../orders/contradicted.ts';
import { unresolvedOf } from '../orders/unresolved.ts';
import type { AccessTokens } from '../providers/access-token.ts';
import type { Transport } from '../providers/transport.ts';
import { pullOnce } from '../reconcile/pull/pull.ts';
import { createPullClient } from '../reconcile/pull/pull-client.ts';
import { startPullSchedule } from '../reconcile/pull/pull-schedule.ts';
import type { PollObserver } from '../workers/poll-observer.ts';
import { paymentRules } from './account-info.ts';
import type { Shared } from './shared.ts';

export interface PullPaymentsParts {
  readonly log: Log;
  readonly transport: Transport;
  readonly tokens: AccessTokens | null;
  readonly observer: PollObserver;
}

/** Orders that one log line names. */
const named = 20;

/** Starts the pulls of an account whose settings ask for them; `null` for all others. */
export async function startPullPayments(
  account: AccountConfig,
  shared: Shared,
  { log, transport, tokens, observer }: PullPaymentsParts,
) {
  const { config, redis, keys, store, clock, metrics } = shared;
  const { id, provider, settings } = account;
  const { pullEveryMs, pullRatePerSecond, pullByReference, baseUrl } = settings;
  const shortCode = shortCodeOf(settings);
  if (typeof pullEveryMs !== 'number' || pullEveryMs === 0 || tokens === null || shortCode === null)
    return null;
  const send = createPullClient(transport, tokens);
  return startPullSchedule({
    ...{ redis, keys, account: id, everyMs: pullEveryMs },
    ...{ lockDurationMs: config.lockDurationMs, stalledIntervalMs: config.stalledIntervalMs },
    failed(error) {
      if (!shared.outage.covers(error)) log.error({ err: error }, 'a pull failed; the next one tries again');
    },
    async pull(signal) {
      const { possible, ...pulled } = await pullOnce({
        ...{ send, signal, currencies: account.currencies, byReference: pullByReference === true },
        settings: { baseUrl: String(baseUrl), shortCode },
        ratePerSecond: Number(pullRatePerSecond),
        unresolved: () => unresolvedOf(redis, keys, id),
        settling: {
          ...{
            store,
            account: id,
            provider,
            policy: account.policy,
            payments: paymentRules(account),
            clock,
            observer,
          },
          contradicts: (orderId) => noteContradicted(redis, keys, orderId, clock.now()),
          reschedule: (orderId, at) => promote(shared.queue(id), orderId, at, clock.now()),
        },
      });
      metrics.pulls.inc({ account: id, outcome: pulled.outcome });
      if (pulled.outcome === 'failed') log.warn(pulled, 'a pull ended early; the next one tries again');
      else if (pulled.outcome !== 'no-orders') log.info(pulled, 'pulled payments');
      if (possible.length > 0)
        log.warn(
          { orders: possible.slice(0, named), count: possible.length },
          'pulled payments may be those of unresolved orders; compare them with a statement (payment-poller reconcile)',
        );
    },
  });
}

/** The short code that is asked for: the first, where an account has several. */
export function shortCodeOf({ shortCode, shortCodes }: AccountConfig['settings']): string | null {
  const [first] = [shortCode, shortCodes].flat().filter((code) => typeof code === 'string');
  return first ?? null;
}
