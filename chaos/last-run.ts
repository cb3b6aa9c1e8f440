/**
 * Writes what runs of the chaos test came to into a page, between its two marks. As a program:
 * `node chaos/last-run.ts PAGE LOG…`, where each log holds the line for machines of one run; of a scenario that was
 * played more than once the last one counts.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Facts } from '../test/support/machine-facts.ts';
import type { Outcome } from './play.ts';
import { cellsOf, head, type Row } from './report.ts';

/** The line for machines, as `jsonLine` writes it. */
type Run = Facts & {
  readonly orders: number;
  readonly seed: number;
  readonly minutes: number;
  readonly scenarios: readonly (Row & Pick<Outcome, 'notes' | 'violations'>)[];
};

const begin = '<!-- the last run -->';
const end = '<!-- end of the last run -->';

if (import.meta.main) {
  const [page = '', ...logs] = process.argv.slice(2);
  writeLastRun(
    page,
    logs.flatMap((log) => readFileSync(log, 'utf8').split('\n')),
  );
}

/** @throws when the page has not both marks, or no line is a run's */
export function writeLastRun(page: string, lines: readonly string[]): void {
  const text = readFileSync(page, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page} has no place for the last run: ${begin} … ${end}`);
  const runs = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Run);
  if (runs.length === 0) throw new Error('There is no run to write down.');
  writeFileSync(page, `${text.slice(0, from)}${begin}\n\n${markdown(runs)}\n\n${text.slice(to)}`);
}

/** The runs as paragraphs and one table. Pure. */
export function markdown(runs: readonly Run[]): string {
  const last = new Map(runs.flatMap((run) => run.scenarios.map((row) => [row.scenario, { run, row }])));
  const played = [...last.values()];
  const rows = played.map(({ row, run }) => [...cellsOf(row), String(run.seed)]);
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const notes = played.map(({ row }) => {
    const noted = Object.entries(row.notes).map(([name, value]) => `${name}: ${value}`);
    return {
      scenario: row.scenario,
      noted: [...noted, ...row.violations.map((violation) => `**${violation}**`)],
    };
  });
  return [
    ...new Set(played.map(({ run }) => factsLine(run))),
    [line([...head, 'seed']), line([...head, 'seed'].map(() => '---')), ...rows.map(line)].join('\n'),
    notes
      .filter(({ noted }) => noted.length > 0)
      .map(({ scenario, noted }) => `- \`${scenario}\`: ${noted.join('; ')}.`)
      .join('\n'),
  ].join('\n\n');
}

function factsLine({ date, version, commit, node, redis, machine, minutes }: Run): string {
  const source = commit === null ? '' : ` (commit ${commit})`;
  return `${date}: payment-poller ${version}${source}, Node ${node}, Redis ${redis}, ${machine}; ${minutes} minutes of faults.`;
}
