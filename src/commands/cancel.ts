import { Command } from 'commander';
import { createKeys } from '../redis/keys.ts';
import type { CommandContext } from './command-context.ts';
import { recordAction } from './record-action.ts';
import { withStore } from './show.ts';

export function cancelCommand(terminal: CommandContext, exit: (code: number) => void): Command {
  return new Command('cancel')
    .description('stop following an order: no more polls, and unresolved/withdrawn is published')
    .argument('<orderId>', "the checkout's own id of the order")
    .action(async (orderId: string) => {
      await withStore(terminal, orderId, async (store, redis, prefix) => {
        const [{ createPollQueue }, { withdrawOrder }] = await Promise.all([
          import('../jobs/queue.ts'),
          import('../jobs/withdraw.ts'),
        ]);
        const queueOf = (account: string) => createPollQueue(redis, createKeys(prefix), account);
        const { outcome } = await withdrawOrder(store, queueOf, orderId);
        await recordAction(terminal, redis, prefix, { action: 'order-withdrawn', outcome, orderId });
        switch (outcome) {
          case 'withdrawn':
            terminal.stdout.write(`${orderId} is withdrawn: it is not polled any more.\n`);
            return;
          case 'same':
            terminal.stdout.write(`${orderId} was withdrawn before; nothing changed.\n`);
            return;
          case 'paid':
            terminal.stderr.write(
              `Order ${orderId} is paid and stays paid; nothing changed. Refund it at the provider if you must.\n`,
            );
            return exit(1);
          case 'closed':
            terminal.stderr.write(
              `Order ${orderId} is closed and not polled any more; nothing changed. See payment-poller show ${orderId}\n`,
            );
            return exit(1);
          case 'gone':
            terminal.stderr.write(`Order ${orderId} is unknown; check its id and REDIS_URL.\n`);
            return exit(1);
        }
      });
    });
}
