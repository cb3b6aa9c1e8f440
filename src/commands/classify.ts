import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { Argument, Command } from 'commander';
import { z } from 'zod';
import type { Terminal } from '../cli.ts';
import { decide, freshProgress } from '../jobs/decide.ts';
import { defaultSchedule } from '../jobs/schedule.ts';
import { toMajor, toMinor } from '../money.ts';
import type { Order, Reading } from '../order.ts';
import { providers } from '../providers/index.ts';
import type { Provider } from '../providers/provider.ts';
import { type Expected, readAnswer } from '../providers/read-answer.ts';
import { UsageError } from './usage-error.ts';

export function classifyCommand(terminal: Terminal): Command {
  return new Command('classify')
    .description('say what the adapter makes of an answer; needs no Redis and no credentials')
    .addArgument(new Argument('<provider>', 'whose answer it is').choices([...providers.keys()]))
    .argument(
      '[file]',
      'the answer as JSON {"kind","httpStatus","headers","body","order"}; default: standard input',
    )
    .action(async (providerId: string, file: string | undefined) => {
      const provider = providers.get(providerId) as Provider;
      const input = parseInput(file === undefined ? await text(terminal.stdin) : await readInput(file));
      terminal.stdout.write(`${JSON.stringify(classify(provider, input))}\n`);
    });
}

const inputSchema = z.strictObject({
  kind: z.enum(['status', 'result', 'callback']).default('status'),
  httpStatus: z.int().min(100).max(599).default(200),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.unknown(),
  order: z
    .looseObject({
      amount: z.union([z.string(), z.number()]).optional(),
      reference: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
    })
    .optional(),
});
type Input = z.infer<typeof inputSchema>;

/** What an answer would teach, in the words of the contract. */
export interface Classification {
  readonly reading: Reading['kind'];
  readonly certainty: 'firm' | 'soft' | null;
  readonly reason: string | null;
  readonly receipt: string | null;
  readonly amountReceived: string | null;
  readonly providerStatus: string | null;
  /** What this answer alone would publish; `null`: nothing (yet). */
  readonly verdict: string | null;
}

function classify(provider: Provider, input: Input): Classification {
  const now = Date.now();
  const headers = Object.fromEntries(
    Object.entries(input.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const body = Buffer.from(typeof input.body === 'string' ? input.body : JSON.stringify(input.body ?? null));
  const answer = { httpStatus: input.httpStatus, headers, body };
  const reading = readAnswer(provider, answer, expectedOf(input.order), { at: now, source: 'poll' });
  const { publish } = decide(
    freshOrder(provider, now),
    freshProgress,
    reading,
    { confirmAfterMs: 1, watchMs: [] },
    now,
    0,
  );
  return {
    reading: reading.kind,
    certainty: 'certainty' in reading ? reading.certainty : null,
    reason: reading.kind === 'paid' ? reading.doubt : 'reason' in reading ? reading.reason : null,
    receipt: reading.kind === 'paid' ? reading.receipt : null,
    amountReceived:
      reading.kind === 'paid' && reading.amountReceivedMinor !== null
        ? toMajor(reading.amountReceivedMinor)
        : null,
    providerStatus: reading.providerStatus,
    verdict: publish?.status ?? null,
  };
}

function expectedOf(order: Input['order']): Expected {
  if (order === undefined) return null;
  const amountMinor = order.amount === undefined ? null : toMinor(order.amount);
  if (order.amount !== undefined && amountMinor === null) {
    throw new UsageError('order.amount must be an amount in major units with at most two decimals.');
  }
  return { reference: order.reference ?? null, amountMinor };
}

/** An order whose deadline is far, so that only the answer decides. */
function freshOrder(provider: Provider, now: number): Order {
  return {
    orderId: 'classify',
    account: provider.id,
    provider: provider.id,
    reference: '',
    amountMinor: 0,
    currency: 'KES',
    createdAt: now,
    schedule: defaultSchedule,
    metadata: {},
  };
}

async function readInput(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`Cannot read ${file}; name a file with the answer, or pass it on standard input.`, {
      cause,
    });
  }
}

function parseInput(json: string): Input {
  let value: unknown;
  try {
    value = JSON.parse(json.replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw new UsageError(
      'The answer must be JSON like {"httpStatus":200,"body":{…}}; a body that is no JSON goes in as a string.',
      { cause },
    );
  }
  const parsed = inputSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(
    ({ path, message }) => `${path.join('.') || 'the whole'}: ${message}`,
  );
  throw new UsageError(
    `The answer is not of the form {"kind","httpStatus","headers","body","order"}: ${faults.join('; ')}.`,
  );
}
