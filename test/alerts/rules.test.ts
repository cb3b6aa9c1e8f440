import { describe, expect, test } from 'vitest';
import { type AlertState, advance, afterSending, endAfterMs } from '../../src/alerts/advance.ts';
import { type Figures, findViolations } from '../../src/alerts/evaluate.ts';
import { messageOf } from '../../src/alerts/message.ts';
import { alertRules } from '../../src/alerts/rules.ts';
import { createMetrics } from '../../src/observability/metrics.ts';

type Labels = { readonly [label: string]: string };

const figures = (values: {
  readonly [metric: string]: readonly (readonly [value: number, labels?: Labels])[];
}) =>
  new Map(
    Object.entries(values).map(([metric, list]) => [
      metric,
      list.map(([value, labels = {}]) => ({ value, labels })),
    ]),
  ) as Figures;

const found = (values: Parameters<typeof figures>[0]) =>
  findViolations(alertRules, figures(values)).map(({ rule, labels, value }) => [rule.name, labels, value]);

test('every rule asks for a metric and labels that exist', async () => {
  const known = new Map(
    createMetrics()
      .registry.getMetricsAsArray()
      .map((metric) => [
        metric.name.replace('payment_poller_', ''),
        (metric as unknown as { labelNames: string[] }).labelNames,
      ]),
  );
  for (const { name, metric, by = [], where = {}, and, unless, sumOver } of alertRules) {
    const labels = [...by, ...Object.keys(where), ...(sumOver === undefined ? [] : [sumOver])];
    expect(known.get(metric), name).toEqual(expect.arrayContaining(labels));
    for (const other of [...(and === undefined ? [] : [and]), ...(unless ?? [])]) {
      expect(known.get(other.metric), name).toEqual(expect.arrayContaining(Object.keys(other.where ?? {})));
    }
  }
});

describe('a rule', () => {
  test('is true above its limit, for each value of its labels', () => {
    const group = (name: string) => ({ group: name });
    const oldest = [
      [900, group('a')],
      [901, group('b')],
      [5_000, group('c')],
    ] as const;
    expect(found({ group_oldest_seconds: oldest })).toEqual([
      ['ResultsWaiting', { group: 'b' }, 901],
      ['ResultsWaiting', { group: 'c' }, 5_000],
    ]);
  });

  test('looks only at the labels that it names: a job that runs every day may take a day', () => {
    const of = (seconds: number) => ({ group_oldest_seconds: [[seconds, { group: 'http:books' }]] as const });
    expect(found(of(80_000))).toEqual([]);
    expect(found(of(93_601))).toEqual([['ReaderLate', { group: 'http:books' }, 93_601]]);
  });

  test('adds up what it sums over', () => {
    const amounts = [
      [5, { currency: 'KES', age: '7d' }],
      [7, { currency: 'KES', age: 'older' }],
      [100, { currency: 'KES', age: '1h' }],
      [0, { currency: 'UGX', age: '7d' }],
    ] as const;
    expect(found({ unresolved_amount: amounts })).toEqual([['MoneyUnresolved', { currency: 'KES' }, 12]]);
  });

  test('a day without orders counts only after days with orders', () => {
    expect(found({ newest_order_seconds: [[90_000]], days_with_orders: [[2]] })).toEqual([]);
    expect(found({ newest_order_seconds: [[80_000]], days_with_orders: [[7]] })).toEqual([]);
    expect(found({ newest_order_seconds: [[90_000]], days_with_orders: [[3]] })).toEqual([
      ['NoNewOrders', {}, 90_000],
    ]);
  });

  test('results count as read once there is a consumer group', () => {
    expect(found({ result_entries: [[4]], consumer_groups: [[1]] })).toEqual([]);
    expect(found({ result_entries: [[0]], consumer_groups: [[0]] })).toEqual([]);
    expect(found({ result_entries: [[4]], consumer_groups: [[0]] })).toEqual([['NobodyReads', {}, 4]]);
  });
});

describe('an alert', () => {
  const minute = 60_000;
  const violation = findViolations(alertRules, figures({ parked_entries: [[2, { group: 'shop' }]] }));
  const key = 'ResultsParked shop';
  /** The phases over a series of evaluations, each with its minute and whether the rule is true; a message is sent at once. */
  const phases = (...steps: readonly (readonly [at: number, isTrue: boolean])[]) => {
    let states: ReadonlyMap<string, AlertState> = new Map();
    return steps.map(([at, isTrue]) => {
      states = advance(states, isTrue ? violation : [], at * minute);
      const state = states.get(key);
      const phase = state?.phase ?? 'none';
      if (state !== undefined && (phase === 'begun' || phase === 'ended')) {
        const sent = afterSending(state);
        states = new Map(sent === null ? [] : [[key, sent]]);
      }
      return phase;
    });
  };

  test('begins when its rule has been true for long enough', () => {
    expect(phases([0, true], [0.5, true], [1, true], [2, true])).toEqual([
      'pending',
      'pending',
      'begun',
      'known',
    ]);
    expect(phases([0, true], [0.5, false], [1, true])).toEqual(['pending', 'none', 'pending']);
  });

  test('ends only when it has not been true for a while, so that it does not come and go', () => {
    expect(phases([0, true], [1, true], [3, false], [4, true], [8, false], [9, false], [10, false])).toEqual([
      ...['pending', 'begun', 'known', 'known', 'known', 'ended', 'none'],
    ]);
  });

  test('whose beginning was never sent ends without a message', () => {
    let states: ReadonlyMap<string, AlertState> = advance(new Map(), violation, 0);
    states = advance(states, violation, minute);
    expect(states.get(key)?.phase).toBe('begun');
    expect(advance(states, [], minute + endAfterMs).size).toBe(0);
  });

  test('that is true again before its end was sent goes on', () => {
    const ended: AlertState = { phase: 'ended', since: 0, lastAt: 0, text: 'Resolved: x', summary: 'x' };
    expect(advance(new Map([[key, ended]]), violation, minute).get(key)).toMatchObject({
      phase: 'known',
      since: 0,
    });
  });

  test('says what it is about and what to do, whatever its labels contain', () => {
    const [hostile] = findViolations(
      alertRules,
      figures({ group_oldest_seconds: [[7_300, { group: '<!channel>\n@here'.padEnd(300, 'x') }]] }),
    );
    const { summary, text } = messageOf(hostile as NonNullable<typeof hostile>);
    expect(summary).toMatch(
      /^ResultsWaiting: A result has been waiting for consumer group \?\?channel\?\?\?herex+ for 2 h\.$/,
    );
    expect(summary.length).toBeLessThan(200);
    expect(text.split('\n')).toEqual([
      `[critical] ${summary}`,
      expect.stringContaining('Is the subscriber running'),
    ]);
  });
});
