import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { statementZone } from './statement-file.ts';
import { launcher, type World } from './world.ts';

/** Characters of its complaints that are kept: a line for each of thousands of orders that were paid and taken back. */
const mostStderr = 2_000_000;

/** The account that the statement is of. */
export const statementAccount = 'daraja-stk';

/** How a run of `reconcile --apply` ended. */
export interface Reconciled {
  readonly code: number | null;
  /** Orders that it said it had settled. */
  readonly settled: number;
  readonly stderr: string;
}

/**
 * Runs `reconcile --apply` with a statement.
 *
 * @param killAfter kills it with SIGKILL after it has settled so many orders; default never
 */
export async function applyStatement(
  world: World,
  file: string,
  killAfter = Number.POSITIVE_INFINITY,
): Promise<Reconciled> {
  const { env } = await world.environment();
  const args = ['reconcile', '--account', statementAccount, '--statement', file, '--timezone', statementZone];
  const child = spawn(process.execPath, [launcher, ...args, '--json', '--apply'], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  let [settled, stderr] = [0, ''];
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk).slice(-mostStderr);
  });
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes('"finding":"settled"')) settled += 1;
    if (settled >= killAfter) child.kill('SIGKILL');
  }
  const [code] = (await ended) as [number | null];
  return { code, settled, stderr };
}
