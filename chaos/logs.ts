import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the sweeper says in the logs of a folder that it mended, by kind. */
export function mendedBySweeper(dir: string): string {
  const lines = readdirSync(dir)
    .filter((file) => file.endsWith('.log'))
    .flatMap((file) => readFileSync(join(dir, file), 'utf8').split('\n'));
  const kinds = lines
    .filter((line) => line.includes('the sweeper repaired an order'))
    .map((line) => /"kind":"([a-z-]+)"/.exec(line)?.[1] ?? 'unknown');
  return [...Map.groupBy(kinds, (kind) => kind)].map(([kind, all]) => `${all.length} ${kind}`).join(', ');
}
