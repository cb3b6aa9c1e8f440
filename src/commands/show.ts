import { Command } from 'commander';
import { readPause } from '../accounts/pause.ts';
import { readServiceSettings } from '../config/config.ts';
import { orderIdPattern } from '../domain/order.ts';
import { createOrderStore, type OrderStore } from '../orders/store.ts';
import { type OrderView, viewOf } from '../orders/view.ts';
import { awaitRedisForCommand, connectRedis, type Redis } from '../redis/connection.ts';
import { createKeys } from '../redis/keys.ts';
import { type Delivery, readDeliveries } from '../webhooks/deliveries.ts';
import { type CommandContext, UsageError } from './command-context.ts';

export function showCommand(terminal: CommandContext, exit: (code: number) => void): Command {
  return new Command('show')
    .description('show everything known about an order, and why it has its verdict')
    .argument('<orderId>', "the checkout's own id of the order")
    .option('--json', 'print one JSON object')
    .action(async (orderId: string, { json }: { json?: boolean }) => {
      await withStore(terminal, orderId, async (store, redis, prefix) => {
        const record = await store.read(orderId);
        if (record === null) {
          terminal.stderr.write(`Order ${orderId} is unknown; check its id and REDIS_URL.\n`);
          exit(1);
          return;
        }
        const view = viewOf(record, await readPause(redis, createKeys(prefix), record.order.account));
        const webhooks = await readDeliveries(redis, createKeys(prefix), orderId);
        const text = json ? JSON.stringify({ ...view, webhooks }) : forPeople(view) + webhooksText(webhooks);
        terminal.stdout.write(`${text}\n`);
      });
    });
}

/** Opens the order store of the configured Redis for a command. */
export async function withStore(
  { environment }: CommandContext,
  orderId: string,
  work: (store: OrderStore, redis: Redis, prefix: string) => Promise<void>,
): Promise<void> {
  if (!orderIdPattern.test(orderId))
    throw new UsageError('An order id has 1 to 128 characters from A-Z a-z 0-9 . _ : -');
  const { redisUrl, prefix, retentionDays } = readServiceSettings(environment);
  const redis = connectRedis(redisUrl, 'patient');
  try {
    await awaitRedisForCommand(redis, redisUrl);
    const retentionMs = retentionDays * 86_400_000;
    await work(createOrderStore({ redis, keys: createKeys(prefix), retentionMs }), redis, prefix);
  } finally {
    redis.disconnect();
  }
}

function forPeople(view: OrderView): string {
  const rows: [string, string][] = [
    ['order', view.orderId],
    ['verdict', [view.status ?? 'none yet', view.reason].filter((word) => word !== null).join(', ')],
    ['why', view.explanation],
    ['amount', `${view.currency} ${view.amount}`],
    ['received', receivedText(view)],
    ['receipt', view.receipt ?? '-'],
    ['account', view.account === view.provider ? view.account : `${view.account} (${view.provider})`],
    ['reference', typeof view.reference === 'string' ? view.reference : JSON.stringify(view.reference)],
    ...acknowledgedRow(view),
    ['created', view.createdAt],
    ['deadline', view.deadlineAt],
    ['settled', view.settledAt ?? '-'],
    ['next poll', view.nextPollAt ?? '-'],
    ['polls', `${view.polls}, ${view.answeredPolls} with a usable answer`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    ...rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`),
    '',
    'what the provider said, oldest first:',
    ...view.history.map(historyLine),
    ...view.callbacks.map(callbackLine),
  ].join('\n');
}

function acknowledgedRow({ acknowledged }: OrderView): [string, string][] {
  if (acknowledged === null) return [];
  const { by, at, note } = acknowledged;
  return [['acknowledged', `${note} (${by}, ${at})`]];
}

/** Which endpoints have received which results, oldest first. */
function webhooksText(deliveries: readonly Delivery[]): string {
  if (deliveries.length === 0) return '';
  const lines = deliveries.map(({ at, endpoint, type, stateversion, state, attempts, answer }) => {
    const notes = [`version ${stateversion}`, attempts > 1 && `${attempts} attempts`, answer];
    return `  ${at}  ${endpoint}  ${type} ${state} (${notes.filter((note) => note).join(', ')})`;
  });
  return ['', '', 'webhooks, oldest first:', ...lines].join('\n');
}

function receivedText({ currency, amountReceived, amountVerified, status }: OrderView): string {
  const received = amountReceived === null ? '-' : `${currency} ${amountReceived}`;
  if (status !== 'paid') return received;
  return amountVerified ? `${received}, amount verified` : 'not known, amount not verified';
}

function callbackLine({ at, count, bodySha256 }: OrderView['callbacks'][number]): string {
  const times = count > 1 ? `, ${count} times` : '';
  return `  ${at}  ${'callback'.padEnd(12)}  a hint, no proof (SHA-256 ${bodySha256.slice(0, 16)}…${times})`;
}

function historyLine(entry: OrderView['history'][number]): string {
  const { at, reading, source, httpStatus, reason, receipt, amountReceived, otherAmount } = entry as {
    [name: string]: string | number | null | undefined;
  };
  const { providerStatus, providerMessage, count } = entry as {
    [name: string]: string | number | null | undefined;
  };
  const said = [providerStatus, providerMessage].filter((text) => text != null && text !== '').join(': ');
  const notes = [
    reason,
    receipt == null ? null : `receipt ${receipt}`,
    (otherAmount ?? amountReceived) == null ? null : `received ${otherAmount ?? amountReceived}`,
    httpStatus == null ? null : `HTTP ${httpStatus}`,
    source === 'callback' ? 'pushed' : source === 'statement' ? 'from a statement' : null,
    Number(count ?? 1) > 1 ? `${count} times` : null,
  ].filter((note) => note != null);
  return `  ${at}  ${String(reading).padEnd(12)}  ${said}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`;
}
