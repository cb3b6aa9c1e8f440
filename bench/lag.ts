import { setTimeout as delay } from 'node:timers/promises';
import { readConfig, variableName } from '../src/config/config.ts';
import { demoEnvironment } from '../src/demo/environment.ts';
import { defaultSchedule } from '../src/domain/schedule.ts';
import { createProducer } from '../src/jobs/producer.ts';
import type { OrderInput } from '../src/jobs/validate-order.ts';
import { createLog } from '../src/observability/log.ts';
import { connectRedis } from '../src/redis/connection.ts';
import { createKeys } from '../src/redis/keys.ts';
import { readResults } from '../src/results/replay.ts';
import { startService } from '../src/service.ts';
import { createCompletionLog } from '../src/workers/adaptive/completion-log.ts';
import { exponentialPollTimes } from '../src/workers/adaptive/poll-times.ts';
import { freePorts } from '../test/support/ports.ts';
import { createRandom } from '../test/support/random.ts';
import { type Benchmark, number, quantile, type Report, reportOf } from './report.ts';
import { drawPayment, readBehaviour } from './schedule/behaviour.ts';
import { type SimulatorChild, startSimulatorChild } from './simulator-child.ts';
import { startBenchRedis } from './support/redis.ts';

/**
 * Confirms in real time what `schedule` computes: three accounts with a limit of 10 requests per second get the same payments
 * at the same time, without callbacks, and poll the simulator with the exponential schedule, with the adaptive one at as many
 * polls as that (a small POLL_SHARE), and with the adaptive one as it is by default.
 */

const ratePerSecond = 10;
const everyMs = 2_000;
/** The budget is unknown until new orders were counted for half a minute; these are not counted. */
const warmUp = 30;
/** Orders that each account has observed before. */
const observedOrders = 2_000;
const goal = 0.4;
const usualPolls = 4;
const dayMs = 86_400_000;

const contenders = [
  { account: 'lipia', name: 'exponential', prefix: 'lag', env: {} },
  {
    account: 'jenga',
    name: 'adaptive, as many polls',
    prefix: 'lag-as-many',
    env: {
      JENGA_SCHEDULE: 'adaptive',
      JENGA_MIN_INTERVAL_MS: '1000',
      POLL_SHARE: String((usualPolls * 1_000) / everyMs / ratePerSecond),
    },
  },
  { account: 'vexora', name: 'adaptive', prefix: 'lag', env: { VEXORA_SCHEDULE: 'adaptive' } },
] as const;
/** What is played. */
interface Plan {
  /** Orders before those that count. */
  readonly before: number;
  readonly orders: number;
  /** Payments that are final later than this are not waited for. */
  readonly longestMs: number;
  readonly seed: number;
}
type Contender = (typeof contenders)[number];

export const lag: Benchmark = async (say, { quick, seed }) => {
  const plan = quick
    ? { before: 0, orders: 5, longestMs: 20_000, seed }
    : { before: warmUp, orders: 300, longestMs: 150_000, seed };
  const redis = await startBenchRedis();
  const simulator = await startSimulatorChild();
  const services: { close(): Promise<void> }[] = [];
  try {
    for (const prefix of ['lag', 'lag-as-many']) {
      const members = contenders.filter((each) => each.prefix === prefix);
      for (const { account } of members) await observe(redis.url, prefix, account);
      const [port = 0] = await freePorts(1);
      const config = readConfig(environmentOf(prefix, members, redis.url, simulator.url, port));
      services.push(await startService(config, createLog('silent')));
    }
    say(`${plan.orders} orders at each of three accounts, one every ${everyMs} ms`);
    const publishedAt = await play(redis.url, simulator, plan);
    return await lagReport(simulator, publishedAt, plan);
  } finally {
    for (const service of services) await service.close();
    await simulator.close();
    await redis.close();
  }
};

function environmentOf(
  prefix: string,
  members: readonly Contender[],
  redisUrl: string,
  simulatorUrl: string,
  port: number,
): { [name: string]: string } {
  const usual = demoEnvironment({
    ...{ simulator: { url: simulatorUrl, darajaCertificate: '' }, redisUrl, prefix, port },
    ...{ apiKey: 'lag-api-key', callbackToken: 'lag-callback-token' },
  });
  const settings = members.flatMap(({ account }) => {
    const { firstPollAfterMs, initialIntervalMs, maxIntervalMs, deadlineMs } = defaultSchedule;
    const times = { firstPollAfterMs, initialIntervalMs, maxIntervalMs, deadlineMs, ratePerSecond };
    return Object.entries(times).map(([name, value]) => [variableName(name, account), String(value)]);
  });
  const own = Object.assign({}, ...members.map(({ env }) => env));
  const accounts = members.map(({ account }) => account).join(',');
  return { ...usual, ...Object.fromEntries(settings), ...own, ACCOUNTS: accounts };
}

/** What the account has learnt before: orders that behave alike, seen by polls of the exponential schedule. */
async function observe(redisUrl: string, prefix: string, account: string): Promise<void> {
  const redis = connectRedis(redisUrl, 'patient');
  const log = createCompletionLog(redis, createKeys(prefix), account);
  const times = exponentialPollTimes(defaultSchedule, 1_000) ?? [];
  const random = createRandom(1);
  const behaviour = readBehaviour();
  for (let order = 0; order < observedOrders; order += 1) {
    const { finalMs } = drawPayment(behaviour, random);
    const nth = times.findIndex((time) => time >= finalMs);
    log.note(nth === -1 ? 'never' : { fromMs: times[nth - 1] ?? 0, toMs: times[nth] as number });
  }
  await log.exchange();
  redis.disconnect();
}

/** Plays the orders; returns when each result was on the stream, by order. */
async function play(
  redisUrl: string,
  simulator: SimulatorChild,
  { before, orders, longestMs, seed }: Plan,
): Promise<ReadonlyMap<string, number>> {
  const publishedAt = new Map<string, number>();
  const ended = new AbortController();
  const reading = ['lag', 'lag-as-many'].map(async (prefix) => {
    const results = readResults({ redis: redisUrl, prefix, follow: true, signal: ended.signal });
    for await (const { streamId, event } of results) {
      if (event.data.status === 'paid') publishedAt.set(event.subject, Number(streamId.split('-')[0]));
    }
  });
  const random = createRandom(seed);
  const behaviour = readBehaviour();
  const producers = new Map(
    ['lag', 'lag-as-many'].map((prefix) => [prefix, createProducer({ redis: redisUrl, prefix })]),
  );
  const beganAt = performance.now();
  for (let nth = 0; nth < before + orders; nth += 1) {
    await delay(Math.max(0, beganAt + nth * everyMs - performance.now()));
    const { finalMs } = drawPayment(behaviour, random);
    await simulator.script(
      contenders.map(({ account }) => ({
        ...{ reference: referenceOf(account, nth), amount: '100.00' },
        provider: account,
        timeline: [{ afterMs: finalMs > longestMs ? dayMs : Math.round(finalMs), state: 'paid' as const }],
      })),
    );
    for (const { account, prefix } of contenders) {
      const refused = await producers.get(prefix)?.enqueue(anOrder(account, nth));
      if (refused !== undefined && 'faults' in refused) throw new Error(JSON.stringify(refused));
    }
  }
  await delay(longestMs + 2 * defaultSchedule.maxIntervalMs);
  ended.abort();
  await Promise.allSettled(reading);
  for (const producer of producers.values()) await producer.close();
  return publishedAt;
}

function anOrder(account: Contender['account'], nth: number): OrderInput {
  const key = referenceOf(account, nth);
  const reference = account === 'vexora' ? { tradeNo: key } : key;
  return { orderId: key, account, reference, amount: '100.00' };
}

/** A reference of the form that the provider hands out; also the order's id. */
function referenceOf(account: Contender['account'], nth: number): string {
  const digits = String(nth).padStart(8, '0');
  switch (account) {
    case 'jenga':
      return `OR${digits}`;
    case 'vexora':
      return `T${digits}`;
    case 'lipia':
      return `65f2c1a4e7b3d800${digits}`;
  }
}

async function lagReport(
  simulator: SimulatorChild,
  publishedAt: ReadonlyMap<string, number>,
  { before, orders, longestMs }: Plan,
): Promise<Report> {
  const [ledger, requests] = [await simulator.ledger(), await simulator.requests()];
  const rows = contenders.map(({ account, name }) => {
    const entries = ledger.filter(
      ({ provider, reference, paidAt }) =>
        provider === account &&
        paidAt !== null &&
        paidAt < Date.now() &&
        Number(reference.slice(-8)) >= before,
    );
    const lags = entries.flatMap(({ reference, finalAt }) => {
      const at = publishedAt.get(reference);
      return at === undefined ? [] : [at - finalAt];
    });
    const polls = entries.reduce((sum, entry) => sum + entry.polls, 0) / entries.length;
    const within = lags.filter((ms) => ms <= 5_000).length / entries.length;
    return {
      ...{ name, orders: entries.length, seen: lags.length, polls, within },
      ...{ p50: quantile(lags, 0.5), p95: quantile(lags, 0.95), p99: quantile(lags, 0.99) },
      mostPerSecond: requests[account]?.maxPerSecond ?? Number.NaN,
    };
  });
  const [usualMs = Number.NaN, asManyMs = Number.NaN, adaptiveMs = Number.NaN] = rows.map(({ p50 }) => p50);
  const [ratio, ofExponential] = [adaptiveMs / asManyMs, adaptiveMs / usualMs];
  const [met, isLimited] = [ratio <= goal, rows.every((row) => row.mostPerSecond <= ratePerSecond)];
  const seconds = (ms: number) => number(ms / 1_000, 2);
  return reportOf(
    { goal, met, ratio, ofExponential, isLimited, orders, rows },
    [
      {
        caption: `In real time, against the simulator, at a limit of ${ratePerSecond}/s: the same ${orders} orders at each account, one every ${everyMs / 1_000} s. Lag: seconds from the final status to the event on the stream, of those paid within ${longestMs / 1_000} s. Polls: per order until then.`,
        columns: ['', 'paid', 'seen', 'polls', 'lag p50', 'p95', 'p99', 'within 5 s', 'most requests in 1 s'],
        rows: rows.map((row) => [
          ...[row.name, number(row.orders), number(row.seen), number(row.polls, 2)],
          ...[seconds(row.p50), seconds(row.p95), seconds(row.p99)],
          ...[`${number(100 * row.within)} %`, number(row.mostPerSecond)],
        ]),
      },
    ],
    [
      `Goal: the adaptive median at most ${goal} of that with as many polls as the exponential schedule: ${met ? 'met' : 'MISSED'} (${number(ratio, 2)}; of the exponential one ${number(ofExponential, 2)}).`,
      `No second above ${ratePerSecond} requests: ${isLimited ? 'met' : 'MISSED'}.`,
    ].join(' '),
    rows.every(({ orders: all, seen }) => all === seen),
  );
}
