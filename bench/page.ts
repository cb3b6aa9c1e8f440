import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { Facts } from '../test/support/machine-facts.ts';
import { number, type Table, toMarkdown } from './report.ts';

/** What of a file in bench/results the page shows. */
interface Result {
  readonly benchmark: string;
  readonly facts: Facts;
  /** What processes other than the benchmark's took meanwhile, in % of a core. */
  readonly othersPercent: number;
  readonly text: string;
  readonly remark?: string;
  readonly tables?: readonly Table[];
}

/** Figures are trusted while others take no more than this. */
const quietPercent = 10;

const page = new URL('../docs/performance.md', import.meta.url);
const results = new URL('./results/', import.meta.url);

/** Puts the figures of bench/results into docs/performance.md, so that none is ever typed by hand. */
export async function fillPage(): Promise<void> {
  await writeFile(page, filled(readFileSync(page, 'utf8'), readResults()));
}

/** The page with what stands between `<!-- bench:NAME -->` and `<!-- /bench -->` made anew. */
export function filled(text: string, found: readonly Result[]): string {
  return text.replace(
    /<!-- bench:(\S+) -->[\s\S]*?<!-- \/bench -->/g,
    (_, name: string) => `<!-- bench:${name} -->\n\n${shown(name, found)}\n\n<!-- /bench -->`,
  );
}

export function readResults(): Result[] {
  return readdirSync(results)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(new URL(name, results), 'utf8')) as Result);
}

function shown(name: string, found: readonly Result[]): string {
  const result = found.find(({ benchmark }) => benchmark === name);
  if (result === undefined) return `Not measured yet: \`npm run bench -- ${name}\`.`;
  const tables = result.tables?.map(toMarkdown) ?? [`\`\`\`text\n${result.text}\n\`\`\``];
  const { date, version, commit, node, redis, machine } = result.facts;
  const sources = `version ${version}${commit === null ? '' : ` at ${commit}`}`;
  const isDisturbed = result.othersPercent > quietPercent;
  // In virtual time nothing that others do counts.
  if (result.benchmark === 'schedule') {
    const computed = `Computed on ${date} with ${sources}, in virtual time: the same on every machine.`;
    return [...tables, ...(result.remark === undefined ? [] : [result.remark]), computed].join('\n\n');
  }
  const measured = [
    `Measured on ${date} with ${sources}, Node ${node}, Redis ${redis}, on ${machine};`,
    `other processes took ${number(result.othersPercent)} % of a core meanwhile${isDisturbed ? ', which is **too much: measure again**' : ''}.`,
  ].join(' ');
  return [...tables, ...(result.remark === undefined ? [] : [result.remark]), measured].join('\n\n');
}
