import { availableParallelism } from 'node:os';
import { findExecutable, runCommand } from '../../src/embedded/executables.ts';

const cores = 2;
const withinMs = 5_000;

/** Binds this process, and so all that it will start, to two cores of a larger machine: figures are for two cores. */
export async function keepToTwoCores(say: (line: string) => void): Promise<void> {
  if (availableParallelism() <= cores) return;
  const taskset = await findExecutable(['taskset'], process.env.PATH ?? '');
  if (taskset === undefined) {
    say('This machine has more than two cores, and no taskset to leave the others out: figures are for all.');
    return;
  }
  await runCommand(taskset, ['-a', '-c', '-p', `0-${cores - 1}`, String(process.pid)], withinMs);
  say('Everything is kept to the first two cores.');
}
