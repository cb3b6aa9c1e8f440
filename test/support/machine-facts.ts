import { spawnSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { packageVersion } from '../../src/observability/package-info.ts';

/** The machine and versions that a measurement was made with. */
export interface Facts {
  readonly date: string;
  readonly version: string;
  /** The commit of the sources, with a `+` for uncommitted changes. */
  readonly commit: string | null;
  readonly node: string;
  readonly redis: string;
  readonly machine: string;
}

/** Reads the facts of this machine. */
export function factsOf(redisServer: string): Facts {
  const [{ model } = { model: 'unknown processor' }] = cpus();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  const commit = said('git', ['rev-parse', '--short', 'HEAD']);
  const isChanged =
    said('git', ['status', '--porcelain', '--', ':/src', ':/bench', ':/package-lock.json']) !== null;
  return {
    date: new Date().toISOString().slice(0, 10),
    version: packageVersion(),
    commit: commit === null ? null : `${commit}${isChanged ? '+' : ''}`,
    node: process.version,
    redis: /v=(\S+)/.exec(said(redisServer, ['--version']) ?? '')?.[1] ?? 'unknown',
    machine: `${cpus().length} cores (${model.trim()}), ${gigabytes} GB, ${process.platform}`,
  };
}

/** The output of a command, `null` if it is empty or the command fails. */
function said(file: string, args: readonly string[]): string | null {
  const { status, stdout } = spawnSync(file, args, { cwd: import.meta.dirname, encoding: 'utf8' });
  return status === 0 && stdout.trim() !== '' ? stdout.trim() : null;
}
