import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { writeLastRun } from '../last-run.ts';
import type { Outcome } from '../play.ts';
import { details, jsonLine, summary, table } from '../report.ts';
import { scenariosNamed } from '../scenarios/index.ts';

const outcome: Outcome = {
  scenario: 'workers-killed',
  orders: 3,
  acknowledged: 3,
  judgement: {
    counts: { match: 2, mismatch: 0, missing: 1, duplicate: 0, conflicting: 0 },
    problems: [{ orderId: 'a', class: 'missing', why: 'nothing on the stream' }],
    publishedUnasked: 0,
  },
  kills: { workers: 4 },
  verdictMs: { orders: 2, p50: 100, p99: 1_250, max: 1_250 },
  boundMs: 45_030,
  tookMs: 30_000,
  notes: { 'back at work (s)': 'api 1.0' },
  violations: ['api ended 1 times though nobody asked it to'],
  passed: false,
};
const facts = {
  ...{ date: '2026-11-22', version: '0.1.0', commit: 'abc1234', node: 'v24.21.0', redis: '7.0.15' },
  ...{ machine: '2 cores (any), 24 GB, linux', orders: 3, seed: 5, minutes: 2, failures: [] },
};

test('a scenario that failed says so, in its line, in the table and in what is wrong', () => {
  expect(summary(outcome)).toBe('workers-killed: FAILED, 2 problems, 2 of 3 orders match, 30.0 s');
  expect(table([outcome]).split('\n')[1]).toMatch(/^workers-killed +3 +2 +0 +1 +0 +0 +4 workers .* FAILED$/);
  expect(details(outcome)).toEqual([
    'workers-killed: back at work (s): api 1.0',
    'workers-killed: api ended 1 times though nobody asked it to',
    'workers-killed: a missing: nothing on the stream',
  ]);
});

test('the last run is written into its place on a page, the newest of each scenario', () => {
  const folder = mkdtempSync(join(tmpdir(), 'payment-poller-report-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const page = join(folder, 'page.md');
  writeFileSync(page, 'before\n<!-- the last run -->\nold\n<!-- end of the last run -->\nafter\n');
  const again: Outcome = { ...outcome, passed: true, violations: [] };
  const lines = [jsonLine([outcome], facts), 'a line for people', jsonLine([again], { ...facts, seed: 6 })];
  writeLastRun(page, lines);
  const text = readFileSync(page, 'utf8');
  expect(text).toMatch(
    /^before\n<!-- the last run -->\n\n2026-11-22: .*<!-- end of the last run -->\nafter\n$/s,
  );
  expect(text).not.toContain('old');
  expect(text.match(/^\| workers-killed .*$/gm)).toEqual([
    '| workers-killed | 3 | 2 | 0 | 1 | 0 | 0 | 4 workers | 2 | 0.1 s | 1.3 s | 1.3 s | 45.0 s | 30.0 s | ok | 6 |',
  ]);
  expect(text).toContain('commit abc1234');
  expect(text).toContain('- `workers-killed`: back at work (s): api 1.0.');

  writeFileSync(page, 'no place');
  expect(() => writeLastRun(page, lines)).toThrow('has no place for the last run');
  expect(() => writeLastRun(page, [])).toThrow();
});

test('scenarios are found by name and by letter, and all of them leave out the load', () => {
  const named = (list: string) => scenariosNamed(list)?.map(({ name }) => name) ?? null;
  expect(named('b, workers-killed')).toEqual([
    'redis-killed-always',
    'redis-killed-everysec',
    'workers-killed',
  ]);
  expect(named('all')).toHaveLength(25);
  expect(named('all')).not.toContain('load');
  expect(named('load')).toEqual(['load']);
  expect(named('a,nobody')).toBeNull();
});
