import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../..');

/** A fenced block of a page. */
export interface CodeBlock {
  /** `docs/operations.md:12`, the line of its fence. */
  readonly at: string;
  /** First word behind the fence. */
  readonly language: string;
  /** The rest of that line, such as the file that the block is. */
  readonly info: string;
  readonly code: string;
}

/** The pages for users that are there: README, ARCHITECTURE and docs/. */
export function pages(): string[] {
  return globSync(['README.md', 'ARCHITECTURE.md', 'docs/**/*.md'], { cwd: root }).sort();
}

/** All fenced blocks of a page, in order; those in lists too. */
export function codeBlocks(page: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { indent: string; language: string; info: string; line: number; code: string[] } | null = null;
  for (const [index, text] of readFileSync(join(root, page), 'utf8').split('\n').entries()) {
    const fence = /^(?<indent> *)```(?<language>\S*) *(?<info>.*)$/.exec(text)?.groups;
    if (open === null && fence !== undefined) {
      const { indent = '', language = '', info = '' } = fence;
      open = { indent, language, info, line: index + 1, code: [] };
    } else if (open !== null && text.trim() === '```') {
      const { language, info, line, code } = open;
      blocks.push({ at: `${page}:${line}`, language, info, code: `${code.join('\n')}\n` });
      open = null;
    } else if (open !== null) {
      open.code.push(text.startsWith(open.indent) ? text.slice(open.indent.length) : text);
    }
  }
  if (open !== null) throw new Error(`${page}:${open.line} opens a block that nothing closes.`);
  return blocks;
}
