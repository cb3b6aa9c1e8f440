import { SpanStatusCode, trace } from '@opentelemetry/api';
import type { Telemetry } from 'bullmq';
import { BullMQOtel } from 'bullmq-otel';
import type { Asker } from '../providers/ask.ts';
import type { PollObserver } from './poll-observer.ts';

const tracerName = 'payment-poller';

/**
 * BullMQ's own spans, under the OpenTelemetry SDK that the process was started with (`node --import ./otel.mjs`). The
 * trace begins where an order is enqueued and travels with its job to every poll and to the published verdict.
 */
export function createTelemetry(): Telemetry {
  return new BullMQOtel({ tracerName });
}

/** Puts a span around every status request. It carries the account and the reading, never a reference or a text. */
export function traceAsker(asker: Asker, account: string): Asker {
  const tracer = trace.getTracer(tracerName);
  return {
    ...asker,
    ask(order, answerTo) {
      return tracer.startActiveSpan(
        'ask provider',
        { attributes: { 'payment.account': account } },
        async (span) => {
          try {
            const reading = await asker.ask(order, answerTo);
            span.setAttribute('payment.reading', reading.kind);
            if (reading.httpStatus !== null)
              span.setAttribute('http.response.status_code', reading.httpStatus);
            return reading;
          } catch (error) {
            span.setStatus({ code: SpanStatusCode.ERROR });
            throw error;
          } finally {
            span.end();
          }
        },
      );
    },
  };
}

/** Notes what was published, and what could not be done, on the span of the poll. */
export const tracePolls: PollObserver = {
  reading() {},
  published({ data: { status, reason } }) {
    trace
      .getActiveSpan()
      ?.addEvent('published', { 'payment.status': status, 'payment.reason': reason ?? '' });
  },
  contradiction() {
    trace.getActiveSpan()?.addEvent('contradiction');
  },
  unknownWord() {},
  changedProvider() {},
  neglected() {},
  breaker() {},
  error() {},
};
