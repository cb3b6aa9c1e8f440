import { type ActivityLog, createActivityLog } from '../accounts/activity.ts';
import { createCircuitBreaker } from '../accounts/circuit-breaker.ts';
import { createLagLog } from '../accounts/lag-log.ts';
import { registerAccounts } from '../accounts/registry.ts';
import type { AccountConfig } from '../config/config.ts';
import type { Log } from '../observability/log.ts';
import { fingerprintOf } from '../observability/package-info.ts';
import { createBeginQuery } from '../orders/begin-query.ts';
import { changedProviderText, findChangedProviders } from '../orders/changed-providers.ts';
import { createAccessTokens } from '../providers/access-token.ts';
import { createAsker } from '../providers/ask.ts';
import { credentialsOf } from '../providers/known-secrets.ts';
import { createRequestPacer, type RequestPacer } from '../providers/request-pacer.ts';
import { createTransport, type Transport } from '../providers/transport.ts';
import { endsWithin } from '../redis/timeout.ts';
import {
  type AdaptiveSchedule,
  createAdaptiveSchedule,
  type PlanningParts,
} from '../workers/adaptive/adaptive-schedule.ts';
import { countArrivals } from '../workers/adaptive/arrival-log.ts';
import { createCompletionLog } from '../workers/adaptive/completion-log.ts';
import { damageKinds } from '../workers/damage.ts';
import { createNewWords } from '../workers/new-words.ts';
import { countPolls, logPolls, notePolls, observeAll } from '../workers/observers.ts';
import { createPollWorker } from '../workers/poll-worker.ts';
import { startSweeper } from '../workers/sweeper.ts';
import { traceAsker, tracePolls } from '../workers/tracing.ts';
import { accountInfo, paymentRules } from './account-info.ts';
import { startPullPayments } from './pull-payments.ts';
import { dayMs, type Shared } from './shared.ts';

/** Starts the role `worker`: a poll worker for every account, and the sweeper. */
export async function startWorkers(shared: Shared) {
  const { config, log, metrics, redis, keys, store, queue, outage } = shared;
  const sweeper = await startSweeper({
    redis,
    keys,
    accounts: config.accounts.map(({ id }) => id),
    store,
    queue,
    intervalMs: config.sweepIntervalMs,
    resultsRetentionMs: config.resultsRetentionDays * dayMs,
    retentionMs: config.retentionDays * dayMs,
    indexedMetadata: config.indexedMetadata,
    now: shared.clock.now,
    lockDurationMs: config.lockDurationMs,
    stalledIntervalMs: config.stalledIntervalMs,
    mended(kind, orderId) {
      metrics.swept.inc({ kind });
      log.warn({ kind, orderId }, 'the sweeper repaired an order');
    },
    damaged({ counts, examples }) {
      for (const kind of damageKinds) metrics.damaged.inc({ kind }, counts[kind]);
      log.error({ counts, examples }, 'the sweeper found unreadable keys and skipped them');
    },
    failed(error) {
      if (!outage.covers(error)) log.error({ err: error }, 'a sweep failed; the next one continues');
    },
  });
  await reportChangedProviders(shared);
  const accounts = config.accounts.map((account) => startAccount(account, shared));
  const pulls = await Promise.all(accounts.map(({ startPulls }) => startPulls()));
  const closing = (force: boolean) => [
    sweeper.close(force),
    ...pulls.map((pull) => pull?.close(force) ?? Promise.resolve()),
    ...accounts.map(({ worker, activity, adaptive }) =>
      worker.close(force).then(() => Promise.all([activity.close(), adaptive.close()])),
    ),
  ];
  return {
    async close() {
      const closed = Promise.all(closing(false));
      const isInTime = await endsWithin(closed, config.shutdownMs);
      if (!isInTime) {
        log.warn(
          { shutdownMs: config.shutdownMs },
          'unfinished polls are released; other workers take them over',
        );
        // Not awaited: BullMQ's close hangs while Redis is unavailable (upstream #4656), and the locks expire by themselves.
        for (const part of closing(true)) void part.catch(() => {});
      }
      await Promise.all(accounts.map(({ transport }) => transport.close()));
      for (const { pacer } of accounts) pacer.close();
      // Closing the transport aborts requests in flight; their jobs are released while Redis is still connected.
      if (!isInTime) await endsWithin(closed, handBackMs);
    },
  };
}

/**
 * While the circuit breaker is open, orders past their deadline get one in this many of the polls that the rate limit allows.
 * Orders are polled at least four times, so they do not reach their deadlines faster than that.
 */
const deadlineShare = 4;

/** How long releasing the jobs of aborted polls may take at shutdown. */
const handBackMs = 500;

/** Logs at startup which orders cannot be polled, as `doctor` does. Never prevents the workers from starting. */
async function reportChangedProviders({ config, redis, keys, store, log }: Shared): Promise<void> {
  try {
    const providers = new Map(config.accounts.map(({ id, provider }) => [id, provider.id]));
    for (const changed of await findChangedProviders(redis, keys, store, providers)) {
      log.error({ ...changed }, changedProviderText(changed));
    }
  } catch (err) {
    log.warn({ err }, 'open orders could not be compared with the providers of their accounts');
  }
}

interface RunningAccount {
  readonly worker: ReturnType<typeof createPollWorker>;
  readonly transport: Transport;
  readonly pacer: RequestPacer;
  readonly activity: ActivityLog;
  /** Accounts with the exponential schedule only learn. */
  readonly adaptive: AdaptiveSchedule;
  /** `null` if the account does not pull payments. */
  startPulls(): ReturnType<typeof startPullPayments>;
}

function startAccount(account: AccountConfig, shared: Shared): RunningAccount {
  const { config, redis, keys, store, metrics, telemetry, clock } = shared;
  const { id, provider, settings } = account;
  const log = shared.log.child({ account: id });
  const credentials = fingerprintOf(credentialsOf(provider, settings));
  const transport = createTransport(account.transport);
  const pacer = createRequestPacer(account.ratePerSecond);
  const tokens =
    provider.auth === undefined
      ? null
      : createAccessTokens({
          redis,
          key: keys.token(id),
          auth: provider.auth,
          settings,
          transport,
          now: clock.now,
        });
  const plain = createAsker({
    provider,
    settings,
    transport,
    tokens,
    pacer,
    now: clock.now,
    currencies: account.currencies,
    ...(account.overrides && { overrides: account.overrides }),
  });
  const asker = shared.faultPoints.asker?.(plain) ?? plain;
  const activity = createActivityLog(redis, keys, id, (error) =>
    log.debug({ err: error }, 'the time of the last poll could not be recorded'),
  );
  const adaptive = startAdaptive(account, shared, log);
  const observer = observeAll(
    logPolls(log, shared.outage.covers),
    countPolls(metrics, id),
    notePolls(activity),
    adaptive.observer,
    ...(telemetry ? [tracePolls] : []),
  );
  const worker = createPollWorker({
    redis,
    keys,
    account: id,
    provider: provider.id,
    queue: shared.queue(id),
    store,
    breaker: createCircuitBreaker({
      redis,
      keys,
      account: id,
      policy: account.breaker,
      credentials,
      pollMs: 3 * account.transport.timeoutMs,
      deadlinePollEveryMs: Math.ceil((deadlineShare * 1_000) / account.ratePerSecond),
    }),
    clock,
    asker: telemetry === undefined ? asker : traceAsker(asker, id),
    telemetry,
    backend: config.pollBackend,
    beginQuery:
      provider.asyncResult && config.publicUrl
        ? createBeginQuery(store, config.publicUrl, id, credentials, clock.now)
        : null,
    policy: adaptive.policy,
    chanceFinal: adaptive.chanceFinal,
    payments: paymentRules(account),
    observer,
    newWords: createNewWords(),
    limits: {
      concurrency: account.concurrency,
      ratePerSecond: account.ratePerSecond,
      lockDurationMs: config.lockDurationMs,
      stalledIntervalMs: config.stalledIntervalMs,
    },
  });
  worker.on('drained', shared.progressed);
  worker.on('active', shared.progressed);
  worker.run().catch((error: Error) => log.error({ err: error }, 'the worker stopped'));
  const startPulls = () => startPullPayments(account, shared, { log, transport, tokens, observer });
  return { worker, transport, pacer, activity, adaptive, startPulls };
}

/** How often the processes of an account exchange completion times. */
const exchangeMs = 10_000;

function startAdaptive(account: AccountConfig, shared: Shared, log: Log): AdaptiveSchedule {
  const { config, redis, keys } = shared;
  const { id, provider, schedule, policy, ratePerSecond, adaptive } = account;
  const addedKey = shared.queue(id).toKey('id');
  const planning: PlanningParts | null = adaptive && {
    ...{ ...adaptive, ratePerSecond, pollShare: config.pollShare, usualTimes: provider.usualTimes },
    arrivalsPerSecond: () => countArrivals(redis, keys, id, addedKey),
    announce(firstPollAfterMs) {
      const info = {
        ...accountInfo(account, config.indexedMetadata),
        schedule: { ...schedule, firstPollAfterMs },
      };
      return registerAccounts(redis, keys, new Map([[id, info]]));
    },
  };
  return createAdaptiveSchedule({
    ...{ log: createCompletionLog(redis, keys, id), lags: createLagLog(redis, keys, id) },
    ...{ policy, schedule, planning, everyMs: exchangeMs },
    failed: (error) => log.debug({ err: error }, 'completion times could not be exchanged'),
  });
}
