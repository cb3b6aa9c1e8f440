import { existsSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { classifyCommand } from './commands/classify.ts';
import { demoCommand } from './commands/demo.ts';
import { doctorCommand } from './commands/doctor.ts';
import { enqueueCommand } from './commands/enqueue.ts';
import { pollCommand } from './commands/poll.ts';
import { resultsCommand } from './commands/results.ts';
import { showCommand } from './commands/show.ts';
import { simulateCommand } from './commands/simulate.ts';
import { startCommand } from './commands/start.ts';
import { UsageError } from './commands/usage-error.ts';
import { ConfigError } from './config.ts';
import { packageVersion } from './service-facts.ts';
import type { Terminal } from './terminal.ts';

const commands = [
  startCommand,
  demoCommand,
  enqueueCommand,
  resultsCommand,
  showCommand,
  pollCommand,
  classifyCommand,
  doctorCommand,
  simulateCommand,
];

async function main(): Promise<number> {
  const terminal: Terminal = {
    environment: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    stop: stopSignal(),
  };
  let exitCode = 0;
  const program = new Command('payment-poller')
    .description(
      'The truth about every pending mobile-money order, exactly once, with evidence, on a Redis stream.',
    )
    .version(packageVersion())
    .showHelpAfterError('(add --help for what is possible)')
    .exitOverride();
  for (const create of commands) {
    const command = create(terminal, (code) => {
      exitCode = code;
    });
    program.addCommand(command.copyInheritedSettings(program));
  }
  try {
    loadEnvFile();
    await program.parseAsync();
    return exitCode;
  } catch (error) {
    return exitCodeOf(error, terminal);
  }
}

function loadEnvFile(): void {
  if (!existsSync('.env')) return;
  try {
    process.loadEnvFile('.env');
  } catch (cause) {
    throw new UsageError('Cannot read .env in this folder; make it a readable file, or move it away.', {
      cause,
    });
  }
}

function exitCodeOf(error: unknown, { stderr }: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  stderr.write(`payment-poller: ${error instanceof Error ? error.message : String(error)}\n`);
  return error instanceof ConfigError || error instanceof UsageError ? 2 : 1;
}

function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(1);
      controller.abort();
    });
  }
  // `payment-poller results | head` must end with head; what has work to finish (enqueue) goes on unheard.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    controller.abort();
  });
  return controller.signal;
}

process.exitCode = await main();
