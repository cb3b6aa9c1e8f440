import { Command } from 'commander';
import { createKeys } from '../redis/keys.ts';
import type { CommandContext } from './command-context.ts';
import { recordAction } from './record-action.ts';
import { withStore } from './show.ts';

/** Least interval between polls requested by hand. Callbacks use the limit of their account. */
const minIntervalMs = 1_000;

export function pollCommand(terminal: CommandContext, exit: (code: number) => void): Command {
  return new Command('poll')
    .description('poll the provider about an order now')
    .argument('<orderId>', "the checkout's own id of the order")
    .action(async (orderId: string) => {
      await withStore(terminal, orderId, async (store, redis, prefix) => {
        const account = (await store.read(orderId))?.order.account;
        if (account === undefined) {
          terminal.stderr.write(`Order ${orderId} is unknown; check its id and REDIS_URL.\n`);
          return exit(1);
        }
        const [{ createPollQueue }, { pollNow }] = await Promise.all([
          import('../jobs/queue.ts'),
          import('../jobs/poll-now.ts'),
        ]);
        const queue = createPollQueue(redis, createKeys(prefix), account);
        const { outcome } = await pollNow(store, queue, orderId, minIntervalMs);
        await queue.close();
        await recordAction(terminal, redis, prefix, { action: 'poll-requested', outcome, orderId });
        if (outcome === 'closed' || outcome === 'gone') {
          terminal.stderr.write(
            `Order ${orderId} is closed: its verdict is final. See payment-poller show ${orderId}\n`,
          );
          return exit(1);
        }
        terminal.stdout.write(
          `${orderId} is polled now; follow it with payment-poller results or payment-poller show ${orderId}\n`,
        );
      });
    });
}
