import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Role } from '../../src/service.ts';

const command = fileURLToPath(new URL('../../bin/payment-poller.js', import.meta.url));

/** The service in a child process. */
export interface ServiceProcess {
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** Starts one role of the service and waits until it runs. It is killed at the end of the test at the latest. */
export async function startServiceProcess(
  role: Role,
  environment: { readonly [name: string]: string },
): Promise<ServiceProcess> {
  const child = spawn(process.execPath, [command, 'start', '--role', role], {
    env: { PATH: process.env.PATH ?? '', ...environment, LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let words = '';
  const closed = once(child, 'close');
  const running = new Promise<void>((resolve, reject) => {
    const hear = (chunk: Buffer) => {
      words = (words + chunk).slice(-4_000);
      if (words.includes('is running')) resolve();
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    closed.then(() => reject(new Error(`The service ended by itself: ${words}`)), reject);
  });
  const kill = async () => {
    child.kill('SIGKILL');
    await closed;
  };
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) await kill();
  });
  await running;
  return { kill };
}
