import { Command, InvalidArgumentError, Option } from 'commander';
import type { AccountInfo } from '../accounts/accounts.ts';
import { readAccounts } from '../accounts/accounts.ts';
import { append } from '../audit/audit.ts';
import { readServiceSettings } from '../config/config.ts';
import type { Policy } from '../domain/decide.ts';
import { defaultWatchMs } from '../domain/schedule.ts';
import { createZone, type Zone } from '../domain/zone.ts';
import { limitHeapGrowth } from '../observability/v8-heap.ts';
import { noteContradicted } from '../orders/contradicted.ts';
import { ordersWithReceipts } from '../orders/orders-named.ts';
import { type PaymentRules, paymentsWithin } from '../orders/ownership.ts';
import type { OrderRecord } from '../orders/record.ts';
import { scanOrders } from '../orders/scan-orders.ts';
import { createOrderStore, type OrderStore } from '../orders/store.ts';
import { providers } from '../providers/index.ts';
import { receiptScope } from '../providers/payment-scope.ts';
import type { Provider } from '../providers/provider.ts';
import { reconcile } from '../reconcile/reconcile.ts';
import type { Finding } from '../reconcile/reconciliation-line.ts';
import { createStatementSettler, type StatementSettled } from '../reconcile/settle-by-statement.ts';
import type { DateOrder } from '../reconcile/statement/date.ts';
import { readMapping } from '../reconcile/statement/mapping.ts';
import { readStatement, type Statement } from '../reconcile/statement/read-statement.ts';
import { StatementError } from '../reconcile/statement/statement-error.ts';
import { createRedisClock } from '../redis/clock.ts';
import { awaitRedisForCommand, connectRedis, type Redis } from '../redis/connection.ts';
import { createKeys, type Keys } from '../redis/keys.ts';
import { isRedisFault } from '../redis/redis-fault.ts';
import { type CommandContext, UsageError } from './command-context.ts';
import { originOfCommand } from './origin.ts';
import { csvOutput, jsonOutput, tableOutput } from './reconcile-output.ts';
import { createScreen } from './screen.ts';
import { parseZone } from './time-zone.ts';

interface Flags {
  readonly account: string;
  readonly statement: string;
  readonly mapping?: string;
  readonly dateOrder?: DateOrder;
  readonly currency?: string;
  readonly accountNumber?: string;
  readonly timezone?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly all?: boolean;
  readonly ignoreUnknown?: boolean;
  readonly apply?: boolean;
}

export function reconcileCommand(terminal: CommandContext, exit: (code: number) => void): Command {
  return new Command('reconcile')
    .description(
      "compare orders with a statement of the provider's account, and settle what only the statement knows",
    )
    .requiredOption('--account <id>', 'the account whose orders are compared')
    .requiredOption(
      '--statement <file>',
      'CSV export: M-Pesa organisation portal, Equity/Jenga account statement, or any with --mapping',
    )
    .option('--mapping <file>', 'JSON file that names the columns of another format')
    .addOption(
      new Option(
        '--date-order <order>',
        'order of dates such as 03/04/2026, where the file does not show it',
      ).choices(['day-first', 'month-first']),
    )
    .option('--currency <code>', "currency of rows that name none (default: the account's)", parseCurrency)
    .option('--account-number <key>', 'key of the metadata with the account number that the customer pays to')
    .option('--timezone <zone>', 'time zone of the statement and of its days (default: TIMEZONE)', parseZone)
    .addOption(new Option('--json', 'print one JSON object per line, the totals last').conflicts('csv'))
    .option('--csv', 'print CSV; the totals go to standard error')
    .option('--all', 'list what agrees too')
    .option(
      '--ignore-unknown',
      'rows without an order are no disagreement: the account takes other payments too',
    )
    .option(
      '--apply',
      'settle orders that are matched by receipt, or by exact reference and amount (default: change nothing)',
    )
    .action(async (flags: Flags) => {
      // Reading makes much garbage, and V8 would rather let the heap grow than collect it.
      limitHeapGrowth();
      const settings = readServiceSettings(terminal.environment);
      const redis = connectRedis(settings.redisUrl, 'patient');
      try {
        await awaitRedisForCommand(redis, settings.redisUrl);
        const zone = createZone(flags.timezone ?? settings.timezone);
        const keys = createKeys(settings.prefix);
        const retentionMs = settings.retentionDays * 86_400_000;
        exit(await run(flags, { terminal, redis, keys, zone, retentionMs }));
      } catch (error) {
        if (terminal.stop.aborted) return exit(130);
        throw error instanceof StatementError ? new UsageError(error.message, { cause: error }) : error;
      } finally {
        redis.disconnect();
      }
    });
}

interface Parts {
  readonly terminal: CommandContext;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly zone: Zone;
  readonly retentionMs: number;
}

/** Returns the exit code: 1 if anything disagrees. */
async function run(flags: Flags, parts: Parts): Promise<number> {
  const { terminal, redis, keys, zone } = parts;
  const { stderr, stop } = terminal;
  const { info, provider } = await accountOf(flags.account, redis, keys);
  const screen = createScreen(stderr);
  const currencies = info.currencies ?? [info.currency];
  const statement = await readStatement(flags.statement, {
    format: flags.mapping === undefined ? null : readMapping(flags.mapping),
    dateOrder: flags.dateOrder ?? null,
    currency: flags.currency ?? (currencies.length === 1 ? info.currency : null),
    zone,
    progress: (share) => screen.progress(`reading ${Math.round(share * 100)} %`),
    signal: stop,
  });
  const output = (flags.json ? jsonOutput : flags.csv ? csvOutput : tableOutput)(terminal);
  const settler = flags.apply ? await openSettler(flags, statement, { info, provider, ...parts }) : null;
  let compared = 0;
  async function* orders(from: number, to: number) {
    for await (const some of scanOrders(redis, keys, { account: flags.account, from, to, signal: stop })) {
      compared += some.records.length;
      screen.progress(`comparing: ${compared} orders`);
      yield some;
    }
  }
  const store = createOrderStore(parts);
  const withReceipts = async (receipts: readonly string[]) => {
    const orderIds = await ordersWithReceipts(redis, keys, flags.account, receipts);
    // One damaged record must not stop the comparison of all others.
    const records = await Promise.all(orderIds.map((orderId) => readIfPossible(store, orderId)));
    return records.flatMap((record) => (record?.order.account === flags.account ? [record] : []));
  };
  for (const fault of statement.faults) await output.faulty(fault);
  try {
    const totals = await reconcile({
      ...{ statement, provider, zone, orders, withReceipts, isShared: info.sharedReferences },
      accountNumber: flags.accountNumber ?? null,
      isComplete: flags.all ?? false,
      signal: stop,
      async line(line) {
        screen.clear();
        await output.line(line);
      },
      ...(settler && { settle: settler.settle }),
    });
    screen.clear();
    await output.end(statement, totals, settler !== null);
    const ignored = flags.ignoreUnknown ? (totals.findings['unknown-to-us']?.count ?? 0) : 0;
    return totals.disagreements > ignored ? 1 : 0;
  } finally {
    screen.clear();
    await settler?.close();
  }
}

async function readIfPossible(store: OrderStore, orderId: string): Promise<OrderRecord | null> {
  try {
    return await store.read(orderId);
  } catch (error) {
    if (isRedisFault(error)) throw error;
    return null;
  }
}

async function accountOf(account: string, redis: Redis, keys: Keys) {
  const accounts = await readAccounts(redis, keys, providers);
  const info = accounts.get(account);
  const provider = providers.get(info?.provider ?? '');
  if (info === undefined || provider === undefined) {
    const known = [...accounts.keys()].sort().join(', ') || 'none: start payment-poller on this Redis first';
    throw new UsageError(`${account} is no account of this Redis and prefix; known are ${known}.`);
  }
  return { info, provider };
}

interface SettlerParts extends Parts {
  readonly info: AccountInfo;
  readonly provider: Provider;
}

/** Opens what `--apply` needs, and writes down in the audit trail that it begins and how it ended. */
async function openSettler(flags: Flags, statement: Statement, parts: SettlerParts) {
  const { terminal, redis, keys, info, provider } = parts;
  const { createPollQueue } = await import('../jobs/queue.ts');
  const { promote } = await import('../jobs/poll-now.ts');
  const clock = createRedisClock(redis, keys);
  await clock.start();
  const queue = createPollQueue(redis, keys, flags.account);
  const counts = new Map<string, number>();
  const name = `${flags.account} ${statement.sha256.slice(0, 16)}`;
  const note = (action: 'statement-started' | 'statement-applied', outcome: string) =>
    append(redis, keys, { ...originOfCommand(), action, outcome });
  // Nothing is settled that the audit trail does not know of.
  await note('statement-started', name);
  const settle = createStatementSettler({
    store: createOrderStore(parts),
    ...{ account: flags.account, provider, accountNumber: flags.accountNumber ?? null, clock },
    ...{
      rows: statement.rows,
      period: statement.period,
      policy,
      payments: rulesOf(flags.account, info, provider),
    },
    source: {
      sha256: statement.sha256,
      currencies: info.currencies ?? [info.currency],
      rowName: (line) => `statement row ${line}`,
    },
    observer: {
      published: () => {},
      contradiction: ({ order }) =>
        void terminal.stderr.write(
          `ALARM: order ${order.orderId} was published as paid, and the statement says otherwise; it stays paid, check with the provider.\n`,
        ),
      neglected: (what, orderId) =>
        void terminal.stderr.write(`${orderId}: a list or statistic could not be written: ${what}\n`),
    },
    contradicts: (orderId) => noteContradicted(redis, keys, orderId, clock.now()),
    reschedule: (orderId, at) => promote(queue, orderId, at, clock.now()),
  });
  return {
    async settle(orderId: string) {
      const settled = await settle(orderId);
      counts.set(settled.outcome, (counts.get(settled.outcome) ?? 0) + 1);
      return outcomeOf(settled);
    },
    async close(): Promise<void> {
      const outcomes = [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ') || 'nothing';
      clock.close();
      await Promise.all([note('statement-applied', `${name}: ${outcomes}`), queue.close()]).catch(
        (error: Error) =>
          terminal.stderr.write(`The end could not be written to the audit trail: ${error.message}\n`),
      );
    },
  };
}

/** Readings of statements are firm, and need no second one; the worker watches on by its own settings. */
const policy: Policy = { confirmAfterMs: 0, watchMs: defaultWatchMs };

function rulesOf(account: string, info: AccountInfo, provider: Provider): PaymentRules {
  return {
    isShared: info.sharedReferences,
    references: info.referenceScope ?? paymentsWithin(account).references,
    receiptsLike: (receipt) => receiptScope(provider, receipt),
  };
}

/** What a reconciliation prints of an order that was settled. */
function outcomeOf(settled: StatementSettled): { readonly note: string; readonly finding?: Finding } {
  if (settled.outcome === 'changed') return { note: 'the order has changed meanwhile; run it again' };
  const { order, progress } = settled.record;
  const { verdict, stateversion } = progress;
  const now = [verdict?.status ?? 'no verdict', verdict?.reason].filter((word) => word != null).join('/');
  // The payment belongs to another order, which a person has to look at.
  const isUsed = verdict?.reason === 'receipt-used';
  switch (settled.outcome) {
    case 'published':
      return {
        note: `published ${order.orderId}:${stateversion} as ${now}`,
        finding: isUsed ? 'unclear' : 'settled',
      };
    case 'contradicted':
      return { note: 'recorded as a contradiction; the order stays paid' };
    case 'unchanged':
      return { note: `is ${now} already`, ...(verdict?.status === 'paid' && { finding: 'agrees' as const }) };
  }
}

function parseCurrency(text: string): string {
  if (!/^[A-Z]{3}$/.test(text))
    throw new InvalidArgumentError('The currency must be an ISO 4217 code such as KES.');
  return text;
}
