import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { expect, test } from 'vitest';
import { createMetrics } from '../src/observability/metrics.ts';

const ops = join(import.meta.dirname, '..', 'ops');
const read = (name: string) => readFileSync(join(ops, name), 'utf8');

/** What every metric of the service is called in a query, with the series that histograms are made of. */
const names = new Set(
  (await createMetrics().registry.getMetricsAsJSON()).flatMap(({ name, type }) =>
    String(type) === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
);

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly w: number };
  readonly targets?: readonly { readonly expr: string }[];
}
const dashboard = JSON.parse(read('grafana-dashboard.json')) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly query: string }[] };
};
const panels = dashboard.panels.filter(({ type }) => type !== 'row');

const alerts = read('alerts.yml')
  .split(/^ {6}- alert: /m)
  .slice(1)
  .map((text) => ({
    name: text.slice(0, text.indexOf('\n')),
    expr: /^ {8}expr: (.+)$/m.exec(text)?.[1] ?? '',
    severity: /^ {10}severity: (.+)$/m.exec(text)?.[1],
    summary: /^ {10}summary: (.+)$/m.exec(text)?.[1] ?? '',
    runbook: /^ {10}runbook: (.+)$/m.exec(text)?.[1] ?? '',
  }));

const queries = [
  ...panels.flatMap(({ title, targets }) => (targets ?? []).map(({ expr }) => [title, expr] as const)),
  ...alerts.map(({ name, expr }) => [name, expr] as const),
  ...dashboard.templating.list.map(({ query }) => ['template', query] as const),
];

test.each(queries)('%s asks for metrics that exist: %s', (_title, expr) => {
  for (const name of expr.match(/payment_poller_\w+/g) ?? []) expect(names).toContain(name);
});

test.each(queries)('%s is whole: %s', (_title, expr) => {
  const texts = expr.replace(/"(?:[^"\\]|\\.)*"/g, '');
  expect(texts).not.toContain('"');
  const open: string[] = [];
  for (const character of texts) {
    if ('([{'.includes(character)) open.push(character);
    if (')]}'.includes(character)) expect('([{'.indexOf(open.pop() ?? ' ')).toBe(')]}'.indexOf(character));
  }
  expect(open).toEqual([]);
});

test('every alert says how bad it is, what it is about and what to do', () => {
  expect(alerts.length).toBeGreaterThan(10);
  expect(new Set(alerts.map(({ name }) => name)).size).toBe(alerts.length);
  for (const { name, expr, severity, summary, runbook } of alerts) {
    expect(expr, name).not.toBe('');
    expect(['critical', 'warning'], name).toContain(severity);
    expect(summary.length, name).toBeGreaterThan(10);
    expect(runbook, name).toMatch(/[.]'$/);
  }
});

test('everything that the service measures of its own is on the dashboard or has an alert', () => {
  const used = queries.map(([, expr]) => expr).join('\n');
  const own = [...names].filter((name) => !/_(?:process|nodejs)_|_sum$|_count$/.test(name));
  expect(own.filter((name) => !used.includes(name))).toEqual([]);
});

test('the panels have ids of their own and stay within the width', () => {
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  for (const { gridPos, title } of dashboard.panels)
    expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
  for (const { targets, title } of panels) expect(targets?.length, title).toBeGreaterThan(0);
});

const promtool = (process.env.PATH ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'promtool'))
  .find(existsSync);

test.skipIf(promtool === undefined)('promtool takes the rules and the configuration', () => {
  const check = (...args: string[]) => execFileSync(promtool ?? '', ['check', ...args], { stdio: 'pipe' });
  check('rules', join(ops, 'alerts.yml'));
  check('config', join(ops, 'prometheus.yml'));
});
