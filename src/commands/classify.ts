import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { Argument, Command } from 'commander';
import { ConfigError, readOverrides } from '../config/config.ts';
import { parseExactly } from '../domain/exact-json.ts';
import { toFault } from '../jobs/validate-order.ts';
import { providers } from '../providers/index.ts';
import type { Provider } from '../providers/provider.ts';
import type { StatusTable } from '../providers/status-table.ts';
import { type AnswerInput, answerInputSchema, classify } from './classification.ts';
import { type CommandContext, UsageError } from './command-context.ts';

export function classifyCommand(terminal: CommandContext): Command {
  return new Command('classify')
    .description('show how the adapter classifies an answer; needs no Redis and no credentials')
    .addArgument(
      new Argument('<provider>', 'the provider that gave the answer').choices([...providers.keys()]),
    )
    .argument(
      '[file]',
      'the answer as JSON {"kind","httpStatus","headers","body","order"}; default: standard input',
    )
    .action(async (providerId: string, file: string | undefined) => {
      const provider = providers.get(providerId) as Provider;
      if (file === undefined && terminal.stdin.isTTY) {
        terminal.stderr.write('Reading the answer from standard input; end it with Ctrl-D.\n');
      }
      const input = parseInput(file === undefined ? await text(terminal.stdin) : await readInput(file));
      if (input.kind === 'result' && provider.asyncResult === undefined) {
        throw new UsageError(
          `${providerId} answers synchronously and posts no results. Use the kind "status" or "callback".`,
        );
      }
      terminal.stdout.write(
        `${JSON.stringify(classify(provider, input, overridesOf(terminal, providerId)))}\n`,
      );
    });
}

function overridesOf({ environment }: CommandContext, providerId: string): StatusTable | undefined {
  const faults: string[] = [];
  const overrides = readOverrides(environment.STATUS_OVERRIDES?.trim() || undefined, faults);
  if (faults.length > 0) throw new ConfigError(faults);
  return overrides.get(providerId);
}

async function readInput(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError(
      `Cannot read ${file}; name a file that contains the answer, or pass the answer on standard input.`,
      {
        cause,
      },
    );
  }
}

function parseInput(json: string): AnswerInput {
  let value: unknown;
  try {
    value = parseExactly(json.replace(/^\uFEFF/, ''));
  } catch (cause) {
    const help =
      'The answer must be JSON like {"httpStatus":200,"body":{…}}; pass a body that is not JSON as a string.';
    throw new UsageError(help, { cause });
  }
  if (isTooDeep(value)) throw new UsageError('The answer is nested too deeply; pass its body as a string.');
  const parsed = answerInputSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues
    .map((issue) => toFault(issue, value))
    .map(({ path, message }) => `${path || 'the input'}: ${message}`);
  throw new UsageError(
    `The answer does not have the form {"kind","httpStatus","headers","body","order"}: ${faults.join('; ')}.`,
  );
}

/** JSON.parse accepts deeper nesting than JSON.stringify can write. */
function isTooDeep(value: unknown): boolean {
  try {
    JSON.stringify(value);
    return false;
  } catch {
    return true;
  }
}
