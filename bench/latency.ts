import { setTimeout as delay } from 'node:timers/promises';
import { readConfig, variableName } from '../src/config/config.ts';
import { demoEnvironment } from '../src/demo/environment.ts';
import { createProducer } from '../src/jobs/producer.ts';
import type { OrderInput } from '../src/jobs/validate-order.ts';
import { createLog } from '../src/observability/log.ts';
import { readResults } from '../src/results/replay.ts';
import { startService } from '../src/service.ts';
import type { LedgerEntry, SimulatedOrder } from '../src/simulator/simulator.ts';
import { freePorts } from '../test/support/ports.ts';
import { type Benchmark, number, quantile, type Report, reportOf, type Table } from './report.ts';
import { type SimulatorChild, startSimulatorChild } from './simulator-child.ts';
import { startBenchRedis } from './support/redis.ts';

/**
 * How soon the truth arrives when the provider calls back: from the moment in which it knows the payment to be final, and
 * posts its callback, to the entry on the results stream. In between: the callback, its hint in Redis, the poll that
 * proves it, and the settling script. The schedule is so slow that no regular poll could be the cause.
 */

const goalMs = 150;
const orders = 400;
const spacingMs = 40;
/** Connections, tokens and compiled code come with the first ones, which are not counted. */
const warmUp = 50;
const leadMs = 2_000;
const patienceMs = 30_000;

const accounts = ['jenga', 'daraja-stk', 'vexora', 'lipia', 'tanda'] as const;
const callbackToken = 'latency-callback-token';
const seldom = {
  firstPollAfterMs: 600_000,
  initialIntervalMs: 600_000,
  maxIntervalMs: 600_000,
  deadlineMs: 3_600_000,
};

export const latency: Benchmark = async (say) => {
  const redis = await startBenchRedis();
  const simulator = await startSimulatorChild();
  const [port = 0] = await freePorts(1);
  const environment = demoEnvironment({
    simulator: { url: simulator.url, darajaCertificate: '' },
    redisUrl: redis.url,
    prefix: 'latency',
    port,
    apiKey: 'latency-api-key',
    callbackToken,
  });
  const rates = accounts.map((account) => [variableName('ratePerSecond', account), '1000']);
  const config = readConfig({ ...environment, ...Object.fromEntries(rates), ACCOUNTS: accounts.join(',') });
  const service = await startService(config, createLog('silent'));
  try {
    say(`${orders} orders at ${accounts.join(', ')}, one final every ${spacingMs} ms`);
    const publishedAt = await play(redis.url, simulator, `http://127.0.0.1:${port}`);
    return latencyReport(publishedAt, await simulator.ledger());
  } finally {
    await service.close();
    await simulator.close();
    await redis.close();
  }
};

/** Plays the orders and returns when each result was on the stream, by reference. */
async function play(redisUrl: string, simulator: SimulatorChild, url: string): Promise<Map<string, number>> {
  const all = Array.from({ length: warmUp + orders }, (_, nth) => anOrder(nth, url));
  const producer = createProducer({ redis: redisUrl, prefix: 'latency' });
  const enqueued = await producer.enqueueMany(all.map(({ order }) => order));
  await producer.close();
  const refused = enqueued.find((result) => 'faults' in result);
  if (refused !== undefined) throw new Error(`An order was refused: ${JSON.stringify(refused)}`);

  const publishedAt = new Map<string, number>();
  const ended = AbortSignal.timeout(leadMs + all.length * spacingMs + patienceMs);
  await simulator.script(all.map(({ script }) => script));
  for await (const { streamId, event } of readResults({
    redis: redisUrl,
    prefix: 'latency',
    follow: true,
    signal: ended,
  })) {
    // Redis stamps the entry when it is written; on one machine its clock is the simulator's.
    publishedAt.set(event.subject, Number(streamId.split('-')[0]));
    if (publishedAt.size === all.length) break;
  }
  // The ledger is asked when the last callbacks have their answers.
  await delay(100);
  return publishedAt;
}

function anOrder(nth: number, url: string): { order: OrderInput; script: SimulatedOrder } {
  const account = accounts[nth % accounts.length] ?? 'jenga';
  const afterMs = leadMs + nth * spacingMs;
  const key = referenceOf(account, nth);
  return {
    order: {
      orderId: key,
      account,
      reference: account === 'vexora' ? { tradeNo: key } : key,
      amount: '100.00',
      schedule: seldom,
    },
    script: {
      provider: account,
      reference: key,
      amount: '100.00',
      timeline: [{ afterMs, state: 'paid' }],
      callbacks: [
        {
          afterMs,
          form: 'genuine',
          url: `${url}/callbacks/${account}/${callbackToken}`,
          // The nested callback of Lipia names the merchant's own key only.
          ...(account === 'lipia' ? { shape: 'flat' as const } : {}),
        },
      ],
    },
  };
}

/** A reference of the form that the provider hands out; also the order's id. */
function referenceOf(account: (typeof accounts)[number], nth: number): string {
  const digits = String(nth).padStart(8, '0');
  switch (account) {
    case 'jenga':
      return `OR${digits}`;
    case 'daraja-stk':
      return `ws_CO_${digits}`;
    case 'vexora':
      return `T${digits}`;
    case 'lipia':
      return `65f2c1a4e7b3d800${digits}`;
    case 'tanda':
      return `5e6b0e0a-3f4c-4b7e-9c53-0d3a${digits}`;
  }
}

function latencyReport(publishedAt: ReadonlyMap<string, number>, ledger: readonly LedgerEntry[]): Report {
  const isWarm = ({ reference }: LedgerEntry) => Number(reference.slice(-8)) >= warmUp;
  const measured = ledger.filter(isWarm).flatMap(({ provider, reference, finalAt }) => {
    const at = publishedAt.get(reference);
    return at === undefined ? [] : [{ provider, ms: at - finalAt }];
  });
  const rows = [
    { name: 'all', ms: measured.map(({ ms }) => ms) },
    ...accounts.map((account) => ({
      name: account,
      ms: measured.filter(({ provider }) => provider === account).map(({ ms }) => ms),
    })),
  ].map(({ name, ms }) => ({
    name,
    orders: ms.length,
    minMs: Math.min(...ms),
    medianMs: quantile(ms, 0.5),
    p95Ms: quantile(ms, 0.95),
    maxMs: Math.max(...ms),
  }));
  const [all] = rows;
  const medianMs = all?.medianMs ?? Number.NaN;
  const met = medianMs < goalMs;
  const table: Table = {
    caption: `With callbacks: from the provider's final status to the event on the stream, in ms; one order final every ${spacingMs} ms.`,
    columns: ['', 'orders', 'min', 'median', 'p95', 'max'],
    rows: rows.map((row) => [
      row.name,
      ...[row.orders, row.minMs, row.medianMs, row.p95Ms, row.maxMs].map((value) => number(value)),
    ]),
  };
  return reportOf(
    { goalMs, met, orders, published: measured.length, rows },
    [table],
    `Goal: median under ${goalMs} ms: ${met ? 'met' : 'MISSED'} (${number(medianMs)} ms).`,
    measured.length === orders,
  );
}
