/**
 * Builds the package: `dist/` emptied, every source emitted as JavaScript with its declarations, and the
 * files that are not TypeScript (Lua scripts, styles, pages) copied beside the modules that read them.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, globSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const assets = 'src/{**/*.{lua,css,html},api/ui/assets/*}';

rmSync(join(root, 'dist'), { recursive: true, force: true });
compile();
const copied = copyAssets();
console.log(`Built dist/ with ${copied} files copied.`);

/** Compiles `src` to `dist`; on errors, exits with the compiler's messages and exit code. */
function compile(): void {
  const compiler = join(
    dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
    'bin',
    'tsc',
  );
  const { status, error } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (error) throw new Error('Could not run the TypeScript compiler', { cause: error });
  if (status !== 0) process.exit(status ?? 1);
}

/** Copies files that modules read at run time by relative path; returns how many. */
function copyAssets(): number {
  const files = globSync(assets, { cwd: root });
  for (const file of files) {
    const target = join(root, 'dist', file.replace(/^src[\\/]/, ''));
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(root, file), target);
  }
  return files.length;
}
