import { Command } from 'commander';
import type { CommandContext } from '../commands/command-context.ts';

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
    .action(async (flags: { once: boolean }) => {
      const { runDemo } = await import('./demo.ts');
      exit((await runDemo(terminal, flags)) ? 0 : 1);
    });
}
