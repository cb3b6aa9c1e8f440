import { patienceMs } from '../../../src/domain/poll-class.ts';
import { defaultSchedule } from '../../../src/domain/schedule.ts';
import { number, type Scale, type Table } from '../../report.ts';
import type { Behaviour } from '../behaviour.ts';
import { boundOf } from '../bound.ts';
import { type Day, dayMs, hourMs } from './arrivals.ts';
import { adaptiveDay, type DayContender, exponentialDay, fixed, formerAdaptive } from './contenders.ts';
import { type DayFigures, measureDay, type Window } from './measure.ts';

/** Whole days and hours at one account, with the rate limit in the way. */
export interface Scenario {
  readonly name: string;
  readonly day: Day;
  readonly limit: number;
  readonly window: Window;
}

const noonMs = 12 * hourMs;
const rush = { fromMs: noonMs, toMs: noonMs + hourMs, times: 8 };
const outage = { fromMs: noonMs, toMs: noonMs + 1_200_000 };
const afterMs = 600_000;

/** A day with a rush hour of eight times the mean, and an outage of twenty minutes in the evening. */
const wholeDay: Day = {
  ...{ name: 'a day', ordersPerSecond: 0.125, rush },
  outage: { fromMs: 18 * hourMs, toMs: 18 * hourMs + 1_200_000 },
};
const limits = [1, 2, 5, 10, 100] as const;

const idle: Scenario = {
  ...{ name: 'idle, limit 10/s', limit: 10, window: { fromMs: 4 * hourMs, toMs: 12 * hourMs } },
  day: { name: 'idle', ordersPerSecond: 0.1, rush: null, outage: null },
};
const crowd = 'rush hour with 300 open orders, limit 2/s';
const scarce: readonly Scenario[] = [
  {
    // More orders than the limit has polls for: the queue of the rush grows until its end.
    ...{ name: crowd, limit: 2, window: rush },
    day: { name: 'crowd', ordersPerSecond: 0.165, rush, outage: null },
  },
  {
    ...{ name: 'rush hour, limit 2/s', limit: 2, window: rush },
    day: { name: 'rush', ordersPerSecond: 0.125, rush, outage: null },
  },
  {
    name: 'after an outage of 20 min, limit 2/s',
    limit: 2,
    window: { fromMs: outage.toMs, toMs: outage.toMs + afterMs },
    day: { name: 'outage', ordersPerSecond: 0.25, rush: null, outage },
  },
];
const contenders: readonly DayContender[] = [
  fixed,
  exponentialDay(false),
  formerAdaptive,
  exponentialDay(true),
  adaptiveDay(true),
];

const goals = { idleRatio: 0.4, ofBound: 1.1, scarceRatio: 0.5, openInRush: 300 };

export interface Days {
  readonly goals: typeof goals & { readonly met: boolean };
  readonly scenarios: readonly { readonly name: string; readonly rows: readonly DayFigures[] }[];
  readonly limits: readonly DayFigures[];
  readonly boundMs: number;
  /** By limit, what no schedule can beat with as many polls as the adaptive one made that day, ms. */
  readonly bounds: readonly { readonly limit: number; readonly boundMs: number }[];
}

/** Plays the scenarios and the day; quick: a part of the day, and one limit only. */
export function playDays(behaviour: Behaviour, say: (line: string) => void, { quick, seed }: Scale): Days {
  const play = ({ name, day, limit, window }: Scenario) => {
    say(`virtual time: ${name}`);
    const rows = contenders.map((contender) => measureDay(contender, day, behaviour, limit, window, seed));
    return { name, rows };
  };
  const shown = quick ? { ...idle, window: { fromMs: 4 * hourMs, toMs: 5 * hourMs } } : idle;
  const scenarios = [play(shown), ...scarce.map(play)];
  const whole = quick ? { fromMs: 11 * hourMs, toMs: 14 * hourMs } : { fromMs: 0, toMs: dayMs };
  const ofLimits = (quick ? limits.slice(1, 2) : limits).flatMap((limit) => {
    say(`virtual time: a day at a limit of ${limit}/s`);
    return contenders.map((contender) => measureDay(contender, wholeDay, behaviour, limit, whole, seed));
  });
  const best = figuresOf(scenarios[0]?.rows, adaptiveDay(true));
  say('what no schedule can beat at the same budget');
  const leastMs = ({ polls, lag }: DayFigures) =>
    boundOf(behaviour, defaultSchedule.deadlineMs, polls, lag, false, 2_000).anyTailMs;
  const boundMs = leastMs(best);
  const bounds = ofLimits
    .filter(({ name }) => name === adaptiveDay(true).name)
    .map((row) => ({ limit: row.limit, boundMs: leastMs(row) }));
  const days = { scenarios, limits: ofLimits, boundMs, bounds };
  return { ...days, goals: { ...goals, met: verdictsOf(days).every(({ isMet }) => isMet) } };
}

/** What each goal came to. */
export function verdictsOf({ scenarios, boundMs }: Pick<Days, 'scenarios' | 'boundMs'>) {
  const [free, ...crowded] = scenarios;
  const medianOf = (rows: readonly DayFigures[] | undefined, contender: DayContender) =>
    figuresOf(rows, contender).lag.p50;
  const adaptive = adaptiveDay(true);
  const ofFormer = medianOf(free?.rows, adaptive) / medianOf(free?.rows, formerAdaptive);
  const ofBound = medianOf(free?.rows, adaptive) / boundMs;
  return [
    {
      text: `idle, of the adaptive schedule before: ${number(ofFormer, 2)}`,
      isMet: ofFormer <= goals.idleRatio,
    },
    { text: `idle, of what no schedule can beat: ${number(ofBound, 2)}`, isMet: ofBound <= goals.ofBound },
    ...crowded.flatMap(({ name, rows }) => {
      const ratio = medianOf(rows, adaptive) / medianOf(rows, exponentialDay(false));
      const { waits, mostPerSecond, limit, missedDeadlines, longestLikelyMs, mostOpen } = figuresOf(
        rows,
        adaptive,
      );
      // A class is overtaken for its patience, and then waits as long as the likely polls do that are due by then.
      const beyond = waits.older - patienceMs.older - longestLikelyMs;
      return [
        {
          text: `${name}, of first come first served: ${number(ratio, 2)}`,
          isMet: ratio <= goals.scarceRatio,
        },
        {
          text: `older polls wait at most ${number(waits.older / 1_000)} s (bound ${number((patienceMs.older + longestLikelyMs) / 1_000)} s)`,
          isMet: beyond <= 0,
        },
        ...(name === crowd
          ? [{ text: `with ${mostOpen} orders open at once`, isMet: mostOpen >= goals.openInRush }]
          : []),
        { text: `no second above ${limit} requests`, isMet: mostPerSecond <= limit },
        { text: `${missedDeadlines} missed deadlines`, isMet: missedDeadlines === 0 },
      ];
    }),
  ];
}

function figuresOf(rows: readonly DayFigures[] | undefined, { name }: DayContender): DayFigures {
  const found = rows?.find((row) => row.name === name);
  if (found === undefined) throw new Error(`${name} was not played.`);
  return found;
}

export function daysTables({ scenarios, limits: ofLimits, bounds }: Days): Table[] {
  const seconds = (ms: number) => number(ms / 1_000, 2);
  const percent = (share: number) => `${number(100 * share)} %`;
  const columns = ['', 'lag p50', 'p95', 'verdict in 5 s', 'polls', 'rejected', 'most in 1 s'];
  const cells = (row: DayFigures) => [
    ...[seconds(row.lag.p50), seconds(row.lag.p95), percent(row.withinFiveSeconds)],
    ...[number(row.polls, 2), number(row.rejected), number(row.mostPerSecond)],
  ];
  return [
    {
      caption:
        'With a rate limit, in virtual time. Orders created in the time named; lag in seconds, of those final before their deadline; polls per order until then; requests that the provider would reject, over the whole time. Waits: how late polls of a class start, 99th of a hundred, in seconds.',
      columns: [...columns, 'open at most', 'likely wait', 'older wait', 'watch wait'],
      rows: scenarios.flatMap(({ name, rows }) =>
        rows.map((row) => [
          `${name}: ${row.name}`,
          ...cells(row),
          ...[number(row.mostOpen), ...[row.waits.likely, row.waits.older, row.waits.watch].map(seconds)],
        ]),
      ),
    },
    {
      caption:
        'A day of 10,800 orders with a rush hour of eight times the mean and an outage of 20 minutes, at several limits. Least: what no schedule can beat with as many polls per order as the adaptive one, by dynamic programming, if no poll ever waits.',
      columns: [...columns, 'least p50'],
      rows: ofLimits.map((row) => {
        const bound = bounds.find(({ limit }) => limit === row.limit && row.name === adaptiveDay(true).name);
        return [
          `${row.limit}/s: ${row.name}`,
          ...cells(row),
          bound === undefined ? '–' : seconds(bound.boundMs),
        ];
      }),
    },
  ];
}
