import type { WebhookEndpoint } from '../config/webhook-endpoints.ts';
import { endsWithin } from '../redis/timeout.ts';
import type { Subscription } from '../results/subscribe.ts';
import { createAddressGuard } from '../webhooks/address-guard.ts';
import { createDeliveryQueue } from '../webhooks/delivery-queue.ts';
import { type Dispatcher, type DispatchObserver, startDispatcher } from '../webhooks/dispatcher.ts';
import { displayedUrl } from '../webhooks/displayed-url.ts';
import { createWebhooksGroup, startFanOut, webhooksGroup } from '../webhooks/fan-out.ts';
import {
  destroyUnusedGroup,
  forgetEndpoints,
  registerEndpoints,
  registeredEndpoints,
} from '../webhooks/registry.ts';
import { dayMs } from '../webhooks/retry.ts';
import { createWebhookSender } from '../webhooks/send.ts';
import type { Shared } from './shared.ts';

const renewEveryMs = 10_000;
/** Requests to one endpoint at the same time, per process. */
const concurrency = 10;
/** How much longer than an attempt a lease lasts, in ms: for Redis, and for the waits of a busy process. */
const leaseMarginMs = 20_000;
/** How long requests under way may take at shutdown, at most SHUTDOWN_MS. Those of endpoints that hang are aborted. */
const closeMs = 2_000;
/** How long the requests that were aborted at shutdown may take to be released. */
const releaseMs = 500;
/** The pauses of the circuit breaker, as multiples of the first retry delay: 30 s to 5 min with the default. */
const [pauseFactor, maxPauseFactor] = [6, 60];

/** Starts the role `webhooks`: queues results for every endpoint, and delivers them to those configured here. */
export async function startWebhooks(shared: Shared) {
  const { config, log, redis, keys, clock, outage } = shared;
  const endpoints = config.webhooks;
  const dispatchers = new Map<string, RunningEndpoint>();
  let fanOut: Subscription | null = null;

  function failed(error: unknown): void {
    if (!outage.covers(error))
      log.warn({ err: error }, 'a result could not be queued for the webhooks; it is retried');
  }

  /** Reads the results while any process has endpoints, this one or another. */
  async function follow(): Promise<void> {
    const isNeeded = (await registeredEndpoints(redis, keys, clock.now())).length > 0;
    if (isNeeded && fanOut === null) {
      await createWebhooksGroup(redis, keys);
      fanOut = startFanOut({
        ...{ redis, keys, now: clock.now, failed },
        deliveriesLifeMs: config.retentionDays * dayMs,
        queued: (endpoint) => dispatchers.get(endpoint)?.dispatcher.wake(),
      });
    }
    if (isNeeded) return;
    await fanOut?.close();
    fanOut = null;
    if (await destroyUnusedGroup(redis, keys, webhooksGroup, clock.now()))
      log.info({ group: webhooksGroup }, 'no webhook endpoint is left; the consumer group was removed');
  }

  async function renew(): Promise<void> {
    try {
      await registerEndpoints(redis, keys, endpoints, clock.now());
      for (const { name, orders } of await forgetEndpoints(redis, keys, clock.now()))
        log.warn(
          { endpoint: name, orders },
          'a webhook endpoint that no process has served for a week was removed',
        );
      await follow();
    } catch (error) {
      failed(error);
    }
  }

  await registerEndpoints(redis, keys, endpoints, clock.now());
  // A stream that something else has overwritten must not stop what is queued already from being delivered.
  await follow().catch(failed);
  for (const endpoint of endpoints) dispatchers.set(endpoint.name, startEndpoint(endpoint, shared));
  let renewing: Promise<void> | null = null;
  const timer = setInterval(() => {
    renewing ??= renew().finally(() => {
      renewing = null;
    });
  }, renewEveryMs);

  return {
    async close() {
      clearInterval(timer);
      const running = [...dispatchers.values()];
      const closed = Promise.all([
        Promise.resolve(renewing).then(() => fanOut?.close()),
        ...running.map(({ dispatcher }) => dispatcher.close()),
      ]);
      const isInTime = await endsWithin(closed, Math.min(config.shutdownMs, closeMs));
      await Promise.all(running.map(({ sender }) => sender.close()));
      // Closing the senders aborts requests; they are released while Redis is still connected.
      if (!isInTime) await endsWithin(closed, releaseMs);
    },
  };
}

interface RunningEndpoint {
  readonly dispatcher: Dispatcher;
  readonly sender: ReturnType<typeof createWebhookSender>;
}

function startEndpoint(endpoint: WebhookEndpoint, shared: Shared): RunningEndpoint {
  const { config, redis, keys, clock } = shared;
  const { webhookTimeoutMs: timeoutMs, webhookRetryMs, webhookAllowedAddresses } = config;
  const leaseMs = timeoutMs + leaseMarginMs;
  const guard = createAddressGuard(webhookAllowedAddresses);
  const sender = createWebhookSender({ url: endpoint.url, guard, timeoutMs, connections: concurrency });
  const queue = createDeliveryQueue(
    {
      ...{ redis, keys, leaseMs, deliveriesLifeMs: config.retentionDays * dayMs },
      pauseMs: pauseFactor * webhookRetryMs,
      maxPauseMs: maxPauseFactor * webhookRetryMs,
    },
    endpoint,
  );
  const dispatcher = startDispatcher({
    ...{ endpoint, queue, sender, concurrency, now: clock.now, startWithinMs: leaseMarginMs / 2 },
    policy: { firstDelayMs: webhookRetryMs, lifeMs: dayMs },
    observer: observerOf(endpoint, shared),
  });
  return { dispatcher, sender };
}

/** Logs what an operator should know, and counts everything. Single failures are not logged: there may be thousands. */
function observerOf({ name, url }: WebhookEndpoint, { log, metrics, outage }: Shared): DispatchObserver {
  const facts = { endpoint: name, url: displayedUrl(url) };
  return {
    attempted(endpoint, outcome, seconds) {
      metrics.webhooks.inc({ endpoint, outcome });
      metrics.webhookSeconds.observe({ endpoint }, seconds);
    },
    gaveUp(_endpoint, eventId, answer) {
      log.error(
        { ...facts, eventId, answer },
        'a webhook was given up; payment-poller webhooks resend sends it again',
      );
    },
    stopped(_endpoint, why, answer) {
      if (why === 'open')
        log.warn({ ...facts, answer }, 'a webhook endpoint fails; it is tried less often until it answers');
      else
        log.error(
          { ...facts, answer },
          'a webhook endpoint answered 410 and is disabled; payment-poller webhooks enable enables it',
        );
    },
    failed(error) {
      if (!outage.covers(error))
        log.error({ err: error, ...facts }, 'webhooks could not be taken from the queue; it is retried');
    },
  };
}
