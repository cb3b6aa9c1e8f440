import { bullmqDelayed } from './contenders/bullmq-delayed.ts';
import { bullmqRetry } from './contenders/bullmq-retry.ts';
import type { Contender } from './contenders/contender.ts';
import { graphileWorker } from './contenders/graphile-worker.ts';
import { paymentPoller } from './contenders/payment-poller.ts';
import { pgBoss } from './contenders/pg-boss.ts';
import { undiciLoop } from './contenders/undici-loop.ts';
import { type Benchmark, median, number, percent, reportOf, spread, type Table } from './report.ts';
import { postgresSettings } from './support/postgres.ts';
import { redisSettings } from './support/redis.ts';
import type { Measured } from './throughput/measure.ts';
import { type Race, race, type Standing, tune, untuned } from './throughput/race.ts';

/**
 * Status polls per second of several ways to follow pending payments, side by side on the same two cores, which they share
 * with their Redis or PostgreSQL and with the mock gateway.
 */

const contenders: readonly Contender[] = [
  undiciLoop,
  paymentPoller,
  pgBoss,
  bullmqDelayed,
  bullmqRetry,
  graphileWorker,
];

/** Of the plain loop, with everything on. */
const goal = 0.45;
const finalEvery = 10;

export const throughput: Benchmark = async (say, { rounds, quick }) => {
  const load = quick
    ? { orders: 2_000, pollEveryMs: 200, warmUpMs: 500, windowMs: 1_000 }
    : { orders: 60_000, pollEveryMs: 500, warmUpMs: 8_000, windowMs: 6_000 };
  const conditions = { ...load, finalEvery, rounds, processes: 1 };
  const entries = quick ? contenders.map(untuned) : await tune(contenders, conditions, say);
  const races: Race[] = [];
  for (const processes of [1, 2]) races.push(await race(entries, { ...conditions, processes }, say));
  const ratio = ratioOf(races[0]);
  const met = ratio >= goal;
  return reportOf(
    { conditions, goal, ratio, met, redisSettings, postgresSettings, races },
    [...races.map(tableOf), settingsTable(races)],
    `Goal: at least ${percent(goal)} of the plain loop, one process each: ${met ? 'met' : 'MISSED'} with ${percent(ratio)}.`,
    races.every(({ standings }) => standings.every(({ failed }) => failed === null)),
  );
};

function tableOf({ processes, standings }: Race): Table {
  const limit = rateOf(standings[0]);
  return {
    caption: `Polls per second with ${processes === 1 ? 'one worker process' : `${processes} worker processes`}, median (min–max); CPU time in µs per poll.`,
    columns: [
      '',
      'at once',
      'polls/s',
      'of the limit',
      'worker',
      'store',
      'gateway',
      'verdicts kept',
      'load',
      'others, % of a core',
    ],
    rows: standings.map((standing) => rowOf(standing, limit)),
  };
}

function rowOf(standing: Standing, limit: number): string[] {
  const { title, concurrency, runs, failed } = standing;
  if (failed !== null) return [title, String(concurrency), `failed: ${failed}`];
  const of = (figure: keyof Measured) => median(runs.map((run) => run[figure]));
  return [
    title,
    String(concurrency),
    spread(runs.map(({ pollsPerSecond }) => pollsPerSecond)),
    percent(rateOf(standing) / limit),
    number(of('workerMicros')),
    of('storeMicros') === 0 ? '–' : number(of('storeMicros')),
    number(of('gatewayMicros')),
    percent(Math.min(...runs.map(({ published, final }) => published / final))),
    number(Math.max(...runs.map(({ load }) => load)), 1),
    number(Math.max(...runs.map(({ othersPercent }) => othersPercent))),
  ];
}

/** How each was set up. */
function settingsTable(races: readonly Race[]): Table {
  const rows = (races[0]?.standings ?? []).map(({ title, settings }) => [title, settings]);
  return {
    caption:
      'How each was set up; of the polls at once, several numbers were tried and the best one was taken.',
    columns: ['', 'settings'],
    rows: [...rows, ['Redis', redisSettings], ['PostgreSQL', postgresSettings]],
  };
}

function rateOf(standing: Standing | undefined): number {
  return median(standing?.runs.map(({ pollsPerSecond }) => pollsPerSecond) ?? []);
}

/** Ours over the limit. */
function ratioOf(one: Race | undefined): number {
  const find = (contender: Contender) => one?.standings.find(({ title }) => title === contender.title);
  return rateOf(find(paymentPoller)) / rateOf(find(undiciLoop));
}
