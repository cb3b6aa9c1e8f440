import { once } from 'node:events';
import type { CommandContext } from './command-context.ts';

/** Prints faults as lines and, on a terminal, the progress in a last line. */
export function createScreen(stderr: CommandContext['stderr']) {
  const clear = () => void (stderr.isTTY && stderr.write('\r\x1b[K'));
  return {
    clear,
    progress: (text: string) => void (stderr.isTTY && stderr.write(`\r\x1b[K${text}`)),
    complain(text: string): void {
      clear();
      stderr.write(`${text}\n`);
    },
  };
}

/** Writes text, and waits while its reader does not keep up. */
export async function write({ stdout, stop }: CommandContext, text: string): Promise<void> {
  if (stdout.write(text) || stop.aborted) return;
  await once(stdout, 'drain', { signal: stop }).catch(() => {});
}

/** A text from outside for a terminal: without characters that could move the cursor or hide text. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, '?');
}

/** Lines up columns; the columns named as numbers stand to the right. */
export function columnsOf(
  lines: readonly (readonly string[])[],
  numbers: ReadonlySet<number> = new Set(),
): string {
  const widths = lines[0]?.map((_, nth) => Math.max(...lines.map((line) => (line[nth] ?? '').length))) ?? [];
  return lines
    .map((line) =>
      widths
        .map((width, nth) =>
          numbers.has(nth) ? (line[nth] ?? '').padStart(width) : (line[nth] ?? '').padEnd(width),
        )
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}
