import { setTimeout as delay } from 'node:timers/promises';
import type { WebhookEndpoint } from '../config/webhook-endpoints.ts';
import type { DeliveryQueue, LeasedResult } from './delivery-queue.ts';
import { messageId, signedHeaders } from './message.ts';
import { type RetryPolicy, retryDelayMs } from './retry.ts';
import type { SendOutcome, WebhookSender } from './send.ts';

/** What happens at an endpoint, for log and metrics. */
export interface DispatchObserver {
  attempted(endpoint: string, outcome: SendOutcome['kind'], seconds: number): void;
  /** A result was given up and is now a dead letter. */
  gaveUp(endpoint: string, eventId: string, answer: string): void;
  /** The circuit breaker opened, or the endpoint answered 410. */
  stopped(endpoint: string, why: 'open' | 'disabled', answer: string): void;
  failed(error: unknown): void;
}

export interface DispatcherParts {
  readonly endpoint: WebhookEndpoint;
  readonly queue: DeliveryQueue;
  readonly sender: WebhookSender;
  readonly policy: RetryPolicy;
  /** Most requests to the endpoint at the same time, from this process. */
  readonly concurrency: number;
  /** How soon after it was leased a result must be sent, in ms: the rest of the lease is for the attempt. */
  readonly startWithinMs: number;
  now(): number;
  readonly observer: DispatchObserver;
}

export interface Dispatcher {
  /** Looks at the queue now: something was queued. */
  wake(): void;
  /** Takes nothing more and waits for the requests under way. */
  close(): Promise<void>;
}

/** Other processes queue results too, so the queue is looked at so often. */
const pollMs = 1_000;
const errorPauseMs = 1_000;
/** A small pause between looks at a queue that has more than there is room for. */
const leastPauseMs = 20;

/** Delivers the results of one endpoint, until closed. */
export function startDispatcher(parts: DispatcherParts): Dispatcher {
  const { endpoint, queue, concurrency, policy, observer, now } = parts;
  const closing = new AbortController();
  const inFlight = new Set<Promise<void>>();
  let signal = Promise.withResolvers<void>();

  function wake(): void {
    signal.resolve();
  }

  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        await pause(await step());
      } catch (error) {
        observer.failed(error);
        await delay(errorPauseMs, undefined, { signal: closing.signal }).catch(() => {});
      }
    }
  }

  /** Starts what is due. Returns how long to wait at most. */
  async function step(): Promise<number> {
    const free = concurrency - inFlight.size;
    if (free <= 0) return pollMs;
    const { state, waitMs, results } = await queue.take(free);
    const takenAt = performance.now();
    for (const result of results) {
      const work = deliver(parts, result, takenAt)
        .catch(observer.failed)
        .finally(() => {
          inFlight.delete(work);
          wake();
        });
      inFlight.add(work);
    }
    if (state !== 'ready') await giveUpOld();
    return Math.min(Math.max(waitMs ?? pollMs, leastPauseMs), pollMs);
  }

  /** While nothing is sent, results become dead letters by their age. */
  async function giveUpOld(): Promise<void> {
    for (const result of await queue.olderThan(now() - policy.lifeMs)) {
      const answer = 'given up: the endpoint could not be reached for too long';
      const ended = await queue.finish(result, { outcome: 'failed', answer });
      if (ended !== 'lost') observer.gaveUp(endpoint.name, result.eventId, answer);
    }
  }

  async function pause(ms: number): Promise<void> {
    const timer = setTimeout(wake, ms);
    closing.signal.addEventListener('abort', wake, { once: true });
    await signal.promise;
    closing.signal.removeEventListener('abort', wake);
    clearTimeout(timer);
    signal = Promise.withResolvers();
  }

  const running = run();
  return {
    wake,
    async close() {
      closing.abort();
      await running;
      await Promise.all(inFlight);
    },
  };
}

/** Makes one attempt and records its outcome. */
async function deliver(parts: DispatcherParts, result: LeasedResult, takenAt: number): Promise<void> {
  const { endpoint, queue, sender, startWithinMs, now, observer } = parts;
  // A process that was frozen may have lost its lease: another one sends this result, and perhaps newer ones already.
  if (performance.now() - takenAt > startWithinMs) return;
  const id = messageId(result.eventId, result.time);
  const beganAt = performance.now();
  const sent = await sender.send(signedHeaders(endpoint.secrets, id, result.body, now()), result.body);
  observer.attempted(endpoint.name, sent.kind, (performance.now() - beganAt) / 1_000);
  const outcome = outcomeOf(parts, result, sent);
  const ended = await queue.finish(result, outcome);
  if (ended === 'lost') return;
  if (ended === 'opened') observer.stopped(endpoint.name, 'open', outcome.answer);
  if (outcome.outcome === 'disabled') observer.stopped(endpoint.name, 'disabled', outcome.answer);
  if (outcome.outcome === 'failed') observer.gaveUp(endpoint.name, result.eventId, outcome.answer);
}

function outcomeOf({ policy, now }: DispatcherParts, result: LeasedResult, sent: SendOutcome) {
  switch (sent.kind) {
    case 'delivered':
      return { outcome: 'delivered', answer: sent.answer } as const;
    case 'gone':
      return { outcome: 'disabled', answer: sent.answer } as const;
    case 'aborted':
      return { outcome: 'released', answer: '' } as const;
    case 'failed': {
      const { answer, retryAfterMs } = sent;
      const ageMs = now() - result.queuedAt;
      const retry = { attempts: result.attempt, ageMs, retryAfterMs, random: Math.random() };
      const delayMs = retryDelayMs(policy, retry);
      return delayMs === null
        ? ({ outcome: 'failed', answer } as const)
        : ({ outcome: 'retry', delayMs, answer } as const);
    }
  }
}
