import { Command } from 'commander';
import type { CommandContext } from '../commands/command-context.ts';

export function demoCommand(terminal: CommandContext, exit: (code: number) => void): Command {
  return new Command('demo')
    .description('run everything on an embedded Redis against the provider simulator, with sample orders')
    .option(
      '--once',
      'end when every order has its verdict: exit 0 if each is the expected one, else 1',
      false,
    )
    .action(async (flags: { once: boolean }) => {
      const { runDemo } = await import('./demo.ts');
      exit((await runDemo(terminal, flags)) ? 0 : 1);
    });
}
