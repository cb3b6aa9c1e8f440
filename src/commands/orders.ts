import { Command, InvalidArgumentError, Option } from 'commander';
import { readServiceSettings } from '../config/config.ts';
import { accountIdPattern } from '../domain/order.ts';
import { type OrderFilter, searchPhases, searchStatuses } from '../orders/order-filter.ts';
import { createOrderIndex } from '../orders/order-index.ts';
import type { OrderRecord } from '../orders/record.ts';
import { searchOrders } from '../orders/search.ts';
import { createOrderStore } from '../orders/store.ts';
import { type OrderSummary, summaryOf } from '../orders/view.ts';
import { awaitRedisForCommand, connectRedis } from '../redis/connection.ts';
import { createKeys } from '../redis/keys.ts';
import type { CommandContext } from './command-context.ts';
import type { LocalTime } from './local-time.ts';
import { localTimeOf, rangeOfFlags, timeHelp } from './time-flags.ts';

type Pair = { readonly key: string; readonly value: string };

interface Flags {
  readonly status?: OrderFilter['status'];
  readonly phase?: OrderFilter['phase'];
  readonly account?: string;
  readonly reference?: string;
  readonly receipt?: string;
  readonly metadata?: readonly Pair[];
  readonly from?: string;
  readonly to?: string;
  readonly timezone?: string;
  readonly limit: number;
  readonly json?: boolean;
}

/** Orders per search. */
const pageSize = 100;

export function ordersCommand(terminal: CommandContext, exit: (code: number) => void): Command {
  return new Command('orders')
    .description('find orders, or list them, latest first')
    .addOption(new Option('--status <status>', 'last verdict; none: no verdict yet').choices(searchStatuses))
    .addOption(new Option('--phase <phase>', 'asking, watching or closed').choices(searchPhases))
    .option('--account <id>', 'orders of this account', parseAccount)
    .option('--reference <text>', "the provider's identifier of the payment")
    .option('--receipt <text>', 'a receipt that the provider reported')
    .option('--metadata <key=value>', 'a value in the metadata; may be repeated', collectPair)
    .option('--from <time>', `created at this time or later: ${timeHelp}`)
    .option('--to <time>', 'created before this time')
    .option('--timezone <zone>', "time zone of dates, in and out (default: this machine's)")
    .option('--limit <n>', 'most orders', parseLimit, 50)
    .option('--json', 'print one JSON object per line')
    .action(async ({ timezone, limit, json, from, to, ...filter }: Flags) => {
      const time = localTimeOf(timezone);
      const range = rangeOfFlags({ from, to }, time, Date.now());
      let found = 0;
      for await (const record of findOrders(terminal, { ...filter, ...range, accounts: null })) {
        const summary = summaryOf(record);
        terminal.stdout.write(`${json ? JSON.stringify(summary) : orderLine(summary, time)}\n`);
        found += 1;
        if (found < limit) continue;
        terminal.stderr.write(`The latest ${limit} orders; there may be more: raise --limit.\n`);
        return;
      }
      if (found > 0 || terminal.stop.aborted) return;
      terminal.stderr.write('No order matches; check the filters, REDIS_URL and PREFIX.\n');
      exit(1);
    });
}

async function* findOrders(terminal: CommandContext, filter: OrderFilter): AsyncGenerator<OrderRecord> {
  const { redisUrl, prefix, retentionDays, indexedMetadata } = readServiceSettings(terminal.environment);
  const redis = connectRedis(redisUrl, 'prompt');
  try {
    await awaitRedisForCommand(redis, redisUrl);
    const keys = createKeys(prefix);
    const store = createOrderStore({ redis, keys, retentionMs: retentionDays * 86_400_000 });
    const parts = { keys, store, index: createOrderIndex({ redis, keys }), indexedMetadata };
    let after: string | null = null;
    do {
      const { records, next } = await searchOrders(parts, filter, pageSize, after);
      yield* records;
      after = next;
    } while (after !== null && !terminal.stop.aborted);
  } finally {
    redis.disconnect();
  }
}

function orderLine(order: OrderSummary, time: LocalTime): string {
  const { orderId, account, status, reason, phase, currency, amount, receipt, reference, createdAt } = order;
  const notes = [
    reason,
    receipt === null ? null : `receipt ${receipt}`,
    `reference ${typeof reference === 'string' ? reference : JSON.stringify(reference)}`,
  ];
  return [
    time.text(Date.parse(createdAt)),
    (status ?? 'none').padEnd(10),
    phase.padEnd(8),
    `${currency} ${amount}`.padStart(12),
    orderId.padEnd(28),
    account.padEnd(12),
    notes.filter((note) => note !== null).join(', '),
  ].join('  ');
}

function parseAccount(text: string): string {
  if (!accountIdPattern.test(text)) throw new InvalidArgumentError('It must be the id of an account.');
  return text;
}

function collectPair(text: string, before: readonly Pair[] = []): readonly Pair[] {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined) throw new InvalidArgumentError('It must be key=value.');
  return [...before, { key, value }];
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1) throw new InvalidArgumentError('The limit must be 1 or more.');
  return limit;
}
