import { paymentPoller } from './contenders/payment-poller.ts';
import { type Probes, playProbes } from './lateness/probes.ts';
import { type Benchmark, median, number, quantile, reportOf, spread, type Table } from './report.ts';
import { withFolder } from './support/folder.ts';
import { redisSettings } from './support/redis.ts';
import { startStore } from './support/store.ts';
import { measure } from './throughput/measure.ts';

/** How late a poll starts: from the instant at which it is due to its arrival at the gateway. */

const goals = { loadedP99Ms: 25, idleP50Ms: 5 };
const concurrency = 100;

interface Row {
  readonly title: string;
  readonly probes: Probes;
  /** Lateness of every probe, of every round. */
  readonly rounds: readonly (readonly number[])[];
}

export const lateness: Benchmark = (say, { rounds, quick }) =>
  withFolder(async (logDir) => {
    const capacity = await capacityOf(logDir, quick);
    say(`a worker that has always something to do makes ${number(capacity)} polls/s`);
    const count = quick ? 200 : 2_000;
    const perSecond = count / 10;
    const background = Math.max(0, capacity / 2 - perSecond);
    let rows: Row[] = [
      { title: 'at 50 % load', probes: { count, everyMs: 1_000 / perSecond, background }, rounds: [] },
      { title: 'idle', probes: { count: quick ? 20 : 100, everyMs: 103, background: 0 }, rounds: [] },
    ];
    for (let round = 1; round <= rounds; round += 1) {
      for (const [nth, row] of rows.entries()) {
        const late = await playProbes(row.probes, concurrency, logDir);
        say(`round ${round}, ${row.title}: median ${number(median(late), 1)} ms late`);
        rows = rows.with(nth, { ...row, rounds: [...row.rounds, late] });
      }
    }
    return reportFor(rows, capacity);
  });

/** Polls per second of one worker that is never without work. */
async function capacityOf(logDir: string, quick: boolean): Promise<number> {
  const store = await startStore('redis');
  const times = quick ? { warmUpMs: 500, windowMs: 1_000 } : { warmUpMs: 5_000, windowMs: 5_000 };
  const load = { orders: 5_000, pollEveryMs: 200, finalEvery: 0 };
  try {
    const measured = await measure(
      paymentPoller,
      { ...load, ...times, concurrency, processes: 1 },
      store,
      logDir,
    );
    return measured.pollsPerSecond;
  } finally {
    await store.close();
  }
}

function reportFor(rows: readonly Row[], capacity: number) {
  const [loaded, idle] = rows.map(({ rounds }) =>
    rounds.map((late) => [quantile(late, 0.5), quantile(late, 0.99)]),
  );
  const p99 = median(loaded?.map(([, each]) => each ?? Number.NaN) ?? []);
  const p50 = median(idle?.map(([each]) => each ?? Number.NaN) ?? []);
  const verdicts = [
    `p99 under ${goals.loadedP99Ms} ms at 50 % load: ${p99 < goals.loadedP99Ms ? 'met' : 'MISSED'} (${number(p99, 1)} ms)`,
    `p50 within ${goals.idleP50Ms} ms when idle: ${p50 <= goals.idleP50Ms ? 'met' : 'MISSED'} (${number(p50, 1)} ms)`,
  ];
  return reportOf(
    { goals, capacity, redisSettings, p99AtHalfLoad: p99, p50Idle: p50, rows: rows.map(summary) },
    [tableOf(rows)],
    `Goals: ${verdicts.join('; ')}.`,
    rows.every(({ rounds, probes }) => rounds.every((late) => late.length === probes.count)),
  );
}

function summary({ title, probes, rounds }: Row) {
  const of = (share: number) => rounds.map((late) => quantile(late, share));
  return { title, probes, p50: of(0.5), p95: of(0.95), p99: of(0.99), max: of(1) };
}

function tableOf(rows: readonly Row[]): Table {
  return {
    caption:
      'From the instant at which a poll is due to its arrival at the gateway, in ms; medians (min–max) of the rounds.',
    columns: ['', 'polls due', 'other polls/s', 'p50', 'p95', 'p99', 'max'],
    rows: rows.map((row) => {
      const { p50, p95, p99, max } = summary(row);
      const { count, everyMs, background } = row.probes;
      return [
        row.title,
        `${number(count)}, one every ${number(everyMs)} ms`,
        number(background),
        ...[p50, p95, p99, max].map((values) => spread(values, 1)),
      ];
    }),
  };
}
