import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, globSync, mkdirSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Another version of the product, ready to run beside this one. */
export interface EarlierVersion {
  /** Which one, for people. */
  readonly name: string;
  /** Its launcher. */
  readonly script: string;
}

const root = join(import.meta.dirname, '..');

/**
 * The newest release, taken from git; where there is none yet, this very version as the package has it: built, without
 * its sources. Both use the packages that are installed here.
 */
export function prepareEarlierVersion(dir: string): EarlierVersion {
  const folder = join(dir, 'earlier');
  mkdirSync(folder, { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const script = join(folder, 'bin', 'payment-poller.js');
  const tag = newestTag();
  if (tag !== null) {
    run('sh', ['-c', 'git archive "$1" | tar -x -C "$2"', 'sh', tag, folder]);
    return { name: `release ${tag}`, script };
  }
  build(folder);
  return { name: 'this version as built for the package (no release exists yet)', script };
}

function newestTag(): string | null {
  const { status, stdout } = spawnSync('git', ['describe', '--tags', '--abbrev=0', '--match', 'v*'], {
    cwd: root,
    encoding: 'utf8',
  });
  return status === 0 && stdout.trim() !== '' ? stdout.trim() : null;
}

function build(folder: string): void {
  const package_ = createRequire(import.meta.url).resolve('typescript/package.json');
  const compiler = join(dirname(package_), 'bin', 'tsc');
  run(process.execPath, [
    compiler,
    '-p',
    join(root, 'tsconfig.build.json'),
    '--outDir',
    join(folder, 'dist'),
  ]);
  for (const file of globSync('src/**/*.*', { cwd: root, exclude: ['**/*.ts'] })) {
    const target = join(folder, file.replace(/^src[\\/]/, 'dist/'));
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(root, file), target);
  }
  cpSync(join(root, 'bin'), join(folder, 'bin'), { recursive: true });
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
}

function run(file: string, args: readonly string[]): void {
  const { status, stderr, stdout } = spawnSync(file, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`The earlier version could not be made: ${stderr}${stdout}`);
}
