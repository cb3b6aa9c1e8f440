import { randomUUID } from 'node:crypto';
import { Registry } from 'prom-client';
import { readRegistry } from '../accounts/registry.ts';
import { createAlertStore } from '../alerts/alert-store.ts';
import type { Figures } from '../alerts/evaluate.ts';
import { startNotifier } from '../alerts/notifier.ts';
import { createOverview } from '../api/ui/overview.ts';
import { metricPrefix } from '../observability/metric-definitions.ts';
import { ownMetrics } from '../observability/metrics.ts';
import { providers } from '../providers/index.ts';
import { endsWithin } from '../redis/timeout.ts';
import { createAddressGuard } from '../webhooks/address-guard.ts';
import { displayedUrl } from '../webhooks/displayed-url.ts';
import { createWebhookSender } from '../webhooks/send.ts';
import { accountsShown } from './accounts-overview.ts';
import { measure } from './measure.ts';
import type { Shared } from './shared.ts';

/** How often the alerts are evaluated. */
const everyMs = 15_000;
/** How long closing may take: while Redis is unavailable it might never end. */
const closeMs = 1_000;

/** Sends the alerts to NOTIFY_WEBHOOK_URL. @param unserved open orders of accounts that no process serves */
export function startNotifications(shared: Shared, url: string, unserved: () => ReadonlyMap<string, number>) {
  const { config, log, redis, keys, clock, outage } = shared;
  const { webhookTimeoutMs: timeoutMs, webhookAllowedAddresses } = config;
  const guard = createAddressGuard(webhookAllowedAddresses);
  const sender = createWebhookSender({ url, guard, timeoutMs, connections: 1 });
  // A second set of metrics: those of /metrics are of this process' accounts, these of all accounts.
  const registry = new Registry();
  const metrics = ownMetrics(registry);
  let isDelivering = true;

  async function figures(): Promise<Figures> {
    await measure(shared, metrics, createOverview({ ...shared, accounts: await allAccounts(shared) }));
    metrics.unservedOrders.reset();
    for (const [account, orders] of unserved()) metrics.unservedOrders.set({ account }, orders);
    const read = await registry.getMetricsAsJSON();
    return new Map(read.map(({ name, values }) => [name.slice(metricPrefix.length), values])) as Figures;
  }

  const notifier = startNotifier({
    // A message may take `timeoutMs`, and an evaluation as long again.
    store: createAlertStore(redis, keys, randomUUID(), 2 * everyMs + 2 * timeoutMs),
    sender: {
      async send(headers, body) {
        const outcome = await sender.send(headers, body);
        if (outcome.kind === 'delivered') isDelivering = true;
        return outcome;
      },
    },
    measure: figures,
    now: clock.now,
    everyMs,
    undelivered(answer) {
      // Once per outage of the receiver.
      if (isDelivering)
        log.error(
          { url: displayedUrl(url), answer },
          'an alert could not be sent to NOTIFY_WEBHOOK_URL; it is tried again',
        );
      isDelivering = false;
    },
    failed(error) {
      if (!outage.covers(error))
        log.warn(
          { err: error },
          'the alerts for NOTIFY_WEBHOOK_URL could not be evaluated; it is tried again',
        );
    },
  });
  return {
    async close() {
      const closed = notifier.close();
      await sender.close();
      await endsWithin(closed, closeMs);
    },
  };
}

/** The accounts of this process, and those that others have registered. */
async function allAccounts({ config, redis, keys }: Shared) {
  const own = accountsShown(config);
  const { accounts } = await readRegistry(redis, keys, providers);
  const others = [...accounts].filter(([id]) => !own.some((account) => account.id === id));
  // Their rate limit is in no alert.
  return [...own, ...others.map(([id, { provider }]) => ({ id, provider, ratePerSecond: 1 }))];
}
