import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { Command } from 'commander';
import { readServiceSettings } from '../config/config.ts';
import { orderIdPattern } from '../domain/order.ts';
import type { EnqueueResult } from '../jobs/enqueue-result.ts';
import type { Producer } from '../jobs/producer.ts';
import { readJson } from '../jobs/read-json.ts';
import type { OrderInput } from '../jobs/validate-order.ts';
import { awaitRedisForCommand, connectRedis } from '../redis/connection.ts';
import { type CommandContext, UsageError } from './command-context.ts';
import { originOfCommand } from './origin.ts';
import { readLines } from './read-lines.ts';
import { createScreen } from './screen.ts';

interface Flags {
  readonly file?: string;
  readonly orderId?: string;
  readonly account?: string;
  readonly reference?: string;
  readonly amount?: string;
  readonly currency?: string;
  readonly createdAt?: string;
  readonly schedule?: string;
  readonly metadata?: string;
}

export function enqueueCommand(terminal: CommandContext, exit: (code: number) => void): Command {
  return new Command('enqueue')
    .description('submit one order with flags, or many with --file')
    .option('--file <file>', 'orders as JSON, one per line; - for standard input')
    .option('--order-id <id>', "the checkout's own id of the order")
    .option('--account <id>', 'the account that the payment was started with')
    .option(
      '--reference <reference>',
      'identifier of the payment at the provider: a string, or JSON such as {"tradeNo":"…"}',
    )
    .option('--amount <amount>', 'expected amount in major units, e.g. 2.00')
    .option('--currency <code>', "ISO 4217 (default: the account's)")
    .option('--created-at <time>', 'when the payment was started, RFC 3339 (default: now)')
    .option('--schedule <json>', 'overrides of the poll schedule, e.g. {"deadlineMs":60000}')
    .option('--metadata <json>', 'your own data, returned with the result')
    .action(async (flags: Flags) => {
      const single = Object.keys(flags).some((name) => name !== 'file');
      if (single === (flags.file !== undefined)) {
        throw new UsageError(
          'Give either --file, or one order with --order-id, --account, --reference and --amount.',
        );
      }
      const { redisUrl, prefix } = readServiceSettings(terminal.environment);
      const { createProducerOf } = await import('../jobs/producer.ts');
      const one = flags.file === undefined ? orderOf(flags) : null;
      // Before Redis is waited for: a file that is not there is said at once.
      const input = flags.file === undefined ? null : await inputOf(flags.file, terminal);
      const redis = connectRedis(redisUrl, 'prompt');
      const producer = createProducerOf(originOfCommand(), { redis, prefix });
      try {
        await awaitRedisForCommand(redis, redisUrl);
        const refused =
          one === null
            ? await enqueueFile(producer, input ?? terminal.stdin, terminal)
            : await enqueueOne(producer, one, terminal);
        exit(refused === 0 ? 0 : 1);
      } catch (cause) {
        if (one === null || one.faults.size === 0 || cause instanceof UsageError) throw cause;
        throw new UsageError(`${[...one.faults.values()].join('; ')}.`, { cause });
      } finally {
        await producer.close();
        redis.disconnect();
      }
    });
}

/** Enqueues one order given by flags. Returns how many were refused. */
async function enqueueOne(
  producer: Producer,
  { order, faults }: FlagOrder,
  { stdout, stderr }: CommandContext,
): Promise<number> {
  const result = await producer.enqueue(order as OrderInput);
  if (faults.size > 0) {
    const others = 'faults' in result ? result.faults.filter(({ path }) => !faults.has(path)) : [];
    throw new UsageError(`${[...faults.values(), ...others.map(faultText)].join('; ')}.`);
  }
  if ('faults' in result) {
    stderr.write(`refused (${result.outcome}): ${faultsOf(result)}\n`);
    return 1;
  }
  stdout.write(`${result.orderId} ${result.outcome}\n`);
  if (result.sharesReferenceWith !== undefined) stderr.write(`${sharingOf(result)}\n`);
  return 0;
}

interface FlagOrder {
  readonly order: unknown;
  /** What is wrong with flags that hold JSON, by field. Such a field is `null`, which no order may have there. */
  readonly faults: ReadonlyMap<string, string>;
}

function orderOf({ file: _, reference, schedule, metadata, ...flags }: Flags): FlagOrder {
  const faults = new Map<string, string>();
  const json = (field: string, text: string): unknown => {
    try {
      const { value, faults: found } = readJson(text);
      if (found.length === 0 && value !== null) return value;
      faults.set(field, `--${field} ${found[0]?.message ?? 'must be a JSON object'}`);
    } catch {
      faults.set(field, `--${field} must be JSON`);
    }
    return null;
  };
  const order = {
    ...flags,
    ...(reference !== undefined && {
      reference: reference.startsWith('{') ? json('reference', reference) : reference,
    }),
    ...(schedule !== undefined && { schedule: json('schedule', schedule) }),
    ...(metadata !== undefined && { metadata: json('metadata', metadata) }),
  };
  return { order, faults };
}

const batchSize = 500;
/** Longest accepted line, far above the largest valid order. */
const maxLineLength = 65_536;

/** Enqueues orders from JSON lines. Invalid lines are reported by number, valid ones enqueued. Returns how many were refused. */
async function enqueueFile(producer: Producer, input: Readable, terminal: CommandContext): Promise<number> {
  const counts = { new: 0, same: 0, conflict: 0, 'reference-in-use': 0, invalid: 0 };
  const screen = createScreen(terminal.stderr);
  let batch: { line: number; order: unknown }[] = [];

  async function flush(): Promise<void> {
    const results = await enqueueBatch(producer, batch);
    for (const [index, result] of results.entries()) {
      counts[result.outcome] += 1;
      if ('faults' in result) {
        screen.complain(`${placeOf(batch[index])}: ${result.outcome}: ${faultsOf(result)}`);
      } else if (result.sharesReferenceWith !== undefined) {
        screen.complain(`${placeOf(batch[index])}: ${sharingOf(result)}`);
      }
    }
    batch = [];
    screen.progress(`${counts.new + counts.same} orders accepted`);
  }

  try {
    for await (const { line, order, fault } of readOrders(input)) {
      if (fault !== undefined) {
        counts.invalid += 1;
        screen.complain(`${placeOf({ line, order })}: ${fault}`);
      } else {
        batch.push({ line, order });
        if (batch.length === batchSize) await flush();
      }
    }
    if (batch.length > 0) await flush();
  } finally {
    screen.clear();
  }
  const refused = counts.conflict + counts['reference-in-use'] + counts.invalid;
  terminal.stdout.write(`${counts.new} new, ${counts.same} same, ${refused} refused\n`);
  return refused;
}

async function enqueueBatch(
  producer: Producer,
  batch: readonly { line: number; order: unknown }[],
): Promise<EnqueueResult[]> {
  try {
    return await producer.enqueueMany(batch.map(({ order }) => order as OrderInput));
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    const where = `The valid orders before line ${batch[0]?.line} were accepted; submitting the file again is safe.`;
    throw new Error(`${what} ${where}`, { cause });
  }
}

interface OrderLine {
  readonly line: number;
  readonly order?: unknown;
  readonly fault?: string;
}

/** Where a line is, with the id of its order as far as it can be read. */
function placeOf(entry: { readonly line: number; readonly order?: unknown } | undefined): string {
  const { line, order } = entry ?? {};
  const id: unknown =
    typeof order === 'string' ? writtenId.exec(order)?.[1] : (order as { orderId?: unknown } | null)?.orderId;
  return typeof id === 'string' && orderIdPattern.test(id) ? `line ${line} (${id})` : `line ${line}`;
}

/** The id in a line that is not valid JSON. */
const writtenId = /"orderId"\s*:\s*"([^"\\]{1,128})"/;

async function inputOf(file: string, { stdin }: CommandContext): Promise<Readable> {
  return file === '-' ? stdin : (await openFile(file)).createReadStream();
}

async function* readOrders(input: Readable): AsyncGenerator<OrderLine> {
  for await (const { line, text } of readLines(input, maxLineLength)) {
    const content = text?.replace(/^\uFEFF/, '').trim();
    if (content !== '') yield parseLine(line, content);
  }
}

async function openFile(file: string): Promise<FileHandle> {
  try {
    const handle = await open(file);
    if (!(await handle.stat()).isDirectory()) return handle;
    await handle.close();
  } catch (cause) {
    throw new UsageError(cannotRead(file), { cause });
  }
  throw new UsageError(cannotRead(file));
}

function cannotRead(file: string): string {
  return `Cannot read ${file}; name a file with one order per line, or - for standard input.`;
}

function parseLine(line: number, content: string | undefined): OrderLine {
  if (content === undefined) return { line, fault: `is longer than ${maxLineLength} characters` };
  try {
    const { value: order, faults } = readJson(content);
    if (faults.length > 0) return { line, order, fault: faults.map(({ message }) => message).join('; ') };
    if (typeof order === 'object' && order !== null && !Array.isArray(order)) return { line, order };
  } catch {
    // Reported below with the same message as JSON that is not an object.
  }
  return { line, order: content, fault: 'is not a JSON object; write one order per line' };
}

/** Warns that other open orders have the same reference: only one of them can be paid by it. */
function sharingOf({ orderId, sharesReferenceWith }: Extract<EnqueueResult, { outcome: 'new' | 'same' }>) {
  return `${orderId} has the same reference as ${sharesReferenceWith?.join(', ')}: only the first of them that is paid owns the payment.`;
}

function faultsOf(result: Extract<EnqueueResult, { faults: unknown }>): string {
  return result.faults.map(faultText).join('; ');
}

function faultText({ path, message }: { readonly path: string; readonly message: string }): string {
  return `${path} ${message}`.trim();
}
