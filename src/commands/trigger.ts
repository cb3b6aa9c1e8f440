import { Argument, Command } from 'commander';
import { plainStates } from '../simulator/words.ts';
import type { CommandContext } from './command-context.ts';

interface Flags {
  readonly provider?: string;
  readonly amount?: string;
  readonly simulator?: string;
}

const answerMs = 3_000;

/** `cancelled` for `failed:cancelled`: the part after the colon is enough. */
const shortStates = new Map(
  plainStates.flatMap((state) => {
    const reason = state.split(':')[1];
    return reason === undefined ? [] : [[reason, state] as const];
  }),
);

export function triggerCommand(terminal: CommandContext, exit: (code: number) => void): Command {
  return new Command('trigger')
    .description('move a payment of the provider simulator by hand')
    .argument('<reference>', "the payment's reference at the provider")
    .addArgument(
      new Argument('<state>', 'the state that its provider reports from now on').choices([
        ...plainStates,
        ...shortStates.keys(),
      ]),
    )
    .option('--provider <id>', 'its provider; needed for a new payment, or if several have the reference')
    .option('--amount <amount>', 'what was requested, in major units; needed for a new payment')
    .option('--simulator <url>', 'the simulator (default: SIMULATOR_URL, or http://127.0.0.1:4010)')
    .action(async (reference: string, state: string, { provider, amount, simulator }: Flags) => {
      const url = simulator ?? (terminal.environment.SIMULATOR_URL || 'http://127.0.0.1:4010');
      const body = { reference, state: shortStates.get(state) ?? state, provider, amount };
      const answer = await post(`${url.replace(/\/$/, '')}/_simulator/trigger`, body).catch(
        (cause: unknown) => {
          throw new Error(
            `The simulator at ${url} does not answer; start it with payment-poller simulate, or set SIMULATOR_URL.`,
            { cause },
          );
        },
      );
      if (!answer.ok) {
        terminal.stderr.write(`${faultsOf(answer.text)}\n`);
        return exit(1);
      }
      terminal.stdout.write(`${reference} is ${body.state} from now on\n`);
    });
}

async function post(url: string, body: object): Promise<{ readonly ok: boolean; readonly text: string }> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(answerMs),
  });
  return { ok: response.ok, text: await response.text() };
}

function faultsOf(text: string): string {
  try {
    const { faults } = JSON.parse(text) as { faults?: unknown };
    if (Array.isArray(faults)) return faults.join('; ');
  } catch {
    // Not a simulator.
  }
  return 'The answer is not that of a simulator; check SIMULATOR_URL.';
}
