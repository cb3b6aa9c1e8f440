import { type AlertRule, alertRules, type Comparison, type Series } from '../../src/alerts/rules.ts';
import { metricPrefix } from '../../src/observability/metric-definitions.ts';

const begin =
  '      # Generated from src/alerts/rules.ts by `npm run generate`; NOTIFY_WEBHOOK_URL receives these too.\n';

/** ops/alerts.yml with the rules that payment-poller evaluates itself as well; they are at its end. */
export function alertsFile(current: string): string {
  const end = current.indexOf(begin);
  return `${end === -1 ? current : current.slice(0, end)}${begin}${alertRules.map(ruleText).join('')}`;
}

function ruleText(rule: AlertRule): string {
  return `      - alert: ${rule.name}
        expr: ${expressionOf(rule)}
        for: ${rule.forMinutes}m
        labels:
          severity: ${rule.severity}
        annotations:
          summary: ${quoted(summaryOf(rule))}
          runbook: ${quoted(rule.runbook)}
`;
}

function expressionOf(rule: AlertRule): string {
  const parts = [`${highest(rule)} > ${rule.above}`];
  if (rule.and !== undefined) parts.push(`and on() ${anyAbove(rule.and)}`);
  for (const comparison of rule.unless ?? []) parts.push(`unless on() ${anyAbove(comparison)}`);
  return parts.join(' ');
}

/** The highest of all processes, because each has the same figure from Redis. */
function highest({ by = [], sumOver, ...series }: AlertRule): string {
  if (sumOver === undefined) return `max${labelList(by)} (${selector(series)})`;
  return `sum${labelList(by)} (max${labelList([...by, sumOver])} (${selector(series)}))`;
}

function anyAbove(comparison: Comparison): string {
  return `max (${selector(comparison)}) > ${comparison.above}`;
}

function labelList(labels: readonly string[]): string {
  return labels.length === 0 ? '' : ` by (${labels.join(', ')})`;
}

function selector({ metric, where = {} }: Series): string {
  const matchers = Object.entries(where).map(([label, pattern]) => `${label}=~"${pattern.source}"`);
  return `${metricPrefix}${metric}${matchers.length === 0 ? '' : `{${matchers.join(',')}}`}`;
}

function summaryOf({ summary, unit }: AlertRule): string {
  const value = {
    seconds: '{{ $value | humanizeDuration }}',
    count: '{{ $value }}',
    share: '{{ $value | humanizePercentage }}',
  }[unit];
  return summary.replace(/\{(\w+)\}/g, (_all, name: string) =>
    name === 'value' ? value : `{{ $labels.${name} }}`,
  );
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
