import { breakerStates } from '../accounts/breaker-state.ts';
import type { Overview } from '../api/ui/overview.ts';
import { pollClasses } from '../domain/poll-class.ts';
import type { OwnMetrics } from '../observability/metrics.ts';
import { ageClasses } from '../orders/unresolved-tally.ts';
import type { EndpointState } from '../webhooks/endpoint-state.ts';

/** Sets the gauges for a scrape from the overview. */
export function updateGauges(metrics: OwnMetrics, overview: Overview): void {
  const { at, asking, watching, oldestAsking, nextDue, groups } = overview;
  metrics.openOrders.set({ phase: 'asking' }, asking);
  metrics.openOrders.set({ phase: 'watching' }, watching);
  metrics.oldestAskingSeconds.set(oldestAsking === null ? 0 : secondsSince(oldestAsking.createdAt, at));
  metrics.overdueSeconds.set(nextDue === null ? 0 : secondsSince(nextDue.at, at));
  metrics.contradictedOrders.set(overview.contradicted);
  metrics.groupLag.reset();
  metrics.parked.reset();
  metrics.groupOldestSeconds.reset();
  metrics.groups.set(groups.length);
  for (const { group, lag, pending, parked, oldestAt } of groups) {
    metrics.groupLag.set({ group }, lag + pending);
    metrics.groupOldestSeconds.set({ group }, oldestAt === null ? 0 : secondsSince(oldestAt, at));
    metrics.parked.set({ group }, parked);
  }
  updateAccountGauges(metrics, overview);
  updateUnresolvedGauges(metrics, overview);
}

function updateAccountGauges(metrics: OwnMetrics, { accounts, at }: Overview): void {
  // Reset, because an hour without a final status has no lag.
  metrics.lagSeconds.reset();
  metrics.expectedLagSeconds.reset();
  for (const each of accounts) {
    const {
      id: account,
      breaker,
      isQueuePaused,
      answeredAt,
      orders,
      lateMs,
      ratePerSecond,
      lag,
      waiting,
    } = each;
    for (const state of breakerStates) {
      metrics.breaker.set({ account, state }, state === breaker.state ? 1 : 0);
    }
    metrics.accountPaused.set({ account, by: 'operator' }, breaker.pause === null ? 0 : 1);
    metrics.accountPaused.set({ account, by: 'board' }, isQueuePaused ? 1 : 0);
    if (answeredAt !== null) metrics.answerAge.set({ account }, secondsSince(answeredAt, at));
    metrics.accountOrders.set({ account }, orders);
    metrics.accountOverdueSeconds.set({ account }, lateMs / 1_000);
    metrics.rateLimit.set({ account }, ratePerSecond);
    metrics.rateUse.set({ account }, each.pollsPerMinute / (60 * ratePerSecond));
    if (lag !== null) metrics.lagSeconds.set({ account }, lag.medianMs / 1_000);
    if (lag?.expectedMs) metrics.expectedLagSeconds.set({ account }, lag.expectedMs / 1_000);
    for (const pollClass of pollClasses) {
      metrics.waitingPolls.set({ account, class: pollClass }, waiting[pollClass]);
    }
  }
}

function updateUnresolvedGauges(metrics: OwnMetrics, { unresolved }: Overview): void {
  // Reset, because a currency without unresolved orders is not listed any more.
  metrics.unresolvedAmount.reset();
  metrics.unresolvedOrders.reset();
  for (const { currency, classes } of unresolved?.currencies ?? []) {
    for (const { id: age } of ageClasses) {
      metrics.unresolvedAmount.set({ currency, age }, classes[age].amountMinor / 100);
      metrics.unresolvedOrders.set({ currency, age }, classes[age].orders);
    }
  }
}

/** Sets the gauges of the webhook endpoints for a scrape. */
export function updateWebhookGauges(
  metrics: OwnMetrics,
  endpoints: readonly EndpointState[],
  now: number,
): void {
  const { webhookQueue, webhookOldestSeconds, webhookDeadLetters, webhookDisabled } = metrics;
  // Reset, because an endpoint that was removed is not listed any more.
  for (const gauge of [webhookQueue, webhookOldestSeconds, webhookDeadLetters, webhookDisabled])
    gauge.reset();
  for (const { name: endpoint, queued, oldestAt, deadLetters, disabled } of endpoints) {
    webhookQueue.set({ endpoint }, queued);
    webhookOldestSeconds.set({ endpoint }, oldestAt === null ? 0 : secondsSince(oldestAt, now));
    webhookDeadLetters.set({ endpoint }, deadLetters);
    webhookDisabled.set({ endpoint }, disabled === null ? 0 : 1);
  }
}

function secondsSince(then: number, now: number): number {
  return Math.max(0, (now - then) / 1_000);
}
