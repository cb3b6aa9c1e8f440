import { existsSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { type CommandContext, UsageError } from './commands/command-context.ts';
import { packageVersion } from './observability/package-info.ts';

type CreateCommand = (terminal: CommandContext, exit: (code: number) => void) => Command;

/** In the order of the help. Only the command that is run is loaded, to save memory and startup time. */
const commands: ReadonlyMap<string, () => Promise<CreateCommand>> = new Map([
  ['start', async () => (await import('./commands/start.ts')).startCommand],
  ['demo', async () => (await import('./demo/command.ts')).demoCommand],
  ['enqueue', async () => (await import('./commands/enqueue.ts')).enqueueCommand],
  ['results', async () => (await import('./commands/results.ts')).resultsCommand],
  ['show', async () => (await import('./commands/show.ts')).showCommand],
  ['orders', async () => (await import('./commands/orders.ts')).ordersCommand],
  ['poll', async () => (await import('./commands/poll.ts')).pollCommand],
  ['acknowledge', async () => (await import('./commands/acknowledge.ts')).acknowledgeCommand],
  ['cancel', async () => (await import('./commands/cancel.ts')).cancelCommand],
  ['pause', async () => (await import('./commands/pause.ts')).pauseCommand],
  ['resume', async () => (await import('./commands/pause.ts')).resumeCommand],
  ['classify', async () => (await import('./commands/classify.ts')).classifyCommand],
  ['doctor', async () => (await import('./commands/doctor.ts')).doctorCommand],
  ['report', async () => (await import('./commands/report.ts')).reportCommand],
  ['pull', async () => (await import('./commands/pull.ts')).pullCommand],
  ['reconcile', async () => (await import('./commands/reconcile.ts')).reconcileCommand],
  ['audit', async () => (await import('./commands/audit.ts')).auditCommand],
  ['key', async () => (await import('./commands/key.ts')).keyCommand],
  ['user', async () => (await import('./commands/user.ts')).userCommand],
  ['webhooks', async () => (await import('./commands/webhooks.ts')).webhooksCommand],
  ['simulate', async () => (await import('./demo/simulate.ts')).simulateCommand],
  ['trigger', async () => (await import('./commands/trigger.ts')).triggerCommand],
]);

/** Loads the named command, or all of them for the help and for suggestions. */
function loadCommands(first: string | undefined): Promise<CreateCommand[]> {
  const named = commands.get(first ?? '');
  return Promise.all((named === undefined ? [...commands.values()] : [named]).map((load) => load()));
}

async function main(): Promise<number> {
  const terminal: CommandContext = {
    environment: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    stop: stopSignal(),
    // Connections that BullMQ cannot close while Redis is unavailable would keep the process alive for good.
    endWithin: (ms) => void setTimeout(() => process.exit(), ms).unref(),
  };
  let exitCode = 0;
  const program = new Command('payment-poller')
    .description(
      'Polls mobile-money gateways about pending orders and publishes one evidence-backed verdict per order to a Redis stream.',
    )
    .version(packageVersion())
    .showHelpAfterError('(use --help to see the options)')
    .exitOverride();
  for (const create of await loadCommands(process.argv[2])) {
    const command = create(terminal, (code) => {
      exitCode = code;
    });
    program.addCommand(command.copyInheritedSettings(program));
    for (const part of command.commands) part.copyInheritedSettings(command);
  }
  try {
    loadEnvFile();
    await program.parseAsync();
    return exitCode;
  } catch (error) {
    return await exitCodeOf(error, terminal);
  }
}

function loadEnvFile(): void {
  if (!existsSync('.env')) return;
  try {
    process.loadEnvFile('.env');
  } catch (cause) {
    throw new UsageError('Cannot read .env in this folder; make it a readable file, or move it elsewhere.', {
      cause,
    });
  }
}

async function exitCodeOf(error: unknown, { stderr }: CommandContext): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  stderr.write(`payment-poller: ${error instanceof Error ? error.message : String(error)}\n`);
  const { ConfigError } = await import('./config/config.ts');
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
  // `payment-poller results | head` must end with head. Commands that must finish their work (enqueue) continue silently.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    controller.abort();
  });
  return controller.signal;
}

process.exitCode = await main();
