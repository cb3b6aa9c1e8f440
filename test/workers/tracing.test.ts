import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { BullMQOtel } from 'bullmq-otel';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readConfig } from '../../src/config/config.ts';
import { demoEnvironment } from '../../src/demo/environment.ts';
import { createProducer } from '../../src/jobs/producer.ts';
import { createLog } from '../../src/observability/log.ts';
import { readResults } from '../../src/results/replay.ts';
import { startService } from '../../src/service.ts';
import { startSimulator } from '../../src/simulator/simulator.ts';
import { testPrefix, testRedisUrl } from '../support/redis.ts';

const exporter = new InMemorySpanExporter();

beforeEach(() => {
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
});

afterEach(() => {
  exporter.reset();
  trace.disable();
  context.disable();
  propagation.disable();
});

/** Runs one order to its verdict; returns the spans. */
async function follow(tracing: boolean): Promise<ReadableSpan[]> {
  const simulator = await startSimulator();
  const redisUrl = testRedisUrl();
  const prefix = testPrefix();
  const apiKey = 'tracing-test';
  const places = { simulator, redisUrl, prefix, port: 0, apiKey, callbackToken: 'token-of-tracing' };
  const environment = {
    ...demoEnvironment(places),
    ACCOUNTS: 'lipia',
    LOG_LEVEL: 'silent',
    TRACING: String(tracing),
  };
  const service = await startService(readConfig(environment), createLog('silent'), ['worker']);
  const telemetry = new BullMQOtel({ tracerName: 'checkout' });
  const producer = createProducer({ redis: redisUrl, prefix, ...(tracing && { telemetry }) });
  try {
    const reference = 'a'.repeat(24);
    const timeline = [{ afterMs: 0, state: 'paid' as const }];
    simulator.script({ provider: 'lipia', reference, amount: '1.00', timeline });
    await producer.enqueue({ orderId: 'traced', account: 'lipia', reference, amount: '1.00' });
    const signal = AbortSignal.timeout(10_000);
    for await (const { event } of readResults({ redis: redisUrl, prefix, follow: true, signal })) {
      expect(event.data.status).toBe('paid');
      break;
    }
  } finally {
    await service.close();
    await producer.close();
    await simulator.close();
  }
  return exporter.getFinishedSpans();
}

test('a trace goes from enqueue to publish', async () => {
  const spans = await follow(true);
  const asked = spans.find(({ name }) => name === 'ask provider');
  const published = spans.find(({ events }) => events.some(({ name }) => name === 'published'));
  expect(asked?.attributes).toMatchObject({ 'payment.account': 'lipia', 'payment.reading': 'paid' });
  expect(published).toBeDefined();
  const traceId = asked?.spanContext().traceId;
  const together = spans.filter((span) => span.spanContext().traceId === traceId).map(({ name }) => name);
  expect(together.some((name) => name.startsWith('add'))).toBe(true);
  expect(published?.spanContext().traceId).toBe(traceId);
});

test('without TRACING there is no span of ours', async () => {
  expect(await follow(false)).toEqual([]);
});
