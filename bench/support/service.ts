import { setTimeout as delay } from 'node:timers/promises';
import { variableName } from '../../src/config/config.ts';
import { type Child, startChild } from '../../test/support/child.ts';
import { freePorts } from '../../test/support/ports.ts';

export const launcher = new URL('../../bin/payment-poller.js', import.meta.url).pathname;

/** How a worker of ours is set up. */
export interface ServiceOptions {
  readonly redisUrl: string;
  readonly gatewayUrl: string;
  readonly port: number;
  /** All at the provider `lipia`. */
  readonly accounts: readonly string[];
  readonly concurrency: number;
}

/** The environment of one process of the service: as in production, but for a rate limit that is out of the way. */
export function serviceEnvironment(options: ServiceOptions): { [name: string]: string } {
  const { accounts, concurrency } = options;
  const settings = {
    baseUrl: options.gatewayUrl,
    apiKey: 'bench-api-key',
    ratePerSecond: '10000',
    concurrency: String(concurrency),
  };
  return {
    ACCOUNTS: accounts.map((id) => `${id}=lipia`).join(','),
    REDIS_URL: options.redisUrl,
    PORT: String(options.port),
    ...Object.fromEntries(
      accounts.flatMap((id) =>
        Object.entries(settings).map(([name, value]) => [variableName(name, id), value]),
      ),
    ),
  };
}

/** A service that is ready, and how long that took from its spawn. */
export interface StartedService {
  readonly child: Child;
  readonly readyMs: number;
}

const readyWithinMs = 60_000;

/** How to start a process of the service. */
export interface StartOptions extends Omit<ServiceOptions, 'port'> {
  readonly role: 'worker' | 'all';
  readonly logDir: string;
  /** Default: the one of these sources. */
  readonly launcher?: string;
}

/** Starts a process of the service and waits until it says that it is ready. */
export async function startReady(options: StartOptions): Promise<StartedService> {
  const { role, logDir } = options;
  const [port = 0] = await freePorts(1);
  const env = serviceEnvironment({ ...options, port });
  const args = role === 'all' ? ['start'] : ['start', '--role', role];
  const script = options.launcher ?? launcher;
  const startedAt = performance.now();
  const child = startChild({ name: role, script, args, env, logDir, supervised: false });
  while (!(await isReady(port))) {
    if (performance.now() - startedAt > readyWithinMs) {
      await child.close();
      const seconds = readyWithinMs / 1_000;
      throw new Error(`The service was not ready within ${seconds} s: ${child.log().slice(-400)}`);
    }
    await delay(5);
  }
  return { child, readyMs: performance.now() - startedAt };
}

async function isReady(port: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/health/ready`);
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    // It does not listen yet.
    return false;
  }
}
