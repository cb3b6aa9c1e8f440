import { defaultSchedule } from '../src/domain/schedule.ts';
import { type Benchmark, reportOf } from './report.ts';
import { readBehaviour } from './schedule/behaviour.ts';
import { type Bound, boundOf } from './schedule/bound.ts';
import { adaptive, contenders, exponential } from './schedule/contenders.ts';
import { daysTables, playDays, verdictsOf } from './schedule/day/scenarios.ts';
import { type Figures, measure } from './schedule/figures.ts';
import { contendersTable, pacesTable, variationsTable } from './schedule/tables.ts';
import { type Variation, variationsOf } from './schedule/variations.ts';

/**
 * How soon a final status is seen, and what it costs in polls, when no callback comes: payments that behave as
 * schedule/behaviour.json says are played through several schedules, in virtual time. The same on every machine, so one
 * round is as good as three.
 */

const sizes = {
  full: { orders: 100_000, ordersOfVariations: 24_000 },
  quick: { orders: 3_000, ordersOfVariations: 2_400 },
} as const;
/** The exponential schedule with its times multiplied, to see what more and fewer polls buy. */
const paces = [0.5, 0.7, 1, 1.5, 2] as const;
const goal = 0.5;
const { deadlineMs } = defaultSchedule;

export const schedule: Benchmark = async (say, scale) => {
  const { quick } = scale;
  const { orders, ordersOfVariations } = quick ? sizes.quick : sizes.full;
  const behaviour = readBehaviour();
  const rows = contenders.map((contender) => {
    say(`${orders} orders: ${contender.name}`);
    return measure(contender, [behaviour], orders);
  });
  const [usual, learnt] = [rows.at(-2), rows.at(-1)] as [Figures, Figures];
  say('what no schedule can beat');
  const bound = boundOf(behaviour, deadlineMs, usual.polls, usual.lag, true);

  const variations = variationsOf(behaviour).map((variation) => {
    // Each of several accounts has its own to learn from.
    const played = (variation.accounts.length > 1 ? 3 : 1) * ordersOfVariations;
    say(`${played} orders: ${variation.name}`);
    return compare(variation, played);
  });
  const paced = paces.map((pace) => {
    say(`${ordersOfVariations} orders: times × ${pace}`);
    const times = {
      ...defaultSchedule,
      firstPollAfterMs: pace * defaultSchedule.firstPollAfterMs,
      initialIntervalMs: pace * defaultSchedule.initialIntervalMs,
      maxIntervalMs: pace * defaultSchedule.maxIntervalMs,
    };
    const play = (contender: typeof exponential) =>
      measure(contender(`× ${pace}`, times), [behaviour], ordersOfVariations);
    return { name: `× ${pace}`, usual: play(exponential), learnt: play(adaptive) };
  });

  const days = playDays(behaviour, say, scale);
  const ratio = learnt.lag.p50 / usual.lag.p50;
  return reportOf(
    {
      orders,
      goal,
      met: ratio <= goal,
      ratio,
      bound,
      rows,
      variations,
      paces: paced,
      seed: scale.seed,
      days,
    },
    [...daysTables(days), contendersTable(rows), variationsTable(variations), pacesTable(paced)],
    `${remark(ratio, usual, bound)} ${goalsOf(days, scale.seed)}`,
    true,
  );
};

/** Both of our schedules on accounts that behave otherwise; the bound only where there is one account. */
function compare({ name, accounts }: Variation, orders: number) {
  const usual = measure(exponential(name), accounts, orders);
  const learnt = measure(adaptive(name), accounts, orders);
  const [only, ...others] = accounts;
  const leastMs =
    only === undefined || others.length > 0
      ? null
      : boundOf(only, deadlineMs, usual.polls, usual.lag, false).anyTailMs;
  return { name, usual, learnt, leastMs };
}

function goalsOf(days: ReturnType<typeof playDays>, seed: number): string {
  const each = verdictsOf(days).map(({ text, isMet }) => `${text} (${isMet ? 'met' : 'MISSED'})`);
  return `With a budget from the rate limit, seed ${seed}: ${each.join('; ')}.`;
}

function remark(ratio: number, usual: Figures, { anyTailMs, sameTailMs }: Bound): string {
  const part = (ms: number | null) => ((ms ?? Number.NaN) / usual.lag.p50).toFixed(2);
  return [
    `Goal: the adaptive median at most ${goal} of the exponential one, with as many polls: ${ratio <= goal ? 'met' : 'MISSED'} (${ratio.toFixed(2)}).`,
    `No schedule with as many polls can come below ${part(anyTailMs)}, even one that lets the slower half of the orders wait for ever,`,
    `nor below ${part(sameTailMs)} with a p95 and a p99 as good as the exponential ones.`,
  ].join(' ');
}
