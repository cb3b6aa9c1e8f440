import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Command, InvalidArgumentError } from 'commander';
import type { CommandContext } from '../commands/command-context.ts';
import { plainStates } from '../simulator/words.ts';
import { demoAccounts, demoEnvironment } from './environment.ts';

/** The port of `start` unless PORT says otherwise. */
const servicePort = 8080;

export function simulateCommand(terminal: CommandContext): Command {
  return new Command('simulate')
    .description(
      'serve the provider simulator until SIGTERM or SIGINT; prints a ready .env for a service that polls it',
    )
    .option('--port <port>', 'port to listen on; 0 picks a free one', parsePort, 4010)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .action(async ({ port, host }: { port: number; host: string }) => {
      const { startSimulator } = await import('../simulator/simulator.ts');
      const simulator = await startSimulator({ port, host }).catch((cause: unknown) => {
        throw new Error(
          `Cannot listen on ${host}:${port}; choose a free port with --port, or --port 0 for any.`,
          {
            cause,
          },
        );
      });
      terminal.stdout.write(sandboxFile(simulator, terminal.environment));
      if (!terminal.stop.aborted) await once(terminal.stop, 'abort');
      await simulator.close();
    });
}

/** What the command prints: a `.env`, with explanations as comments. */
function sandboxFile(
  simulator: Parameters<typeof demoEnvironment>[0]['simulator'],
  { REDIS_URL }: CommandContext['environment'],
): string {
  const [apiKey, callbackToken] = [randomBytes(12).toString('hex'), randomBytes(12).toString('hex')];
  const variables = demoEnvironment({
    ...{ simulator, redisUrl: REDIS_URL || 'redis://127.0.0.1:6379', prefix: 'payments-sandbox' },
    ...{ port: servicePort, apiKey, callbackToken },
  });
  return [
    `# The provider simulator listens on ${simulator.url}; script orders with POST ${simulator.url}/_simulator/orders,`,
    `# read what really happened at ${simulator.url}/_simulator/ledger. docs/sandbox.md says more.`,
    '#',
    '# Save this as .env, then run: npx payment-poller start. Its API key:',
    `API_KEY=${apiKey}`,
    `API_URL=http://127.0.0.1:${servicePort}`,
    `SIMULATOR_URL=${simulator.url}`,
    '',
    ...Object.entries(variables).map(([name, value]) => `${name}=${written(value)}`),
    '',
    '# Callback addresses:',
    ...demoAccounts.map((id) => `#   http://127.0.0.1:${servicePort}/callbacks/${id}/${callbackToken}`),
    `# States, for payment-poller trigger <reference> <state>: ${plainStates.join(', ')}`,
    '',
  ].join('\n');
}

/** A certificate has several lines. */
function written(value: string): string {
  return value.includes('\n') ? `"${value}"` : value;
}

/** @throws InvalidArgumentError */
export function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InvalidArgumentError('The port must be 0 to 65535.');
  return port;
}
