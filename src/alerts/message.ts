import type { Violation } from './evaluate.ts';
import type { AlertRule } from './rules.ts';

/** Labels come from names in Redis, which anything may have written. */
const longestLabel = 100;

/** The text of an alert: one sentence, and what to do. */
export function messageOf({ rule, labels, value }: Violation): {
  readonly summary: string;
  readonly text: string;
} {
  const shown: { [name: string]: string } = { value: valueText(rule.unit, value) };
  for (const [label, text] of Object.entries(labels)) shown[label] = safe(text);
  const sentence = rule.summary.replace(/\{(\w+)\}/g, (_all, name: string) => shown[name] ?? '');
  const summary = `${rule.name}: ${sentence}.`;
  return { summary, text: `[${rule.severity}] ${summary}\n${rule.runbook}` };
}

/** Without control characters, and without the characters that chat programs read as mentions and links. */
function safe(text: string): string {
  return text.replace(/[^\w .:+/-]/g, '?').slice(0, longestLabel);
}

function valueText(unit: AlertRule['unit'], value: number): string {
  switch (unit) {
    case 'seconds':
      return durationText(value);
    case 'count':
      return String(Math.round(100 * value) / 100);
    case 'share':
      return `${Math.round(100 * value)} %`;
  }
}

function durationText(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}
