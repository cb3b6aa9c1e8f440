import { existsSync } from 'node:fs';
import { findExecutable, runCommand } from './executables.ts';
import type { FindRedisOptions } from './found-redis.ts';

const updateWithinMs = 180_000;
const installWithinMs = 300_000;

/**
 * Installs Debian's redis-server package. Only on Debian-based systems and as root; elsewhere it does nothing and
 * returns false. Where Debian's init system runs, the package also starts a Redis on port 6379, which we leave alone.
 *
 * @throws when apt-get fails
 */
export async function installRedisPackage({
  path,
  announce,
}: Pick<FindRedisOptions, 'path' | 'announce'>): Promise<boolean> {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return false;
  const aptGet = await findExecutable(['apt-get'], path);
  const env = await findExecutable(['env'], path);
  if (aptGet === undefined || env === undefined) return false;
  announce?.("Installing Debian's redis-server package with apt-get.");
  const apt = (args: readonly string[], timeoutMs: number) =>
    runCommand(env, ['DEBIAN_FRONTEND=noninteractive', aptGet, '-qq', ...args], timeoutMs);
  await apt(['update'], updateWithinMs);
  await apt(['install', '-y', '--no-install-recommends', 'redis-server'], installWithinMs);
  return true;
}
