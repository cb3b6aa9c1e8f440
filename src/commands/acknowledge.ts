import { Command } from 'commander';
import { acknowledge, unacknowledge } from '../orders/acknowledge.ts';
import { noteSchema } from '../orders/acknowledgement.ts';
import { type CommandContext, UsageError } from './command-context.ts';
import { originOfCommand } from './origin.ts';
import { recordAction } from './record-action.ts';
import { withStore } from './show.ts';

interface Flags {
  readonly note?: string;
  readonly undo?: boolean;
}

export function acknowledgeCommand(terminal: CommandContext, exit: (code: number) => void): Command {
  return new Command('acknowledge')
    .description('note how an unresolved order was dealt with, so that it no longer needs attention')
    .argument('<orderId>', "the checkout's own id of the order")
    .option('--note <text>', 'what was done, e.g. "refunded, M-Pesa SH90HU7FO2"')
    .option('--undo', 'take the acknowledgement back')
    .action(async (orderId: string, { note, undo }: Flags) => {
      if ((note === undefined) === (undo === undefined))
        throw new UsageError('Give either --note "what was done" or --undo.');
      if (note !== undefined) return acknowledgeIt(terminal, exit, orderId, note);
      await withStore(terminal, orderId, async (store, redis, prefix) => {
        const outcome = await unacknowledge(store, orderId);
        await recordAction(terminal, redis, prefix, { action: 'acknowledgement-removed', outcome, orderId });
        if (outcome === 'removed') {
          terminal.stdout.write(
            `The acknowledgement of ${orderId} is taken back: it needs attention again.\n`,
          );
          return;
        }
        terminal.stderr.write(
          outcome === 'gone' ? unknown(orderId) : `The last verdict of ${orderId} is not acknowledged.\n`,
        );
        exit(1);
      });
    });
}

async function acknowledgeIt(
  terminal: CommandContext,
  exit: (code: number) => void,
  orderId: string,
  text: string,
): Promise<void> {
  const parsed = noteSchema.safeParse(text);
  if (!parsed.success) throw new UsageError(`--note ${parsed.error.issues[0]?.message ?? 'is not valid'}.`);
  const note = parsed.data;
  const { actor, from } = originOfCommand();
  await withStore(terminal, orderId, async (store, redis, prefix) => {
    const by = `${actor} ${from}`;
    const { outcome } = await acknowledge(store, orderId, { by, at: Date.now(), note });
    await recordAction(terminal, redis, prefix, { action: 'order-acknowledged', outcome, orderId });
    switch (outcome) {
      case 'acknowledged':
      case 'same':
        terminal.stdout.write(
          `${orderId} is acknowledged. Its verdict has not changed, and it is polled as before.\n`,
        );
        return;
      case 'no-verdict':
        terminal.stderr.write(`Order ${orderId} has no verdict yet; there is nothing to acknowledge.\n`);
        return exit(1);
      case 'final':
        terminal.stderr.write(`The verdict of ${orderId} is final; there is nothing to acknowledge.\n`);
        return exit(1);
      case 'changed':
        terminal.stderr.write(`The verdict of ${orderId} has just changed; look at it again.\n`);
        return exit(1);
      case 'gone':
        terminal.stderr.write(unknown(orderId));
        return exit(1);
    }
  });
}

function unknown(orderId: string): string {
  return `Order ${orderId} is unknown; check its id and REDIS_URL.\n`;
}
