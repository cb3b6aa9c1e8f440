import { once } from 'node:events';
import { Command, InvalidArgumentError, Option } from 'commander';
import { limitHeapGrowth, withSmallYoungGeneration } from '../observability/v8-heap.ts';
import type { Role, Service } from '../service.ts';
import type { CommandContext } from './command-context.ts';

/** A stop may take this long whatever SHUTDOWN_MS is, so that jobs are released. */
const leastStopMs = 3_000;
/** How long what remains after the service was closed may take, such as writing the last log lines. */
const afterCloseMs = 200;

const roles: readonly Role[] = ['worker', 'api', 'webhooks'];

export function startCommand(terminal: CommandContext): Command {
  return new Command('start')
    .description('run the service until SIGTERM or SIGINT')
    .addOption(
      new Option('--role <role>', `run only this role, ${roles.join(', ')}; may be repeated`).argParser(
        parseRole,
      ),
    )
    .action(async ({ role: chosen = roles }: { role?: readonly Role[] }) => {
      const service = await withSmallYoungGeneration(() => start(terminal, chosen));
      // Stopped while waiting for Redis.
      if (service === null) return;
      // Only a process that takes requests can be flooded; a worker is faster with a young generation that grows.
      if (chosen.includes('api')) limitHeapGrowth();
      if (!terminal.stop.aborted) await once(terminal.stop, 'abort');
      await service.close();
      terminal.endWithin(afterCloseMs);
    });
}

function parseRole(text: string, before: readonly Role[] = []): readonly Role[] {
  const role = roles.find((each) => each === text);
  if (role === undefined) throw new InvalidArgumentError(`The roles are ${roles.join(', ')}.`);
  return before.includes(role) ? before : [...before, role];
}

/** Starts the service as soon as Redis answers; `null` if stopped before. @throws as `readConfig` and `startService` */
async function start(
  { environment, stop, endWithin }: CommandContext,
  roles: readonly Role[],
): Promise<Service | null> {
  const { readConfig } = await import('../config/config.ts');
  const config = readConfig(environment);
  // From here on, whatever waits for Redis, also while the service is starting.
  const endSoon = () => endWithin(Math.max(2 * config.shutdownMs, leastStopMs));
  if (stop.aborted) endSoon();
  else stop.addEventListener('abort', endSoon, { once: true });
  const [{ createLog }, { unknownVariables }, { waitForRedis }, { startService }] = await Promise.all([
    import('../observability/log.ts'),
    import('../config/unknown-variables.ts'),
    import('./await-redis.ts'),
    import('../service.ts'),
  ]);
  const log = createLog(config.logLevel);
  for (const { variable, text } of unknownVariables(environment)) log.warn({ variable }, text);
  const answers = await waitForRedis(config.redisUrl, log, stop);
  return answers ? startService(config, log, roles) : null;
}
