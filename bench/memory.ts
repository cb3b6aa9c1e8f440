import { loadavg } from 'node:os';
import { paymentPoller } from './contenders/payment-poller.ts';
import { type Backlog, bytesPerOrder, openBacklog } from './memory/backlog.ts';
import { type Benchmark, median, number, percent, reportOf, spread, type Table } from './report.ts';
import { withFolder } from './support/folder.ts';
import { redisSettings } from './support/redis.ts';
import { type Measured, measure } from './throughput/measure.ts';

/** Whether a poll costs the same with a thousand open orders and with a million, and what an open order costs. */

const goals = { spread: 0.15, bytesPerOrder: 1_200, enqueuedPerSecond: 8_000, readyMs: 5_000 };

/** Enough to keep a worker busy; all other orders are due in a month. */
const due = { orders: 1_000, pollEveryMs: 50 };

interface Row extends Backlog {
  readonly runs: readonly Measured[];
  readonly readyMs: readonly number[];
}

export const memory: Benchmark = (say, { rounds, quick }) =>
  withFolder(async (logDir) => {
    const sizes = quick ? [1_000, 5_000] : [1_000, 100_000, 1_000_000];
    const times = quick ? { warmUpMs: 500, windowMs: 1_000 } : { warmUpMs: 8_000, windowMs: 10_000 };
    const run = { ...due, ...times, concurrency: 100, processes: 1, finalEvery: 0 };
    let rows: Row[] = [];
    try {
      for (const size of sizes) {
        say(`enqueueing ${number(size)} orders`);
        rows.push({ ...(await openBacklog(size, due)), runs: [], readyMs: [] });
      }
      for (let round = 1; round <= rounds; round += 1) {
        for (const [nth, row] of rows.entries()) {
          const readyMs = await row.timeToReady(logDir);
          const contender = { ...paymentPoller, prepare: () => Promise.resolve() };
          const measured = await measure(contender, run, row.store, logDir);
          say(`round ${round}, ${number(row.size)} orders: ${number(measured.pollsPerSecond)} polls/s`);
          rows = rows.with(nth, {
            ...row,
            runs: [...row.runs, measured],
            readyMs: [...row.readyMs, readyMs],
          });
        }
      }
    } finally {
      for (const { store } of rows) await store.close();
    }
    say('what an open order takes in Redis');
    const bytes = await bytesPerOrder(quick ? 2_000 : 50_000, logDir);
    return reportFor(rows, bytes, rounds);
  });

function reportFor(rows: readonly Row[], bytes: Awaited<ReturnType<typeof bytesPerOrder>>, rounds: number) {
  const rates = rows.map(({ runs }) => median(runs.map(({ pollsPerSecond }) => pollsPerSecond)));
  const apart = 1 - Math.min(...rates) / Math.max(...rates);
  const largest = rows.at(-1);
  const slowestEnqueue = Math.min(...rows.slice(1).map(({ enqueuedPerSecond }) => enqueuedPerSecond));
  const readyMs = median(largest?.readyMs ?? []);
  const worstBytes = Math.max(...bytes.map((each) => each.bytes));
  const verdicts = [
    `polls/s within ${percent(goals.spread)} of each other: ${verdict(apart <= goals.spread)} (${percent(apart)})`,
    `at most ${number(goals.bytesPerOrder)} bytes an open order: ${verdict(worstBytes <= goals.bytesPerOrder)} (${number(worstBytes)})`,
    `at least ${number(goals.enqueuedPerSecond)} orders/s enqueued: ${verdict(slowestEnqueue >= goals.enqueuedPerSecond)} (${number(slowestEnqueue)})`,
    `ready within ${goals.readyMs / 1_000} s: ${verdict(readyMs <= goals.readyMs)} (${number(readyMs)} ms)`,
  ];
  const figures = {
    goals,
    apart,
    redisSettings,
    rounds,
    loadAverage: loadavg(),
    bytesPerOrder: bytes,
    backlogs: rows.map(({ store: _store, timeToReady: _timeToReady, ...row }) => row),
  };
  return reportOf(figures, [flatTable(rows), bytesTable(bytes)], `Goals: ${verdicts.join('; ')}.`, true);
}

function verdict(isMet: boolean): string {
  return isMet ? 'met' : 'MISSED';
}

function flatTable(rows: readonly Row[]): Table {
  return {
    caption: `One worker process, ${number(due.orders)} orders kept busy, all others due in a month: polls per second, CPU time in µs per poll, enqueueing all of them with enqueueMany, and the time from spawn to ready.`,
    columns: [
      'open orders',
      'polls/s',
      'worker',
      'Redis',
      'enqueued/s',
      'Redis bytes an order',
      'ready after ms',
      'load',
      'others, % of a core',
    ],
    rows: rows.map(({ size, runs, readyMs, enqueuedPerSecond, bytesPerOrder: bytes }) => [
      number(size),
      spread(runs.map(({ pollsPerSecond }) => pollsPerSecond)),
      number(median(runs.map(({ workerMicros }) => workerMicros))),
      number(median(runs.map(({ storeMicros }) => storeMicros))),
      number(enqueuedPerSecond),
      number(bytes),
      spread(readyMs),
      number(Math.max(...runs.map(({ load }) => load)), 1),
      number(Math.max(...runs.map(({ othersPercent }) => othersPercent))),
    ]),
  };
}

function bytesTable(bytes: Awaited<ReturnType<typeof bytesPerOrder>>): Table {
  return {
    caption: 'What one open order takes in Redis, all keys included (used_memory before and after, divided).',
    columns: ['', 'bytes'],
    rows: bytes.map(({ name, bytes: each }) => [name, number(each)]),
  };
}
