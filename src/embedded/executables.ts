import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { basename, delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** Finds an executable on `path`. Earlier names take precedence over earlier folders; `undefined` if there is none. */
export async function findExecutable(names: readonly string[], path: string): Promise<string | undefined> {
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  for (const name of names) {
    for (const folder of folders) {
      const candidate = join(folder, name);
      if (await isExecutable(candidate)) return candidate;
    }
  }
  return undefined;
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    // Missing or not executable for us: continue the search.
    return false;
  }
}

/**
 * Runs a command until it exits; resolves with its output.
 *
 * @throws when it cannot be started, fails, or takes longer than `timeoutMs`; the message contains its last line of output
 */
export async function runCommand(file: string, args: readonly string[], timeoutMs: number): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(file, args, { timeout: timeoutMs, maxBuffer: 16_000_000 });
    return stdout.trim();
  } catch (err) {
    throw new Error(`${basename(file)} ${args[0] ?? ''} failed: ${lastLine(err, timeoutMs)}`, { cause: err });
  }
}

function lastLine(err: unknown, timeoutMs: number): string {
  if (!(err instanceof Error)) return String(err);
  if ('killed' in err && err.killed === true) return `no end after ${timeoutMs / 1_000} s`;
  const stderr = 'stderr' in err && typeof err.stderr === 'string' ? err.stderr.trim() : '';
  return (stderr === '' ? err.message : stderr).split('\n').at(-1) ?? err.message;
}
