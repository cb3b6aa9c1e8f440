import type { AlertRule, Comparison, Series } from './rules.ts';

/** The values of the metrics at one moment, by name without the prefix. */
export type Figures = ReadonlyMap<
  string,
  readonly { readonly labels: { readonly [label: string]: string | number }; readonly value: number }[]
>;

/** A rule that is true, for one set of labels. */
export interface Violation {
  readonly rule: AlertRule;
  readonly labels: { readonly [label: string]: string };
  readonly value: number;
}

/** Identifies an alert: the rule and its labels. */
export function alertKey({ rule, labels }: Pick<Violation, 'rule' | 'labels'>): string {
  return [rule.name, ...(rule.by ?? []).map((label) => labels[label] ?? '')].join(' ');
}

/** Evaluates the rules as Prometheus would, on the figures of one process. Pure. */
export function findViolations(rules: readonly AlertRule[], figures: Figures): Violation[] {
  return rules.flatMap((rule) => {
    if (rule.and !== undefined && !isAnyAbove(rule.and, figures)) return [];
    if (rule.unless?.some((comparison) => isAnyAbove(comparison, figures))) return [];
    return [...valuesByLabels(rule, figures).values()]
      .filter(({ value }) => value > rule.above)
      .map((found) => ({ rule, ...found }));
  });
}

function isAnyAbove(comparison: Comparison, figures: Figures): boolean {
  return valuesOf(comparison, figures).some(({ value }) => value > comparison.above);
}

function valuesByLabels(rule: AlertRule, figures: Figures) {
  const found = new Map<string, Omit<Violation, 'rule'>>();
  for (const { labels, value } of valuesOf(rule, figures)) {
    const kept = Object.fromEntries((rule.by ?? []).map((label) => [label, String(labels[label] ?? '')]));
    const key = alertKey({ rule, labels: kept });
    const before = found.get(key)?.value;
    found.set(key, { labels: kept, value: combined(rule, before, value) });
  }
  return found;
}

/** A process has one value for each set of labels, so adding up what remains of them is the sum over `sumOver`. */
function combined({ sumOver }: AlertRule, before: number | undefined, value: number): number {
  if (before === undefined) return value;
  return sumOver === undefined ? Math.max(before, value) : before + value;
}

function valuesOf({ metric, where = {} }: Series, figures: Figures) {
  return (figures.get(metric) ?? []).filter(({ labels }) =>
    Object.entries(where).every(([label, pattern]) =>
      new RegExp(`^(?:${pattern.source})$`).test(String(labels[label] ?? '')),
    ),
  );
}
