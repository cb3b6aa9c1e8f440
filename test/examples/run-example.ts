import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { testRedisUrl } from '../support/redis.ts';
import { type RunningService, testApiKey } from '../support/running-service.ts';
import { eventually } from '../support/waiting.ts';

/** An example that runs as its own process. */
export interface RunningExample {
  /** What it has printed so far, stdout and stderr. */
  readonly output: () => string;
  /** Waits until its output matches; the match. */
  prints(pattern: RegExp): Promise<RegExpExecArray>;
  /** Ends it by a signal; its exit code, `null` when it died of the signal. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts an example as a reader would, against this service. */
export function runExample(
  command: string,
  args: readonly string[],
  service: RunningService,
  environment: { readonly [name: string]: string } = {},
): RunningExample {
  const child = spawn(command, args, {
    cwd: join(import.meta.dirname, '../..'),
    env: {
      PATH: process.env.PATH,
      REDIS_URL: testRedisUrl(),
      PREFIX: service.prefix,
      API_URL: service.url,
      API_KEY: testApiKey,
      SIMULATOR_URL: service.simulator.url,
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: Buffer) => {
    output += chunk;
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = once(child, 'close');

  async function end(signal: NodeJS.Signals): Promise<number | null> {
    child.kill(signal);
    const [code] = (await ended) as [number | null];
    return code;
  }
  onTestFinished(async () => void (await end('SIGKILL')));

  return {
    end,
    output: () => output,
    prints: (pattern) =>
      eventually(() => {
        const match = pattern.exec(output);
        if (match === null) throw new Error(`${pattern} is not in what it printed:\n${output}`);
        return match;
      }),
  };
}

/** Runs an example in TypeScript from the clone, where the package's own name means its sources. */
export function runTypeScript(
  file: string,
  service: RunningService,
  environment: { readonly [name: string]: string } = {},
): RunningExample {
  const args = ['--conditions=payment-poller-source', join('examples', file)];
  return runExample(process.execPath, args, service, environment);
}
