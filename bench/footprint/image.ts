import { runCommand } from '../../src/embedded/executables.ts';

const root = new URL('../..', import.meta.url).pathname;
const tag = 'payment-poller:bench';
const askMs = 10_000;
const buildMs = 600_000;

/** The size of the container image in bytes, or why there is none. */
export async function imageSize(): Promise<number | string> {
  try {
    await runCommand('docker', ['info'], askMs);
  } catch {
    return 'not measured: no Docker engine answers';
  }
  try {
    await runCommand('docker', ['build', '--quiet', '--tag', tag, root], buildMs);
    return Number(await runCommand('docker', ['image', 'inspect', '--format', '{{.Size}}', tag], askMs));
  } catch (error) {
    return `not measured: ${error instanceof Error ? error.message : String(error)}`;
  }
}
