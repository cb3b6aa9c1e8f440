import type { Contender } from './contenders/contender.ts';
import { paymentPollerWith } from './contenders/payment-poller.ts';
import { type Benchmark, median, number, percent, reportOf, spread, type Table } from './report.ts';
import { type Race, race, tune, untuned } from './throughput/race.ts';

/** The throughput of three accounts on one Redis, and on a Cluster of three masters on the same machine. */

const ours = paymentPollerWith(['lipia-one', 'lipia-two', 'lipia-three']);
const contenders: readonly Contender[] = [
  { ...ours, title: 'one Redis' },
  { ...ours, title: 'Cluster, three masters with a replica each', store: 'cluster' },
];

export const cluster: Benchmark = async (say, { rounds, quick }) => {
  const load = quick
    ? { orders: 2_000, pollEveryMs: 200, warmUpMs: 500, windowMs: 1_000 }
    : { orders: 30_000, pollEveryMs: 500, warmUpMs: 6_000, windowMs: 8_000 };
  const conditions = { ...load, processes: 1, finalEvery: 10, rounds };
  const entries = quick ? contenders.map(untuned) : await tune(contenders, conditions, say);
  const result = await race(entries, conditions, say);
  return reportOf(
    { conditions, standings: result.standings },
    [tableOf(result)],
    `On one machine a Cluster costs and brings nothing; this shows that it works.`,
    result.standings.every(({ failed }) => failed === null),
  );
};

function tableOf({ standings }: Race): Table {
  return {
    caption:
      'Polls per second of one worker process with three accounts, median (min–max); CPU time in µs per poll, Redis: all of its processes.',
    columns: ['', 'at once', 'polls/s', 'worker', 'Redis', 'verdicts kept', 'load', 'others, % of a core'],
    rows: standings.map(({ title, concurrency, runs, failed }) =>
      failed !== null
        ? [title, String(concurrency), `failed: ${failed}`]
        : [
            title,
            String(concurrency),
            spread(runs.map(({ pollsPerSecond }) => pollsPerSecond)),
            number(median(runs.map(({ workerMicros }) => workerMicros))),
            number(median(runs.map(({ storeMicros }) => storeMicros))),
            percent(Math.min(...runs.map(({ published, final }) => published / final))),
            number(Math.max(...runs.map(({ load }) => load)), 1),
            number(Math.max(...runs.map(({ othersPercent }) => othersPercent))),
          ],
    ),
  };
}
