import { once } from 'node:events';
import { Command, InvalidArgumentError } from 'commander';
import type { CommandContext } from './command-context.ts';

export function simulateCommand(terminal: CommandContext): Command {
  return new Command('simulate')
    .description('serve the provider simulator until SIGTERM or SIGINT')
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
      terminal.stdout.write(
        `The provider simulator listens on ${simulator.url}; ` +
          `script orders with POST ${simulator.url}/_simulator/orders, read what really happened at ${simulator.url}/_simulator/ledger\n`,
      );
      if (!terminal.stop.aborted) await once(terminal.stop, 'abort');
      await simulator.close();
    });
}

/** @throws InvalidArgumentError */
export function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InvalidArgumentError('The port must be 0 to 65535.');
  return port;
}
