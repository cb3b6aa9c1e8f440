import { globSync, readFileSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { findExecutable, runCommand } from '../../src/embedded/executables.ts';
import { type ServerProcess, spawnServer } from '../../src/embedded/server-process.ts';
import { freePorts } from '../../test/support/ports.ts';
import type { Store } from './store.ts';

/**
 * How it runs, for the report. `synchronous_commit` off loses at most 0.6 s of commits in a crash, as Redis with
 * `everysec` loses at most about one second: the same promise on both sides.
 */
const settings = {
  shared_buffers: '1GB',
  effective_cache_size: '4GB',
  work_mem: '16MB',
  maintenance_work_mem: '256MB',
  synchronous_commit: 'off',
  wal_compression: 'on',
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
  random_page_cost: '1.1',
  autovacuum_naptime: '10s',
  jit: 'off',
};

export const postgresSettings = Object.entries(settings)
  .map(([name, value]) => `${name} ${value}`)
  .join(', ');

const initMs = 60_000;
const startMs = 20_000;
/** Where Debian, other Linuxes and Homebrew keep what is not on the PATH; the newest version is taken. */
const usualFolders = ['/usr/lib/postgresql/*/bin', '/usr/pgsql-*/bin', '/opt/homebrew/opt/postgresql*/bin'];

/** Starts an empty PostgreSQL. @throws when there is none, or it does not start */
export async function startPostgres(): Promise<Store> {
  const folder = await findPostgres();
  const user = unprivilegedUser();
  const dir = await mkdtemp(join(tmpdir(), 'payment-poller-postgres-'));
  const [port = 0] = await freePorts(1);
  let server: ServerProcess | null = null;
  const close = async () => {
    await server?.stop();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    if (user !== null) await chown(dir, user.uid, user.gid);
    const data = join(dir, 'data');
    const initArgs = ['-D', data, '-U', 'bench', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
    await runCommand(...asUser(user, join(folder, 'initdb'), initArgs), initMs);
    const options = Object.entries({
      ...settings,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
    });
    const args = [
      '-D',
      data,
      '-p',
      String(port),
      ...options.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ];
    server = await spawnServer(...asUser(user, join(folder, 'postgres'), args), { dir, isTemporary: true });
    const url = `postgres://bench@127.0.0.1:${port}/postgres`;
    await awaitAnswer(url, server);
    return { url, pids: [server.pid], close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The folder of `initdb` and `postgres`. */
async function findPostgres(): Promise<string> {
  const newestFirst = usualFolders.flatMap((pattern) => globSync(pattern).sort().reverse());
  const path = [process.env.PATH ?? '', ...newestFirst].join(':');
  const initdb = await findExecutable(['initdb'], path);
  if (initdb !== undefined) return dirname(initdb);
  throw new Error('PostgreSQL was not found; install it (Debian: apt-get install postgresql).');
}

interface User {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root: then its own user runs it, or nobody. */
function unprivilegedUser(): User | null {
  if (process.getuid?.() !== 0) return null;
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  const line = ['postgres', 'nobody'].flatMap((name) =>
    lines.filter((each) => each.startsWith(`${name}:`)),
  )[0];
  if (line === undefined) throw new Error('PostgreSQL refuses to run as root, and there is no user for it.');
  const [, , uid, gid] = line.split(':').map(Number);
  return { uid: uid ?? 0, gid: gid ?? 0 };
}

/** `setpriv` becomes the program itself, so that the process id is PostgreSQL's. */
function asUser(user: User | null, file: string, args: readonly string[]): [string, string[]] {
  if (user === null) return [file, [...args]];
  return ['setpriv', [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', file, ...args]];
}

async function awaitAnswer(connectionString: string, server: ServerProcess): Promise<void> {
  let ending: string | null = null;
  void server.ended.then((how) => {
    ending = how;
  });
  const giveUpAt = Date.now() + startMs;
  for (;;) {
    const client = new Client({ connectionString });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.end();
      return;
    } catch (cause) {
      if (ending !== null) throw new Error(`PostgreSQL ended while it started: ${ending}.`, { cause });
      if (Date.now() > giveUpAt) throw new Error('PostgreSQL does not answer.', { cause });
      await delay(100);
    }
  }
}
