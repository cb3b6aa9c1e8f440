import { Command, Option } from 'commander';
import type { CommandContext } from '../commands/command-context.ts';

/** How long stopping may take. Polls of the simulator end long before. */
const stopMs = 15_000;

export function demoCommand(terminal: CommandContext, exit: (code: number) => void): Command {
  return new Command('demo')
    .description(
      'run the whole service with sample orders against the provider simulator, on an embedded Redis',
    )
    .option(
      '--once',
      'exit when every order has its verdict: with 0 if all are as expected, else with 1',
      false,
    )
    .addOption(
      new Option('--empty', 'submit no sample orders: a service to try, with an API key')
        .default(false)
        .conflicts('once'),
    )
    .action(async (flags: { once: boolean; empty: boolean }) => {
      const { runDemo } = await import('./demo.ts');
      // Whatever waits for Redis or a provider then, Ctrl-C ends the demo.
      const endSoon = () => terminal.endWithin(stopMs);
      if (terminal.stop.aborted) endSoon();
      else terminal.stop.addEventListener('abort', endSoon, { once: true });
      exit((await runDemo(terminal, flags)) ? 0 : 1);
    });
}
