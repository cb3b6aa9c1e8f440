import { lstatSync, readdirSync } from 'node:fs';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../../src/embedded/executables.ts';

/** The package as a user gets it. */
export interface InstalledPackage {
  /** Its launcher. */
  readonly launcher: string;
  readonly packedBytes: number;
  readonly unpackedBytes: number;
  /** With every dependency at run time. */
  readonly installedBytes: number;
}

const root = new URL('../..', import.meta.url).pathname;
const npmMs = 120_000;

/** Builds and packs the package, and unpacks it below `dir`. @throws when any of that fails */
export async function installPackage(dir: string): Promise<InstalledPackage> {
  await runCommand(process.execPath, [join(root, 'scripts', 'build.ts')], npmMs);
  const packed = await npm('pack', root, '--ignore-scripts', '--json', '--pack-destination', dir);
  const [figures] = Object.values(JSON.parse(packed) as { readonly [name: string]: Packed });
  if (figures === undefined) throw new Error('npm did not say what it had packed.');
  await runCommand('tar', ['-xzf', join(dir, figures.filename), '-C', dir], npmMs);
  const folder = join(dir, 'package');
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  return {
    launcher: join(folder, 'bin', 'payment-poller.js'),
    packedBytes: figures.size,
    unpackedBytes: figures.unpackedSize,
    installedBytes: figures.unpackedSize + (await dependenciesBytes()),
  };
}

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
}

function npm(...args: string[]): Promise<string> {
  return runCommand('npm', ['--prefix', root, ...args], npmMs);
}

async function dependenciesBytes(): Promise<number> {
  const listed = await npm('ls', '--omit=dev', '--all', '--parseable');
  const folders = listed.split('\n').filter((line) => line.includes('node_modules'));
  return folders.map(sizeOf).reduce((sum, each) => sum + each, 0);
}

/** The bytes of a package's files, without the packages inside it, which are listed by themselves. */
function sizeOf(folder: string): number {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => name !== 'node_modules')
    .map((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? sizeOf(path) : lstatSync(path).size;
    })
    .reduce((sum, each) => sum + each, 0);
}
